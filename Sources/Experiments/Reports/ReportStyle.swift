// How reports look: one style sheet and one script, both in the page.

enum ReportStyle {
  /// Light and dark as the reader's system is, narrow and wide, on screens and on paper.
  static let css = """
    :root { color-scheme: light dark; --ground: #ffffff; --card: #f6f7f9; --ink: #1c2128; --soft: #5c6570; --rule: #d5dae0;
      --teacher: #6e7781; --student: #0b62d6; --control: #c2571a; --control-compute: #8b3fa8; --model: #0b62d6;
      --good: #1a7f37; --bad: #c3262f; --doubtful: #946100; }
    @media (prefers-color-scheme: dark) { :root { --ground: #12161c; --card: #1b2129; --ink: #e4e8ed; --soft: #9aa5b1;
      --rule: #343d48; --teacher: #a3adb8; --student: #62a5ff; --control: #f0945a; --control-compute: #cf8fe6; --model: #62a5ff;
      --good: #56c271; --bad: #ff7a80; --doubtful: #dfae45; } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--ground); color: var(--ink);
      font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
    h1 { font-size: 1.5rem; margin: .5rem 0 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
    p { margin: .4rem 0; max-width: 48rem; } .note { color: var(--soft); font-size: .875rem; }
    .card { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: .5rem 1rem 1rem; margin: 1rem 0; }
    .grid-of { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
    figure { margin: 0; min-width: 0; break-inside: avoid; } figcaption { font-weight: 600; font-size: .9375rem; }
    svg { display: block; width: 100%; max-width: 34rem; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
    .wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9375rem; font-variant-numeric: tabular-nums; }
    th, td { padding: .25rem .7rem .25rem 0; text-align: right; white-space: nowrap; font-weight: 400; }
    .wide tr:first-child th { color: var(--soft); } th:first-child { text-align: left; font-weight: 600; }
    tr { border-bottom: 1px solid var(--rule); } tr:last-child { border-bottom: 0; }
    table.words td { white-space: normal; } table.words td, table.words th { text-align: left; vertical-align: top; }
    @media (max-width: 34rem) { table.words th, table.words td { display: block; padding-left: 0; } }
    pre { background: var(--card); border-radius: .4rem; padding: .7rem; margin: .3rem 0; white-space: pre-wrap; font-size: .875rem; }
    .grid { stroke: var(--rule); } .zero { stroke: var(--soft); } .line { fill: none; stroke-width: 1.8; } .faint { fill: none; stroke-width: 1; opacity: .3; }
    .dot { fill: transparent; } .interval { stroke-width: 4; stroke-linecap: round; }
    .teacher { stroke: var(--teacher); } .student { stroke: var(--student); } .control { stroke: var(--control); }
    .control-compute { stroke: var(--control-compute); } .model { stroke: var(--model); }
    .good { stroke: var(--good); color: var(--good); } .bad { stroke: var(--bad); color: var(--bad); } .doubtful { stroke: var(--doubtful); color: var(--doubtful); }
    .fill { stroke: none; } .fill.teacher { fill: var(--teacher); } .fill.student { fill: var(--student); } .fill.control { fill: var(--control); }
    .fill.control-compute { fill: var(--control-compute); } .fill.model { fill: var(--model); }
    .fill.good { fill: var(--good); } .fill.bad { fill: var(--bad); } .fill.doubtful { fill: var(--doubtful); }
    .key span { display: inline-block; margin-right: 1rem; } .key i { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-right: .3rem; }
    i.teacher { background: var(--teacher); } i.student { background: var(--student); } i.control { background: var(--control); }
    i.control-compute { background: var(--control-compute); } i.model { background: var(--model); }
    .axes > input { position: absolute; opacity: 0; } .axes > label { border: 1px solid var(--rule); border-radius: .4rem; padding: .1rem .6rem;
      font-size: .875rem; cursor: pointer; } .axes > div { display: none; margin-top: .5rem; }
    .axes > input:checked + label { background: var(--ink); color: var(--ground); } .axes > input:focus-visible + label { outline: 2px solid var(--student); }
    .axes > .a1:checked ~ .b1, .axes > .a2:checked ~ .b2, .axes > .a3:checked ~ .b3 { display: block; }
    #tip { position: fixed; pointer-events: none; background: var(--ink); color: var(--ground); border-radius: .3rem; padding: .15rem .5rem;
      font-size: .8125rem; max-width: 16rem; visibility: hidden; }
    @media print { body { max-width: none; } table { font-size: .7rem; } .axes > label, #tip { display: none; }
      .card, .wide, tr { break-inside: avoid; } h2, .key { break-after: avoid; }
      .wide { overflow: visible; } .wide table { font-size: .6rem; } .wide :is(th, td) { white-space: normal; overflow-wrap: normal; padding-right: .4rem; } }
    """

  /// What a point is, where the pointer is; without scripts the browser's own hints say the same.
  static let script = """
    const tip = document.getElementById('tip');
    document.addEventListener('pointerover', event => {
      const label = event.target.dataset && event.target.dataset.label;
      tip.style.visibility = label ? 'visible' : 'hidden';
      if (!label) return;
      tip.textContent = label;
      const width = tip.offsetWidth;
      tip.style.left = Math.max(4, Math.min(innerWidth - width - 4, event.clientX + 12)) + 'px';
      tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 8) + 'px';
    });
    """
}
