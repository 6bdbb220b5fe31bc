// Keys by their beginnings.

/// A tree of keys, which are rows of numbers such as bytes or scalars; each has a value.
struct Trie: Sendable {
  private var children: [UInt64: Int32] = [:]
  private var values: [Int32] = [-1]

  static let root = 0

  mutating func add(_ key: some Sequence<UInt32>, _ value: Int32) {
    var node = Self.root
    for symbol in key {
      if let child = child(of: node, symbol) {
        node = child
      } else {
        children[Self.edge(node, symbol)] = Int32(values.count)
        node = values.count
        values.append(-1)
      }
    }
    // Of equal keys the last counts, as in the library's maps.
    values[node] = value
  }

  private static func edge(_ node: Int, _ symbol: UInt32) -> UInt64 {
    UInt64(node) << 32 | UInt64(symbol)
  }

  func child(of node: Int, _ symbol: UInt32) -> Int? {
    children[Self.edge(node, symbol)].map { Int($0) }
  }

  func value(of node: Int) -> Int32? { values[node] >= 0 ? values[node] : nil }

  var isEmpty: Bool { children.isEmpty }
}
