// Curves over the course of a training.
import Base

/// Curves of some arms, as an SVG picture of 360 to 220 units.
struct LineChart {
  struct Curve {
    let arm: String
    let points: [(x: Double, y: Double)]
  }

  let curves: [Curve]
  /// What the horizontal axis counts.
  let unit: String
  /// Whether a smoothed curve is drawn over the points.
  var isSmoothed = false

  private static let size = (width: 360.0, height: 220.0)
  /// More points than these are thinned out.
  private static let mostPoints = 160

  /// nil where there is nothing to draw.
  var svg: String? {
    let points = curves.flatMap(\.points).filter { $0.y.isFinite }
    guard points.count > 1 else { return nil }
    let x = Axis(points.map(\.x), from: 44, to: Self.size.width - 8, withZero: true)
    let y = Axis(points.map(\.y), from: Self.size.height - 26, to: 8)
    var lines = y.ticks().map { value in
      "<line class=\"grid\" x1=\"44\" x2=\"\(place(Self.size.width - 8))\" y1=\"\(place(y(value)))\" "
        + "y2=\"\(place(y(value)))\"/><text x=\"40\" y=\"\(place(y(value) + 4))\" text-anchor=\"end\">"
        + "\(short(value))</text>"
    }
    lines += x.ticks().map { value in
      // The last one would not fit if it stood in the middle.
      let anchor = x(value) > Self.size.width - 24 ? "end" : "middle"
      return
        "<text x=\"\(place(x(value)))\" y=\"\(place(Self.size.height - 10))\" text-anchor=\"\(anchor)\">"
        + "\(short(value))</text>"
    }
    for curve in curves {
      let own = thinned(curve.points.filter { $0.y.isFinite })
      let name = armClass(curve.arm)
      func line(_ points: [(x: Double, y: Double)], _ style: String) -> String {
        let text = points.map { "\(place(x($0.x))),\(place(y($0.y)))" }.joined(separator: " ")
        return "<polyline class=\"\(name) \(style)\" points=\"\(text)\"/>"
      }
      let smooths = isSmoothed && own.count > 20
      lines.append(line(own, smooths ? "faint" : "line"))
      if smooths { lines.append(line(smoothed(own), "line")) }
      lines += own.map { point in
        let label =
          "\(Question.title(ofArm: curve.arm)): \(fixed(point.y, 4)) at \(short(point.x)) \(unit)"
        return
          "<circle class=\"dot\" cx=\"\(place(x(point.x)))\" cy=\"\(place(y(point.y)))\" r=\"5\" "
          + "data-label=\"\(escaped(label))\"><title>\(escaped(label))</title></circle>"
      }
    }
    return "<svg viewBox=\"0 0 \(Int(Self.size.width)) \(Int(Self.size.height))\" role=\"img\">"
      + lines.joined(separator: "\n") + "</svg>"
  }

  private func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    guard points.count > Self.mostPoints else { return points }
    let stride = Double(points.count - 1) / Double(Self.mostPoints - 1)
    return (0..<Self.mostPoints).map { points[Int((Double($0) * stride).rounded())] }
  }

  /// Means over some neighbours on both sides, fewer at the ends.
  private func smoothed(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    let reach = max(2, points.count / 25)
    return points.indices.map { index in
      let near = min(reach, index, points.count - 1 - index)
      let window = points[index - near...index + near]
      return (points[index].x, window.reduce(0) { $0 + $1.y } / Double(window.count))
    }
  }
}
