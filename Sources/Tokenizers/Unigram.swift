// The unigram language model of SentencePiece (Kudo, arXiv 1804.10959).
import Storage

/// Texts into the pieces whose log-probabilities have the largest sum.
struct Unigram: Sendable {
  let vocabulary: Vocabulary
  private let scores: [Double]
  private let unknown: Int32?
  private let unknownScore: Double
  private let byteIds: [Int32?]?
  private let trie: ByteTrie

  /// How much less likely than the least likely piece an unknown character is.
  private static let penalty = 10.0

  init(_ part: TokenizerPart) throws {
    guard let pieces = part.json["vocab"]?.array, !pieces.isEmpty else {
      throw part.failure("has no vocab of pieces and scores")
    }
    var vocabulary = Vocabulary()
    var scores: [Double] = []
    var trie = ByteTrie()
    for (id, piece) in pieces.enumerated() {
      guard let pair = piece.array, pair.count == 2, let text = pair[0].string,
        let score = pair[1].double
      else { throw part.failure("has the piece \(id) without text and score") }
      let bytes = Array(text.utf8)
      vocabulary.add(bytes, Int32(id))
      scores.append(score)
      if !bytes.isEmpty { trie.add(bytes, Int32(id)) }
    }
    let unknown = part.json["unk_id"]?.int
    guard unknown.map(scores.indices.contains) ?? true else {
      throw part.failure("has an unk_id outside of its vocab")
    }
    self.unknown = unknown.map { Int32($0) }
    unknownScore = (scores.min() ?? 0) - Self.penalty
    byteIds = try part.flag("byte_fallback", default: false) ? vocabulary.byteIds : nil
    self.vocabulary = vocabulary
    self.scores = scores
    self.trie = trie
  }

  func encode(_ text: Scalars) -> [Int32] {
    let bytes = text.utf8
    // For each place, the best way to it: its score, where its last piece starts, which one it is.
    var best = [(score: Double, start: Int, id: Int32)](
      repeating: (-.infinity, -1, -1), count: bytes.count + 1)
    best[0].score = 0
    var place = 0
    for scalar in text {
      let length = UTF8.width(scalar)
      let here = best[place].score
      var hasSingle = false
      trie.forEachPrefix(of: bytes[place...]) { count, id in
        let score = here + scores[Int(id)]
        if best[place + count].start < 0 || score > best[place + count].score {
          best[place + count] = (score, place, id)
        }
        if count == length { hasSingle = true }
      }
      if !hasSingle {
        let score = here + unknownScore
        if best[place + length].start < 0 || score > best[place + length].score {
          best[place + length] = (score, place, unknown ?? -1)
        }
      }
      place += length
    }
    var pieces: [(range: Range<Int>, id: Int32)] = []
    while place > 0 {
      let last = best[place]
      // Unknown characters side by side are one piece.
      if last.id == unknown, let next = pieces.last, next.id == unknown {
        pieces[pieces.count - 1].range = last.start..<next.range.upperBound
      } else {
        pieces.append((last.start..<place, last.id))
      }
      place = last.start
    }
    return pieces.reversed().flatMap { piece -> [Int32] in
      guard piece.id == unknown || piece.id < 0 else { return [piece.id] }
      if let ids = byteIds?.ids(of: bytes[piece.range]) { return ids }
      return unknown.map { [$0] } ?? []
    }
  }
}

/// Byte strings by their beginnings.
private struct ByteTrie: Sendable {
  private var children: [UInt64: Int32] = [:]
  private var ids: [Int32] = [-1]

  mutating func add(_ key: [UInt8], _ id: Int32) {
    var node = 0
    for byte in key {
      let edge = UInt64(node) << 8 | UInt64(byte)
      if let child = children[edge] {
        node = Int(child)
      } else {
        children[edge] = Int32(ids.count)
        node = ids.count
        ids.append(-1)
      }
    }
    ids[node] = id
  }

  /// Calls `body` with the length and id of every key that `text` begins with, shortest first.
  func forEachPrefix(of text: ArraySlice<UInt8>, _ body: (Int, Int32) -> Void) {
    var node = 0
    for (index, byte) in text.enumerated() {
      guard let child = children[UInt64(node) << 8 | UInt64(byte)] else { return }
      node = Int(child)
      if ids[node] >= 0 { body(index + 1, ids[node]) }
    }
  }
}
