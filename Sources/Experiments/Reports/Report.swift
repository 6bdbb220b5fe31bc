// The report of a run: one HTML page that needs nothing else.
import Base
import Foundation

/// Writes `report.html` from what a run's folder holds.
struct Report {
  let run: RunRecord

  init(_ run: RunRecord) { self.run = run }

  var html: String {
    let parts = [
      verdict, numbers, course, terms, comparisons, samples,
      resources, origins,
    ]
    return page(
      title: run.name, by: "report",
      introduction + parts.filter { !$0.isEmpty }.joined(separator: "\n"))
  }

  /// What a reader needs who has not seen such a page.
  private var introduction: String {
    guard run.outcome?.answers != nil else { return "" }
    return element(
      "p", class: "note",
      "A student, a small model, learnt from a teacher. Controls are the same small model without the teacher: one on the "
        + "same data, one with the same arithmetic, which is more steps. All are compared on data that none has seen."
    )
  }

  // MARK: What came of it

  private var verdict: String {
    guard let outcome = run.outcome else {
      let arm = run.arms.last.map { ": the \(Question.title(ofArm: $0)) is being trained" } ?? ""
      return element(
        "section", class: "card", element("p", escaped("This run has not ended\(arm).")))
    }
    let sentences = outcome.sentences.map { element("p", escaped($0)) }.joined(separator: "\n")
    let warnings = (run.about?.findings ?? []).filter { $0.level == .warning }.map {
      element("p", class: "doubtful", escaped("Before the run: \($0.text)."))
    }.joined()
    let forced = (run.about?.forced ?? []).map {
      element("p", class: "bad", escaped("This run was forced although \($0)."))
    }.joined()
    return element(
      "section", class: "card",
      element("div", class: "grid-of", (outcome.answers?.figures ?? "") + outcome.qualityLine)
        + sentences + warnings + forced)
  }

  private var numbers: String {
    run.outcome.map {
      "<h2>Numbers</h2>" + key($0.arms.map(\.arm)) + htmlTable($0.cells)
        + element("p", class: "note", escaped($0.directions))
    } ?? ""
  }

  private func key(_ arms: [String]) -> String {
    var seen: Set<String> = []
    let kinds = arms.map { Trial.kind(ofArm: $0) }.filter { seen.insert($0).inserted }
    return element(
      "p", class: "key",
      kinds.map {
        "<span><i class=\"\(armClass($0))\"></i>\(escaped(Question.title(ofArm: $0)))</span>"
      }.joined())
  }

  private var comparisons: String {
    guard let outcome = run.outcome else { return "" }
    let figures =
      (outcome.arms.first?.metrics ?? []).map(\.key).filter(MetricsRecord.isCost)
      .map(outcome.scatter).joined() + outcome.reliability
    return figures.isEmpty
      ? ""
      : "<h2>Size, speed and sureness</h2>" + key(outcome.arms.map(\.arm))
        + element("div", class: "grid-of", figures)
  }

  private var samples: String {
    guard let samples = run.outcome?.samples, let first = samples.first else { return "" }
    let cards = samples.map { sample in
      element(
        "div",
        "<b>\(escaped(Question.title(ofArm: sample.arm)))</b>"
          + "<pre>\(escaped(visible(sample.text)))</pre>")
    }
    return "<h2>What they write</h2>"
      + element("p", escaped("Each model continues “\(visible(first.prompt))”."))
      + element("div", class: "grid-of", cards.joined(separator: "\n"))
  }

  // MARK: The course of the training

  private enum Measure: String, CaseIterable {
    case steps
    case flop = "FLOP"
    case seconds
  }

  /// The curves of one number, an arm each.
  private func curves(_ key: String, against measure: Measure) -> [LineChart.Curve] {
    run.arms.compactMap { arm in
      let records = run.records.filter { $0.arm == arm }
      let seconds = RunRecord.elapsed(records)
      let points = records.enumerated().compactMap { index, record -> (x: Double, y: Double)? in
        guard let value = record[key] else { return nil }
        let x: Double? =
          switch measure {
          case .steps: Double(record.step)
          case .flop: record["flops"]
          case .seconds: seconds[index]
          }
        return x.map { ($0, value) }
      }
      return points.isEmpty ? nil : LineChart.Curve(arm: arm, points: points)
    }
  }

  private var course: String {
    let charts = Measure.allCases.map { measure in
      LineChart(curves: curves("validation", against: measure), unit: measure.rawValue).svg
    }
    guard charts.allSatisfy({ $0 != nil }) else { return "" }
    let tabs = Measure.allCases.enumerated().map { index, measure in
      "<input type=\"radio\" name=\"axis\" id=\"axis\(index)\" class=\"a\(index + 1)\"\(index == 0 ? " checked" : "")>"
        + "<label for=\"axis\(index)\">\(measure.rawValue)</label> "
    }
    let pictures = charts.enumerated().map { "<div class=\"b\($0 + 1)\">\($1 ?? "")</div>" }
    return
      "<h2>Loss on validation rows</h2><p class=\"note\">They are neither trained on nor judged; of every model the best "
      + "weights by them are kept.</p>" + key(run.arms)
      + element("div", class: "axes", (tabs + pictures).joined(separator: "\n"))
  }

  private static let titles = [
    "loss": "Loss", "ce": "Cross-entropy, nats", "kl": "KL to the teacher, nats",
    "divergence": "Divergence", "hidden": "Hidden states", "relations": "Relations",
    "cosine": "Distance of vectors, 1 - cos", "floored": "Share of probabilities floored",
    "learning_rate": "Learning rate", "gradient_norm": "Norm of the gradients",
  ]

  /// What a number is called over its chart.
  private static func title(_ key: String) -> String {
    if let title = titles[key] { return title }
    let words = key.replacing("_", with: " ")
    return words.prefix(1).uppercased() + words.dropFirst()
  }

  /// Every number that was logged.
  private var terms: String {
    let logged = Set(run.records.flatMap { $0.values.keys })
      .subtracting(["validation"])
    let order = ["loss", "ce", "kl"]
    let keys =
      order.filter(logged.contains)
      + MetricsRecord.terms(logged).subtracting(order).sorted()
      + ["learning_rate", "gradient_norm"].filter(logged.contains) + MetricsRecord.rates(logged)
    let figures = keys.compactMap { key -> String? in
      let chart = LineChart(
        curves: curves(key, against: .steps), unit: "steps", isSmoothed: key != "learning_rate")
      return chart.svg.map {
        element("figure", element("figcaption", escaped(Self.title(key))) + $0)
      }
    }
    guard !figures.isEmpty else { return "" }
    return "<h2>While training, by step</h2>" + key(run.arms)
      + element(
        "p", class: "note", "Pale lines are as logged, strong ones smoothed; seeds share a colour.")
      + element("div", class: "grid-of", figures.joined(separator: "\n"))
  }

  // MARK: Where it comes from

  private var resources: String {
    let costs = run.arms.compactMap { arm in run.costs[arm].map { (arm, $0) } }
    guard !costs.isEmpty else { return "" }
    let memory = Dictionary(
      (run.about?.memory ?? []).map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first }
    )
    let rows = costs.map { arm, cost in
      // Controls of all kinds and seeds are one kind of training.
      let kind = armClass(arm) == "control-compute" ? "control" : armClass(arm)
      return [
        Question.title(ofArm: arm), duration(cost.seconds), duration(cost.preparingSeconds),
        fixed(cost.flops / 1e12, 2),
        memory[kind].map { "\(grouped(($0 + 0xFFFFF) >> 20)) MiB" } ?? "-",
      ]
    }
    let judging = run.outcome.map { [["judging", duration($0.seconds), "-", "-", "-"]] } ?? []
    return "<h2>Time and memory</h2>"
      + htmlTable(
        [["", "time", "of it compiling", "TFLOP", "memory of a step"]] + rows + judging)
  }

  private var origins: String {
    var facts: [(String, String)] = []
    if let about = run.about {
      facts = [("command", about.command.map(shellWord).joined(separator: " "))]
      facts += about.laterCommands.map { ("made longer by", $0) }
      facts += [
        ("begun", about.begun), ("device", about.device), ("system", about.system),
        ("data", about.data),
      ]
      if !about.files.isEmpty { facts.append(("files", about.files.joined(separator: ", "))) }
      facts += [
        ("fingerprint of the data", about.dataFingerprint),
        ("version", "Retort \(about.version)"),
      ]
    }
    let table = element(
      "table", class: "words",
      facts.map { element("tr", "<th>\(escaped($0))</th><td>\(escaped(visible($1)))</td>") }
        .joined())
    let changes = (run.about?.changes ?? []).map {
      element(
        "tr",
        "<th>\(escaped($0.key))</th><td>\(escaped(visible($0.value)))</td><td>\(escaped($0.other))</td>"
      )
    }
    let findings = (run.about?.findings ?? []).map { finding in
      let style = ["ok": "good", "warning": "doubtful"][finding.level.rawValue] ?? "bad"
      return element(
        "tr",
        "<th class=\"\(style)\">\(finding.level.rawValue)</th><td>\(escaped(visible(finding.text)))</td>"
      )
    }
    return "<h2>How it was made</h2>" + table
      + (findings.isEmpty
        ? ""
        : "<h2>What was found before</h2>" + element("table", class: "words", findings.joined()))
      + (changes.isEmpty
        ? ""
        : "<h2>The recipe, where it is not the default</h2>"
          + element(
            "table", class: "words",
            "<tr><th>key</th><td>value</td><td>default</td></tr>" + changes.joined()))
  }
}

/// What a page says of the command that wrote it.
package func pageMark(_ command: String) -> String {
  "<meta name=\"generator\" content=\"retort \(command)\">"
}

/// A page of its own around some content.
package func page(title: String, by command: String, _ content: String) -> String {
  """
  <!doctype html>
  <html lang="en"><head><meta charset="utf-8">\(pageMark(command))<meta name="viewport" content="width=device-width, initial-scale=1">
  <title>\(escaped(title))</title>
  <style>
  \(ReportStyle.css)
  </style></head><body>
  <h1>\(escaped(title))</h1>
  \(content)
  <p class="note">Retort \(retortVersion)</p>
  <div id="tip"></div>
  <script>
  \(ReportStyle.script)
  </script>
  </body></html>

  """
}

/// A word as a shell reads it.
func shellWord(_ word: String) -> String {
  word.contains(/[^A-Za-z0-9_.,:=\/@%+-]/) || word.isEmpty
    ? "'\(word.replacing("'", with: "'\\''"))'" : word
}
