// Pictures of a verdict: differences with their intervals, and models on one line.
import Base
import Distillation

extension Answers {
  /// One picture for each question: the interval beside a line at zero, and a small dot for each seed.
  var figures: String {
    answers.map { answer in
      let verdict = answer.verdict
      let ends = [verdict.interval.lowerBound, verdict.interval.upperBound]
      let farthest = (ends + verdict.seedDifferences).map(abs).max() ?? 1
      let x = Axis([-farthest, farthest], from: 16, to: 344)
      func line(_ from: Double, _ to: Double, _ style: String, y: Double) -> String {
        "<line class=\"\(style)\" x1=\"\(place(x(from)))\" x2=\"\(place(x(to)))\" y1=\"\(place(y))\" y2=\"\(place(y))\"/>"
      }
      let seeds = verdict.seedDifferences.enumerated().map { index, difference in
        dot(
          x(difference), 58, 3, "student",
          "seed \(index + 1): \(fixed(difference, 4)) \(unit)")
      }
      let outcome = armClassOfOutcome(verdict)
      let picture =
        "<svg viewBox=\"0 0 360 100\" role=\"img\">"
        + "<line class=\"zero\" x1=\"180\" x2=\"180\" y1=\"18\" y2=\"76\"/>"
        + "<text x=\"16\" y=\"12\">control is better</text>"
        + "<text x=\"344\" y=\"12\" text-anchor=\"end\">student is better</text>"
        + line(ends[0], ends[1], "interval \(outcome)", y: 38)
        + dot(x(verdict.difference), 38, 6, outcome, "\(fixed(verdict.difference, 4)) \(unit)")
        + seeds.joined()
        + "<text x=\"180\" y=\"92\" text-anchor=\"middle\">0</text>"
        + "<text x=\"\(verdict.difference < 0 ? 16 : 344)\" y=\"28\" "
        + "text-anchor=\"\(verdict.difference < 0 ? "start" : "end")\">"
        + "\(fixed(verdict.difference, 4)) [\(fixed(ends[0], 4)), \(fixed(ends[1], 4))]</text></svg>"
      return element(
        "figure",
        "<figcaption>At equal \(answer.question.rawValue): <b class=\"\(outcome)\">"
          + "\(escaped(verdict.word))</b></figcaption>" + picture
          + element("p", class: "note", escaped("control - student, \(unit)")))
    }.joined(separator: "\n")
  }

  private func armClassOfOutcome(_ verdict: Verdict) -> String {
    switch verdict.outcome {
    case .beats: "good"
    case .doesNotBeat: "bad"
    case .inconclusive: "doubtful"
    }
  }
}

/// A dot that tells what it is.
func dot(_ x: Double, _ y: Double, _ radius: Double, _ name: String, _ label: String) -> String {
  "<circle class=\"fill \(name)\" cx=\"\(place(x))\" cy=\"\(place(y))\" r=\"\(place(radius))\" "
    + "data-label=\"\(escaped(label))\"><title>\(escaped(label))</title></circle>"
}

extension Outcome {
  private var qualityTitle: String {
    arms.first?.metrics.first { $0.key == quality }?.title ?? quality
  }

  /// Which numbers are better when they are lower, and which when they are higher.
  var directions: String {
    func titles(_ better: Metric.Better) -> String? {
      let titles = (arms.first?.metrics ?? []).filter { $0.better == better }.compactMap(\.title)
      return titles.isEmpty
        ? nil : "\(better.rawValue) is better: \(titles.joined(separator: ", "))"
    }
    let parts = [titles(.lower), titles(.higher)].compactMap { $0 }.joined(separator: "; ")
    return parts.isEmpty ? "" : "\(parts.prefix(1).uppercased())\(parts.dropFirst())."
  }

  /// All arms on one line by their quality, each with its name on a row of its own.
  var qualityLine: String {
    let known = arms.compactMap { arm in arm[quality].map { (arm: arm.arm, value: $0) } }
      .filter(\.value.isFinite).sorted { $0.value < $1.value }
    guard known.count > 1 else { return "" }
    let x = Axis(known.map(\.value), from: 30, to: 330)
    let base = Double(known.count) * 16 + 14
    let marks = known.enumerated().map { index, arm in
      let (left, y) = (x(arm.value), 14 + 16 * Double(index))
      let isRight = left > 180
      let text = "\(Question.title(ofArm: arm.arm)) \(fixed(arm.value, 4))"
      return
        "<line class=\"grid\" x1=\"\(place(left))\" x2=\"\(place(left))\" y1=\"\(place(y - 4))\" y2=\"\(place(base))\"/>"
        + "<text x=\"\(place(left + (isRight ? -6 : 6)))\" y=\"\(place(y))\" text-anchor=\"\(isRight ? "end" : "start")\">"
        + "\(escaped(text))</text>" + dot(left, base, 6, armClass(arm.arm), text)
    }
    let ticks = x.ticks(3).map {
      "<text x=\"\(place(x($0)))\" y=\"\(place(base + 22))\" text-anchor=\"middle\">\(short($0))</text>"
    }
    let picture =
      "<svg viewBox=\"0 0 360 \(Int(base + 28))\" role=\"img\">"
      + "<line class=\"zero\" x1=\"16\" x2=\"344\" y1=\"\(place(base))\" y2=\"\(place(base))\"/>"
      + (ticks + marks).joined(separator: "\n") + "</svg>"
    return element("figure", element("figcaption", escaped(qualityTitle)) + picture)
  }

  /// Quality against another number of the arms; nothing where they all have the same.
  func scatter(against key: String) -> String {
    let known = arms.compactMap { arm -> (arm: String, x: Double, y: Double)? in
      guard let x = arm[key], let y = arm[quality], x.isFinite, y.isFinite else { return nil }
      return (arm.arm, x, y)
    }
    guard Set(known.map(\.x)).count > 1,
      let title = arms.first?.metrics.first(where: { $0.key == key })?.title
    else { return "" }
    let x = Axis(known.map(\.x), from: 44, to: 344, withZero: true)
    let y = Axis(known.map(\.y), from: 164, to: 14)
    var marks = y.ticks().map {
      "<line class=\"grid\" x1=\"44\" x2=\"344\" y1=\"\(place(y($0)))\" y2=\"\(place(y($0)))\"/>"
        + "<text x=\"40\" y=\"\(place(y($0) + 4))\" text-anchor=\"end\">\(short($0))</text>"
    }
    marks += x.ticks(3).map {
      "<text x=\"\(place(x($0)))\" y=\"182\" text-anchor=\"middle\">\(short($0))</text>"
    }
    marks += known.map {
      dot(
        x($0.x), y($0.y), 6, armClass($0.arm),
        "\(Question.title(ofArm: $0.arm)): \(fixed($0.y, 4)) \(qualityTitle), \(short($0.x)) \(title)"
      )
    }
    return element(
      "figure",
      element("figcaption", escaped("\(qualityTitle) against \(title)"))
        + "<svg viewBox=\"0 0 360 190\" role=\"img\">" + marks.joined(separator: "\n") + "</svg>")
  }

  /// How often predictions are right, against how likely the model thought them: a diagram for all arms.
  package var reliability: String {
    let known = arms.filter { !$0.reliability.isEmpty }
    guard !known.isEmpty else { return "" }
    func x(_ value: Double) -> Double { 44 + 300 * value }
    func y(_ value: Double) -> Double { 264 - 250 * value }
    var marks = [0, 0.25, 0.5, 0.75, 1].map { tick in
      "<line class=\"grid\" x1=\"44\" x2=\"344\" y1=\"\(place(y(tick)))\" y2=\"\(place(y(tick)))\"/>"
        + "<text x=\"40\" y=\"\(place(y(tick) + 4))\" text-anchor=\"end\">\(short(tick))</text>"
        + "<text x=\"\(place(x(tick)))\" y=\"282\" text-anchor=\"middle\">\(short(tick))</text>"
    }
    marks.append(
      "<line class=\"zero\" x1=\"\(place(x(0)))\" y1=\"\(place(y(0)))\" x2=\"\(place(x(1)))\" y2=\"\(place(y(1)))\"/>"
    )
    for arm in known {
      let points = arm.reliability.map { "\(place(x($0.probability))),\(place(y($0.accuracy)))" }
      marks.append(
        "<polyline class=\"line \(armClass(arm.arm))\" points=\"\(points.joined(separator: " "))\"/>"
      )
      marks += arm.reliability.map { point in
        dot(
          x(point.probability), y(point.accuracy), 2 + 6 * point.share.squareRoot(),
          armClass(arm.arm),
          "\(Question.title(ofArm: arm.arm)): \(fixed(100 * point.accuracy, 1)) % right where it says "
            + "\(fixed(100 * point.probability, 1)) %, \(fixed(100 * point.share, 1)) % of predictions"
        )
      }
    }
    return element(
      "figure",
      element("figcaption", "How often the likeliest class is right, against its probability")
        + "<svg viewBox=\"0 0 360 288\" role=\"img\">" + marks.joined(separator: "\n") + "</svg>"
        + element(
          "p", class: "note",
          "On the diagonal a model is as sure as it should be. Larger dots hold more predictions."))
  }
}
