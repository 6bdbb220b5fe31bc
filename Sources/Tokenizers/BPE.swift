// Byte-pair encoding (Sennrich et al., arXiv 1508.07909).
import Storage
import Synchronization

/// Words into tokens: their characters, then the pair that was learnt first is merged, again and again.
final class BPE: Sendable {
  private struct Merge {
    let rank: Int32
    let result: Int32
  }

  private let vocabulary: Vocabulary
  private let merges: [UInt64: Merge]
  private let characterIds: [Unicode.Scalar: Int32]
  private let byteIds: [Int32?]?
  private let unknown: Int32?
  private let fusesUnknown: Bool
  private let ignoresMerges: Bool
  private let cache = Mutex<[Scalars: [Int32]]>([:])

  private static let cacheLimit = 1 << 16
  private static let longestCached = 64

  init(_ part: TokenizerPart, _ vocabulary: Vocabulary) throws {
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      guard try part.optionalText(key) ?? "" == "" else {
        throw part.failure("has a \(key), which is not built")
      }
    }
    guard try part.number("dropout", default: 0) == 0 else {
      throw part.failure("has a dropout, which is not built")
    }
    self.vocabulary = vocabulary
    var merges: [UInt64: Merge] = [:]
    let lines = part.json["merges"]?.array ?? []
    merges.reserveCapacity(lines.count)
    for (rank, line) in lines.enumerated() {
      // A pair, or in older files a text with one space.
      let pair =
        line.array?.compactMap(\.string).map { Array($0.utf8) }
        ?? line.string.map { $0.utf8.split(separator: 0x20).map { Array($0) } } ?? []
      guard pair.count == 2, let left = vocabulary[pair[0]], let right = vocabulary[pair[1]],
        let result = vocabulary[pair[0] + pair[1]]
      else {
        throw part.failure("has the merge \(rank) of tokens that the vocab has not")
      }
      let key = Self.key(left, right)
      // Of a pair that is there twice, the last counts.
      merges[key] = Merge(rank: Int32(rank), result: result)
    }
    self.merges = merges
    var characterIds: [Unicode.Scalar: Int32] = [:]
    for member in part.json["vocab"]?.object?.members ?? [] {
      let scalars = member.key.unicodeScalars
      if scalars.count == 1, let scalar = scalars.first {
        characterIds[scalar] = vocabulary[Array(member.key.utf8)]
      }
    }
    self.characterIds = characterIds
    byteIds = try part.flag("byte_fallback", default: false) ? vocabulary.byteIds : nil
    unknown = try part.optionalText("unk_token").flatMap { vocabulary[Array($0.utf8)] }
    fusesUnknown = try part.flag("fuse_unk", default: false)
    ignoresMerges = try part.flag("ignore_merges", default: false)
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  func encode(_ word: Scalars) -> [Int32] {
    let isShort = word.count <= Self.longestCached
    if isShort, let known = cache.withLock({ $0[word] }) { return known }
    let ids = tokens(of: word)
    if isShort {
      cache.withLock { if $0.count < Self.cacheLimit { $0[word] = ids } }
    }
    return ids
  }

  private func tokens(of word: Scalars) -> [Int32] {
    if ignoresMerges, let id = vocabulary[word.utf8] { return [id] }
    return merged(characters(of: word))
  }

  /// A token for each character, or for each byte of one that has none.
  private func characters(of word: Scalars) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(word.count)
    // The library writes an unknown token only when a character that is known follows, after bytes that stand
    // between them.
    var isUnknownDue = false
    for scalar in word {
      if let id = characterIds[scalar] {
        if isUnknownDue, let unknown { ids.append(unknown) }
        isUnknownDue = false
        ids.append(id)
      } else if let bytes = byteIds?.ids(of: [scalar].utf8) {
        ids += bytes
      } else if let unknown {
        if isUnknownDue, !fusesUnknown { ids.append(unknown) }
        isUnknownDue = true
      }
    }
    if isUnknownDue, let unknown { ids.append(unknown) }
    return ids
  }

  /// The merges, by rank and then from left to right, with a heap: words may be whole texts.
  private func merged(_ ids: [Int32]) -> [Int32] {
    guard ids.count > 1 else { return ids }
    var ids = ids
    var next = Array(1...ids.count)
    var previous = Array(-1..<ids.count - 1)
    var heap = Heap<Candidate>()
    func consider(_ left: Int) {
      let right = next[left]
      guard right < ids.count, let merge = merges[Self.key(ids[left], ids[right])] else { return }
      heap.push(
        Candidate(
          order: UInt64(UInt32(merge.rank)) << 32 | UInt64(left), result: merge.result,
          left: ids[left], right: ids[right]))
    }
    for place in 0..<ids.count - 1 { consider(place) }
    while let candidate = heap.pop() {
      let left = Int(candidate.order & 0xFFFF_FFFF)
      let right = next[left]
      // A pair that has changed since is passed over.
      guard right < ids.count, ids[left] == candidate.left, ids[right] == candidate.right else {
        continue
      }
      ids[left] = candidate.result
      ids[right] = -1
      next[left] = next[right]
      if next[right] < ids.count { previous[next[right]] = left }
      if previous[left] >= 0 { consider(previous[left]) }
      consider(left)
    }
    return ids.filter { $0 >= 0 }
  }
}

/// A pair of neighbours that can be merged.
private struct Candidate: Comparable {
  /// Rank and place in one number: smaller is earlier.
  let order: UInt64
  let result: Int32
  let left: Int32
  let right: Int32

  static func < (a: Candidate, b: Candidate) -> Bool { a.order < b.order }
}
