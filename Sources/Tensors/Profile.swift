// Where the time of a run went.

/// The times of one run, launch by launch, beside the graph that ran.
public struct Profile {
  package struct Launch: Sendable {
    package let name: String
    /// The index of the application in the graph; nil for a copy into a variable.
    package let application: Int?
    /// Nanoseconds of the device's clock.
    package let start: UInt64
    package let end: UInt64
  }

  package let graph: Graph
  package private(set) var launches: [Launch] = []

  init(_ graph: Graph) { self.graph = graph }

  mutating func record(_ name: String, application: Int?, start: UInt64, end: UInt64) {
    launches.append(Launch(name: name, application: application, start: start, end: end))
  }

  /// The time in which kernels ran.
  package var seconds: Double { launches.reduce(0) { $0 + Self.seconds($1) } }

  /// The time from the first launch's start to the last one's end.
  package var span: Double {
    guard let first = launches.map(\.start).min(), let last = launches.map(\.end).max() else {
      return 0
    }
    return Double(last - first) / 1e9
  }

  private static func seconds(_ launch: Launch) -> Double {
    Double(launch.end - launch.start) / 1e9
  }

  /// Where the work of an application counts: for the longest of its launches. The others, which pack or finish, have
  /// their time alone.
  private func longestLaunches() -> [Int: Int] {
    var longest: [Int: Int] = [:]
    for (index, launch) in launches.enumerated() {
      guard let owner = launch.application else { continue }
      if let known = longest[owner], Self.seconds(launches[known]) >= Self.seconds(launch) {
        continue
      }
      longest[owner] = index
    }
    return longest
  }

  /// The floating-point operations of an application, its bytes (every operand and result counted once), and the type
  /// of its numbers.
  private func work(of application: Int) -> (flops: Double, bytes: Double, type: ElementType) {
    let application = graph.applications[application]
    let types = application.operands.map(\.type)
    return (
      application.flopCount,
      Double((types + application.resultTypes).reduce(0) { $0 + $1.byteCount }),
      types.first?.elementType ?? .float32
    )
  }

  /// All launches of one kernel.
  package struct Kind: Sendable {
    package let name: String
    package fileprivate(set) var launchCount = 0
    package fileprivate(set) var seconds = 0.0
    package fileprivate(set) var flops = 0.0
    package fileprivate(set) var bytes = 0.0
    /// The least seconds that the device allows for the work; 0 without its peaks.
    package fileprivate(set) var bound = 0.0
  }

  /// The launches by kernel, those that took longest first.
  package func kinds(peaks: DevicePeaks? = nil) -> [Kind] {
    let longest = longestLaunches()
    var kinds: [String: Kind] = [:]
    for (index, launch) in launches.enumerated() {
      var kind = kinds[launch.name] ?? Kind(name: launch.name)
      kind.launchCount += 1
      kind.seconds += Self.seconds(launch)
      if let owner = launch.application, longest[owner] == index {
        let work = work(of: owner)
        kind.flops += work.flops
        kind.bytes += work.bytes
        kind.bound +=
          peaks?.bound(flopCount: work.flops, byteCount: work.bytes, of: work.type) ?? 0
      }
      kinds[launch.name] = kind
    }
    return kinds.values.sorted { ($1.seconds, $0.name) < ($0.seconds, $1.name) }
  }

  /// One line per launch: milliseconds, share of the whole, GFLOP/s and GB/s of its application and, with `peaks`, the
  /// least time that the device allows over the time it took; more than all of it where operands come from caches.
  public func table(peaks: DevicePeaks? = nil) -> String {
    let lines = graph.lines()
    let longest = longestLaunches()
    let total = max(seconds, 1e-12)
    let rows = launches.enumerated().map { index, launch in
      let time = Self.seconds(launch)
      var cells = [fixed(time * 1e3, 3, 10), fixed(100 * time / total, 1, 5) + "%"]
      if let owner = launch.application, longest[owner] == index, time > 0 {
        let (flops, bytes, type) = work(of: owner)
        cells += [
          flops > 0 ? fixed(flops / time / 1e9, 1, 9) : pad("-", 9),
          fixed(bytes / time / 1e9, 1, 8),
        ]
        if let peaks {
          let share = peaks.bound(flopCount: flops, byteCount: bytes, of: type) / time
          cells.append(fixed(100 * share, 0, 5) + "%")
        }
        cells.append("  \(launch.name): \(lines[owner])")
      } else {
        cells += [pad("-", 9), pad("-", 8)] + (peaks == nil ? [] : [pad("-", 6)])
        cells.append("  \(launch.name)" + (launch.application == nil ? ": copy" : ""))
      }
      return cells.joined(separator: " ")
    }
    let header =
      [pad("ms", 10), pad("share", 6), pad("GFLOP/s", 9), pad("GB/s", 8)]
      + (peaks == nil ? [] : [pad("peak", 6)])
    let sum =
      "\(fixed(total * 1e3, 3, 10)) ms in \(launches.count) launches, "
      + "\(fixed(span * 1e3, 3, 0)) ms from the first's start to the last's end"
    return ([header.joined(separator: " ")] + rows + [sum]).joined(separator: "\n")
  }

  /// The launches in Chrome's trace format, which Perfetto reads too; times in microseconds.
  public func chromeTrace() -> String { Self.chromeTrace([("graph", self)]) }

  /// The same for several runs, each as a process with a name.
  package static func chromeTrace(_ runs: [(name: String, profile: Profile)]) -> String {
    let events = runs.enumerated().flatMap { $1.profile.chromeEvents(process: $0 + 1, $1.name) }
    return "{\"traceEvents\":[\n" + events.joined(separator: ",\n") + "\n]}\n"
  }

  private func chromeEvents(process: Int, _ name: String) -> [String] {
    func escaped(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }
    let origin = launches.first?.start ?? 0
    let lines = graph.lines()
    let title =
      "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":\(process),\"args\":{\"name\":\"\(escaped(name))\"}}"
    return [title]
      + launches.map { launch in
        let detail = launch.application.map { lines[$0] } ?? "copy"
        let start = Double(launch.start &- origin) / 1e3
        let duration = Double(launch.end - launch.start) / 1e3
        return
          "{\"name\":\"\(launch.name)\",\"ph\":\"X\",\"pid\":\(process),\"tid\":1,\"ts\":\(start),"
          + "\"dur\":\(duration),\"args\":{\"line\":\"\(escaped(detail))\"}}"
      }
  }
}

private func pad(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

/// A number with some decimals, right-aligned; none of ours is negative.
private func fixed(_ value: Double, _ decimals: Int, _ width: Int) -> String {
  let scale = (0..<decimals).reduce(1) { product, _ in product * 10 }
  let scaled = Int((value * Double(scale)).rounded())
  if decimals == 0 { return pad("\(scaled)", width) }
  let fraction = String(scaled % scale)
  let zeros = String(repeating: "0", count: decimals - fraction.count)
  return pad("\(scaled / scale).\(zeros)\(fraction)", width)
}
