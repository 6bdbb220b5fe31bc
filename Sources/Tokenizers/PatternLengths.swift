// How much of a text parts of patterns take.

extension PatternNode {
  private static let mostBranches = 64
  private static let mostCopies = 64

  /// How many scalars a node takes, where that is always the same.
  var length: Int? {
    switch self {
    case .set: return 1
    case .anchor, .look: return 0
    case .atomic(let node): return node.length
    case .sequence(let nodes):
      return nodes.reduce(Optional(0)) { sum, node in
        guard let sum, let length = node.length, length < 1 << 32 else { return nil }
        return sum + length
      }
    case .choice(let branches):
      let lengths = Set(branches.map(\.length))
      return lengths.count == 1 ? lengths.first ?? nil : nil
    case .several(let node, let least, let most, _):
      guard least == most, let length = node.length, length < 1 << 32 else { return nil }
      return length * least
    }
  }

  var mayBeEmpty: Bool {
    switch self {
    case .set: false
    case .anchor, .look: true
    case .atomic(let node): node.mayBeEmpty
    case .sequence(let nodes): nodes.allSatisfy(\.mayBeEmpty)
    case .choice(let branches): branches.contains(where: \.mayBeEmpty)
    case .several(let node, let least, _, _): least == 0 || node.mayBeEmpty
    }
  }

  /// Nodes of fixed lengths, one of which stands before a place if and only if the node does; nil where there are too
  /// many. What is repeated at the beginning need only be there as often as it must.
  static func fixedLengths(of node: PatternNode, isFirst: Bool = true) -> [PatternNode]? {
    if node.length != nil { return [node] }
    switch node {
    case .set, .anchor, .look: return [node]
    case .atomic: return nil
    case .choice(let branches):
      var all: [PatternNode] = []
      for branch in branches {
        guard let more = fixedLengths(of: branch, isFirst: isFirst) else { return nil }
        all += more
        guard all.count <= mostBranches else { return nil }
      }
      return all
    case .sequence(let nodes):
      var all: [[PatternNode]] = [[]]
      for (index, node) in nodes.enumerated() {
        guard let tails = fixedLengths(of: node, isFirst: isFirst && index == 0),
          all.count * tails.count <= mostBranches
        else { return nil }
        all = all.flatMap { head in tails.map { head + [$0] } }
      }
      return all.map { .sequence($0) }
    case .several(let node, let least, let most, let greed):
      guard greed != .possessive, node.length != nil else { return nil }
      if isFirst { return [.several(node, least: least, most: least, .greedy)] }
      guard most < .max, most - least < mostCopies else { return nil }
      return (least...most).map { .several(node, least: $0, most: $0, .greedy) }
    }
  }
}
