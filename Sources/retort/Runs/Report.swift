// The report of a run: one HTML page that needs nothing else.
import Foundation

/// Writes `report.html`: curves, verdict, recipe, device.
struct Report {
  let title: String
  let records: [MetricsRecord]
  let table: [[String]]
  let sentences: [String]
  let recipe: String
  let device: String
  let continuations: [(arm: String, text: String)]

  var html: String {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><title>\(escape(title))</title>
    <style>
    body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
    table { border-collapse: collapse; } td, th { padding: .3em .8em; text-align: right; }
    td:first-child, th:first-child { text-align: left; } tr { border-bottom: 1px solid #ccc; }
    pre { background: #f4f4f4; padding: 1em; overflow-x: auto; white-space: pre-wrap; }
    .verdict { font-weight: 600; }
    </style></head><body>
    <h1>\(escape(title))</h1>
    \(sentences.map { "<p class=\"verdict\">\(escape($0))</p>" }.joined(separator: "\n"))
    \(tableHTML)
    \(chart("Cross-entropy while training, nats") { $0.ce })
    \(chart("Loss on validation rows, by which the best weights are kept") { $0.validation })
    \(chart("KL to the teacher while training, nats per token") { $0.kl })
    \(chart("Distance to the teacher's vectors while training, 1 - cos") { $0.cosine })
    \(continuationsHTML)
    <h2>Recipe</h2><pre>\(escape(recipe))</pre>
    <p>Device: \(escape(device)). Retort \(Retort.version).</p>
    </body></html>

    """
  }

  private var tableHTML: String {
    let rows = table.enumerated().map { index, row in
      let tag = index == 0 ? "th" : "td"
      return "<tr>" + row.map { "<\(tag)>\(escape($0))</\(tag)>" }.joined() + "</tr>"
    }
    return "<table>" + rows.joined(separator: "\n") + "</table>"
  }

  private var continuationsHTML: String {
    if continuations.isEmpty { return "" }
    return "<h2>Continuations of one prompt</h2>"
      + continuations.map { "<h3>\(escape($0.arm))</h3><pre>\(escape($0.text))</pre>" }.joined()
  }

  private static let colors = [
    "teacher": "#888888", "student": "#1f6feb", "control": "#d1663a",
    "control-compute": "#a3399a", "model": "#1f6feb",
  ]

  /// An arm's name without the number of its seed.
  private static func kind(_ arm: String) -> String { arm.replacing(/-\d+$/, with: "") }

  /// One curve per arm over its steps; those of one kind share a colour.
  private func chart(_ heading: String, _ value: (MetricsRecord) -> Double?) -> String {
    let points = records.compactMap { record in value(record).map { (record.arm, record.step, $0) }
    }
    guard let lastStep = points.map(\.1).max(), let high = points.map(\.2).max(),
      let low = points.map(\.2).min()
    else { return "" }
    let (width, height, left, bottom) = (800.0, 300.0, 50.0, 30.0)
    func x(_ step: Int) -> Double {
      left + (width - left - 10) * Double(step) / Double(max(1, lastStep))
    }
    func y(_ value: Double) -> Double {
      10 + (height - bottom - 10) * (high - value) / max(high - low, 1e-9)
    }
    var svg = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" "
    svg += "style=\"width:100%;font:12px system-ui\">"
    for part in 0...4 {
      let level = low + (high - low) * Double(part) / 4
      svg += "<line x1=\"\(left)\" x2=\"\(width - 10)\" y1=\"\(y(level))\" y2=\"\(y(level))\" "
      svg += "stroke=\"#ddd\"/><text x=\"4\" y=\"\(y(level) + 4)\">\(fixed(level, 2))</text>"
      let step = lastStep * part / 4
      svg += "<text x=\"\(x(step) - 12)\" y=\"\(height - 8)\">\(step)</text>"
    }
    var arms: [String] = []
    for (arm, _, _) in points where !arms.contains(arm) { arms.append(arm) }
    for (index, arm) in arms.enumerated() {
      let color = Self.colors[Self.kind(arm)] ?? "#444444"
      let path = points.filter { $0.0 == arm }
        .map { "\(fixed(x($0.1), 1)),\(fixed(y($0.2), 1))" }.joined(separator: " ")
      svg += "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\" "
      svg += "points=\"\(path)\"/><text x=\"\(width - 140)\" y=\"\(24 + 16 * index)\" "
      svg += "fill=\"\(color)\">\(escape(arm))</text>"
    }
    return "<h2>\(escape(heading))</h2>" + svg + "</svg>"
  }

  private func escape(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
