// Where the time of a run went.

/// The times of one run, launch by launch, beside the graph that ran.
public struct Profile {
  public struct Launch: Sendable {
    public let name: String
    /// The index of the application in the graph; nil for a copy into a variable.
    public let application: Int?
    /// Nanoseconds of the device's clock.
    public let start: UInt64
    public let end: UInt64
  }

  public let graph: Graph
  public private(set) var launches: [Launch] = []

  init(_ graph: Graph) { self.graph = graph }

  mutating func record(_ name: String, application: Int?, start: UInt64, end: UInt64) {
    launches.append(Launch(name: name, application: application, start: start, end: end))
  }

  public var seconds: Double { launches.reduce(0) { $0 + Self.seconds($1) } }

  private static func seconds(_ launch: Launch) -> Double {
    Double(launch.end - launch.start) / 1e9
  }

  /// The graph's lines, each with milliseconds, GFLOP/s and GB/s (every operand and result counted
  /// once), the slowest applications marked by their share of the whole.
  public func table() -> String {
    var spent = [Double](repeating: 0, count: graph.applications.count)
    for launch in launches {
      if let application = launch.application { spent[application] += Self.seconds(launch) }
    }
    let total = max(seconds, 1e-12)
    let lines = zip(graph.lines(), graph.applications).enumerated().map { index, pair in
      let (line, application) = pair
      let time = spent[index]
      let types = application.operands.map(\.type)
      let bytes = Double((types + application.resultTypes).reduce(0) { $0 + $1.byteCount })
      let flops = application.op.flopCount(types)
      return [
        fixed(time * 1e3, 3, 10), fixed(100 * time / total, 1, 5) + "%",
        flops > 0 && time > 0 ? fixed(flops / time / 1e9, 1, 9) : pad("-", 9),
        time > 0 ? fixed(bytes / time / 1e9, 1, 8) : pad("-", 8), "  " + line,
      ].joined(separator: " ")
    }
    let header = [pad("ms", 10), pad("share", 6), pad("GFLOP/s", 9), pad("GB/s", 8)]
    let sum = "\(fixed(total * 1e3, 3, 10)) ms in \(launches.count) launches"
    return ([header.joined(separator: " ")] + lines + [sum]).joined(separator: "\n")
  }

  /// The launches in Chrome's trace format, which Perfetto reads too; times in microseconds.
  public func chromeTrace() -> String {
    let origin = launches.first?.start ?? 0
    let lines = graph.lines()
    let events = launches.map { launch in
      let detail = launch.application.map { lines[$0] } ?? "copy"
      let escaped = detail.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      let start = Double(launch.start &- origin) / 1e3
      let duration = Double(launch.end - launch.start) / 1e3
      return "{\"name\":\"\(launch.name)\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":\(start),"
        + "\"dur\":\(duration),\"args\":{\"line\":\"\(escaped)\"}}"
    }
    return "{\"traceEvents\":[\n" + events.joined(separator: ",\n") + "\n]}\n"
  }
}

private func pad(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

/// A number with some decimals, right-aligned.
private func fixed(_ value: Double, _ decimals: Int, _ width: Int) -> String {
  let scale = (0..<decimals).reduce(1) { product, _ in product * 10 }
  let scaled = Int((value * Double(scale)).rounded())
  let fraction = String(scaled % scale)
  let zeros = String(repeating: "0", count: decimals - fraction.count)
  return pad("\(scaled / scale).\(zeros)\(fraction)", width)
}
