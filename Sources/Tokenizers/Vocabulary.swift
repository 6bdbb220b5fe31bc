// Tokens and their ids.
import Storage

/// A two-way table of tokens. Keys are bytes: Swift's strings would take different spellings of one
/// character for the same.
struct Vocabulary: Sendable {
  private var ids: [[UInt8]: Int32] = [:]
  private var tokens: [Int32: [UInt8]] = [:]

  subscript(token: [UInt8]) -> Int32? { ids[token] }
  subscript(id: Int32) -> [UInt8]? { tokens[id] }

  var count: Int { ids.count }
  /// Every token with its id, in no order.
  var all: [[UInt8]: Int32] { ids }
  /// One more than the largest id.
  private(set) var end: Int32 = 0

  mutating func add(_ token: [UInt8], _ id: Int32) {
    ids[token] = id
    tokens[id] = token
    end = max(end, id + 1)
  }

  func hasSameTokens(as other: Vocabulary) -> Bool { tokens == other.tokens }

  init() {}

  /// From an object of tokens and ids.
  init(_ part: TokenizerPart) throws {
    guard let members = part.json["vocab"]?.object?.members else {
      throw part.failure("has no vocab from tokens to ids")
    }
    ids.reserveCapacity(members.count)
    tokens.reserveCapacity(members.count)
    for member in members {
      guard let id = member.value.int, (0..<1 << 26).contains(id) else {
        throw part.failure("gives the token \(member.key.excerpt) no id")
      }
      add(Array(member.key.utf8), Int32(id))
    }
  }

  /// The ids of the tokens `<0x00>` to `<0xFF>`, as far as they are there.
  var byteIds: [Int32?] {
    (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return self[Array("<0x\(digits.count == 1 ? "0" : "")\(digits)>".utf8)]
    }
  }
}

extension [Int32?] {
  /// The ids of some bytes; nil unless each has one.
  func ids(of bytes: some Sequence<UInt8>) -> [Int32]? {
    var ids: [Int32] = []
    for byte in bytes {
      guard let id = self[Int(byte)] else { return nil }
      ids.append(id)
    }
    return ids
  }
}
