// The unigram language model of SentencePiece (Kudo, arXiv 1804.10959).
import Storage

/// Texts into the pieces whose log-probabilities have the largest sum.
struct Unigram: Sendable {
  let vocabulary: Vocabulary
  private let scores: [Double]
  private let unknown: Int32?
  private let unknownScore: Double
  private let byteIds: [Int32?]?
  private let trie: Trie

  /// How much less likely than the least likely piece an unknown character is.
  private static let penalty = 10.0

  init(_ part: TokenizerPart) throws {
    guard let pieces = part.json["vocab"]?.array, !pieces.isEmpty else {
      throw part.failure("has no vocab of pieces and scores")
    }
    var vocabulary = Vocabulary()
    var scores: [Double] = []
    var trie = Trie()
    for (id, piece) in pieces.enumerated() {
      guard let pair = piece.array, pair.count == 2, let text = pair[0].string,
        let score = pair[1].double
      else { throw part.failure("has the piece \(id) without text and score") }
      let bytes = Array(text.utf8)
      vocabulary.add(bytes, Int32(id))
      scores.append(score)
      if !bytes.isEmpty { trie.add(bytes.lazy.map(UInt32.init), Int32(id)) }
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

  func encode(_ text: Scalars) throws -> [Int32] {
    let bytes = text.utf8
    var steps = StepCounter(text.count)
    // For each place, the best way to it: its score, where its last piece starts, which one it is.
    var best = [(score: Double, start: Int, id: Int32)](
      repeating: (-.infinity, -1, -1), count: bytes.count + 1)
    best[0].score = 0
    var place = 0
    for scalar in text {
      let length = UTF8.width(scalar)
      let here = best[place].score
      var hasSingle = false
      var (node, end) = (Trie.root, place)
      while end < bytes.count, let child = trie.child(of: node, UInt32(bytes[end])) {
        (node, end) = (child, end + 1)
        guard let id = trie.value(of: node) else { continue }
        let score = here + scores[Int(id)]
        if best[end].start < 0 || score > best[end].score { best[end] = (score, place, id) }
        if end == place + length { hasSingle = true }
      }
      try steps.take(end - place)
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
