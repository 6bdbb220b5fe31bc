"""Prints the table of ratios from the files of a run: `table.py FOLDER`.

The folder holds retort-*.json (of the benchmarks) and other *-*.json (of the peers), one per round. Each
side counts with its fastest round, because a shared machine only ever makes work slower.
"""
import glob
import json
import math
import sys

folder = sys.argv[1]
rounds = [json.load(open(f)) for f in sorted(glob.glob(folder + "/retort-*.json"))]
peaks = {key: max(r["peaks"][key] for r in rounds) for key in ("flopsPerSecond", "bytesPerSecond")}
cases, ours, gaps, peers, memory = {}, {}, {}, {}, {}
for r in rounds:
    for m in r["measurements"]:
        cases[m["name"]] = m
        ours[m["name"]] = min(m["seconds"]["median"], ours.get(m["name"], math.inf))
        gap = m["facts"].get("share_between_launches", math.inf)
        gaps[m["name"]] = min(gap, gaps.get(m["name"], math.inf))
for file in glob.glob(folder + "/*.json"):
    data = json.load(open(file))
    if "peer" not in data:
        continue
    found = peers.setdefault(data["peer"], {})
    for m in data["measurements"]:
        found[m["name"]] = min(m["seconds"], found.get(m["name"], math.inf))
        if "peak_resident_bytes" in m["facts"]:
            memory[data["peer"], m["name"]] = m["facts"]["peak_resident_bytes"]


def bound(case):
    """The least seconds that the measured peaks allow."""
    return max(case["flopCount"] / peaks["flopsPerSecond"], case["byteCount"] / peaks["bytesPerSecond"])


def mean(numbers):
    return math.exp(sum(math.log(x) for x in numbers) / len(numbers)) if numbers else math.nan


def line(*cells):
    print("| " + " | ".join(cells) + " |")


def compare(work, peer, target, chosen):
    """One row: our speed over a peer's, as the geometric mean over some cases."""
    name = next((p for p in sorted(peers) if p.startswith(peer)), peer)
    both = [c for c in cases if chosen(cases[c]) and c in peers.get(name, {})]
    if not both:
        return line(work, name, f"{target}", "not run", "", "")
    ratio = mean([peers[name][c] / ours[c] for c in both])
    limit = mean([peers[name][c] / bound(cases[c]) for c in both if bound(cases[c]) > 0])
    share = mean([bound(cases[c]) / ours[c] for c in both if bound(cases[c]) > 0])
    verdict = "met" if ratio >= target else "beyond the roofline" if limit < target else "not met"
    line(work, name, f"{target}", f"{ratio:.2f} ({verdict})", f"{limit:.2f}", f"{100 * share:.0f} %")


def group(*names):
    return lambda case: case["group"] in names


def operation(start, **sizes):
    return lambda case: case["operation"].startswith(start) and all(
        case["sizes"].get(k) == v for k, v in sizes.items())


def models(*names):
    return lambda case: case["group"] == "matmul" and case["model"] in names


print(f"Peaks: {peaks['flopsPerSecond'] / 1e9:.0f} GFLOP/s, {peaks['bytesPerSecond'] / 1e9:.0f} GB/s; "
      f"{rounds[0]['device']}; {rounds[0]['commit']}; {rounds[0]['date']}\n")
line("work", "peer", "aim", "times the peer's speed", "at most possible", "of our peak")
line(*["---"] * 6)
two = models("student", "teacher")
for peer in sorted(p for p in peers if p.startswith("OpenBLAS")) or ["OpenBLAS"]:
    compare("matmul, shapes of student and teacher", peer, 0.95, two)
compare("matmul, shapes of student and teacher", "PyTorch eager", 2, two)
compare("matmul, shapes of student and teacher", "CLBlast tuned", 2, two)
compare("matmul, all shapes that it can do in time", "tinygrad CL", 2, group("matmul"))
for peer in ("PyTorch eager", "PyTorch compiled"):
    compare("attention forward", peer, 2, lambda c: c["operation"] == "attention")
    compare("attention, forward and gradients", peer, 3, operation("attention with"))
    for name in ("softmax", "layer norm", "rms norm", "gelu"):
        compare(name + " and its gradient", peer, 2, operation(name))
    compare("cross-entropy with gradient", peer, 2, operation("cross-entropy"))
    compare("linear + divergence", peer, 1.5, operation("linear "))
    compare("training step, student", peer, 3, operation("training step", width=384, batch=8, length=256))
    compare("distillation step", peer, 3, operation("distillation step"))
    compare("training step, GPT-2 small", peer, 2.5, operation("training step", width=768))

print()
line("what else", "aim", "reached")
line(*["---"] * 3)
square = [bound(c) / ours[n] for n, c in cases.items() if c["model"] == "square" and c["group"] == "matmul"]
if square:
    line("matmul at 1024 cubed and above, of the FMA peak", "85 %", f"{100 * mean(square):.0f} %")
for name, case in cases.items():
    facts = case["facts"]
    if case["operation"] == "distillation step":
        for (peer, other), theirs in sorted(memory.items()):
            if other == name:
                line(f"resident memory of the distillation step, beside {peer}", "at most 1",
                     f"{facts['peak_resident_bytes'] / theirs:.2f}")
    if case["group"] == "step":
        plan = facts["plan_bytes"] / facts["plan_lower_bound_bytes"]
        line(f"memory plan over its lower bound, {name}", "at most 1.10", f"{plan:.3f}")
        line(f"time between launches, {name}", "at most 3 %", f"{100 * gaps[name]:.1f} %")
growth = sorted((c["sizes"]["length"], n) for n, c in cases.items()
                if c["operation"] == "training step" and c["sizes"]["batch"] * c["sizes"]["length"] == 4096)
for length, name in growth[1:]:
    first = growth[0][1]
    time, flops = ours[name] / ours[first], cases[name]["flopCount"] / cases[first]["flopCount"]
    plan = cases[name]["facts"]["plan_bytes"] / cases[first]["facts"]["plan_bytes"]
    line(f"growth from T 256 to {length} at 4096 tokens: time, FLOPs, plan", "time at most FLOPs",
         f"{time:.2f}, {flops:.2f}, {plan:.2f}")
