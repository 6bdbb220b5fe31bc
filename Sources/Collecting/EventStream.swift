// Server-sent events (WHATWG HTML, 9.2).

/// Bytes of an event stream as the data of its events.
struct EventStream {
  private var line: [UInt8] = []
  private var data: [String] = []
  private var endsWithReturn = false
  private var isFirstLine = true

  /// The data of the events that end in these bytes. Comments, empty lines and other fields carry nothing here.
  mutating func add(_ bytes: some Sequence<UInt8>) -> [String] {
    var events: [String] = []
    for byte in bytes {
      let isBreak = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
      // A line may end with both.
      if byte == UInt8(ascii: "\n"), endsWithReturn {
        endsWithReturn = false
        continue
      }
      endsWithReturn = byte == UInt8(ascii: "\r")
      guard isBreak else {
        line.append(byte)
        continue
      }
      if let event = endLine() { events.append(event) }
    }
    return events
  }

  /// What stands behind the last line break: an event that was cut off, or a line that some servers do not end.
  mutating func finish() -> [String] {
    let last = [endLine(), endLine()]
    return last.compactMap { $0 }
  }

  private mutating func endLine() -> String? {
    defer { line.removeAll(keepingCapacity: true) }
    if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    isFirstLine = false
    if line.isEmpty {
      defer { data = [] }
      return data.isEmpty ? nil : data.joined(separator: "\n")
    }
    let text = String(decoding: line, as: UTF8.self)
    guard text.hasPrefix("data:") else { return nil }
    let value = text.dropFirst(5)
    data.append(String(value.hasPrefix(" ") ? value.dropFirst() : value))
    return nil
  }
}
