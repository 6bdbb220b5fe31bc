// Learning a byte-level BPE from text (Sennrich et al., arXiv 1508.07909).
import Storage

/// Learns merges: again and again the pair of neighbours that is most frequent in the words of a text
/// becomes a token; of equally frequent ones the pair with the smaller ids, as in the `tokenizers`
/// library.
package struct BPETrainer {
  private var counts: [Scalars: Int] = [:]
  private let cutter: PreTokenizer

  package init() throws { cutter = try .gpt2 }

  /// Counts the words of a text.
  package mutating func add(_ text: String) throws {
    for word in try cutter([Scalars(text)], isFirst: true) { counts[word, default: 0] += 1 }
  }

  /// The `tokenizer.json` of at most `size` tokens: the end of a text, the bytes, then merges of pairs
  /// that occur at least twice.
  package func train(vocabularySize size: Int) throws -> JSON {
    let alphabet = ByteAlphabet.scalars.sorted()
    guard size > alphabet.count + 1 else {
      throw TokenizerError(
        "A byte-level vocabulary needs more than \(alphabet.count + 1) tokens: one for each byte and "
          + "the end of a text.")
    }
    var vocabulary = [Scalars(ByteLevelFile.endOfText)] + alphabet.map { [$0] }
    var idOfToken = Dictionary(
      uniqueKeysWithValues: vocabulary.enumerated().map { ($1, Int32($0)) })
    // Words in an order that does not depend on hashing.
    let sorted = counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var words = Words(
      ids: sorted.map { $0.key.map { idOfToken[[$0]] ?? 0 } }, counts: sorted.map(\.value))
    var merges: [(Scalars, Scalars)] = []
    while vocabulary.count < size, let pair = words.mostFrequent(atLeast: 2) {
      let (left, right) = (vocabulary[Int(pair.left)], vocabulary[Int(pair.right)])
      let token = left + right
      let id = idOfToken[token] ?? Int32(vocabulary.count)
      if id == vocabulary.count {
        vocabulary.append(token)
        idOfToken[token] = id
      }
      merges.append((left, right))
      words.merge(pair, into: id)
    }
    return ByteLevelFile.file(
      vocabulary: vocabulary, merges: merges, endOfText: 0, cutsWords: true)
  }
}

private struct Pair: Hashable {
  let left: Int32
  let right: Int32
}

/// Words as ids, and where which pairs stand in them.
private struct Words {
  private var ids: [[Int32]]
  private let counts: [Int]
  private var pairCounts: [Pair: Int] = [:]
  private var places: [Pair: Set<Int>] = [:]
  private var heap = Heap<Counted>()

  /// A pair with the count it had when it was noted; the most frequent is the smallest.
  private struct Counted: Comparable {
    let count: Int
    let pair: Pair

    static func < (a: Counted, b: Counted) -> Bool {
      (b.count, a.pair.left, a.pair.right) < (a.count, b.pair.left, b.pair.right)
    }
  }

  init(ids: [[Int32]], counts: [Int]) {
    self.ids = ids
    self.counts = counts
    for (word, list) in ids.enumerated() {
      for pair in zip(list, list.dropFirst()).map({ Pair(left: $0, right: $1) }) {
        pairCounts[pair, default: 0] += counts[word]
        places[pair, default: []].insert(word)
      }
    }
    for (pair, count) in pairCounts { heap.push(Counted(count: count, pair: pair)) }
  }

  /// The most frequent pair; nil where none occurs so often.
  mutating func mostFrequent(atLeast least: Int) -> Pair? {
    while let top = heap.pop() {
      let count = pairCounts[top.pair] ?? 0
      // What was merged since has made it rarer.
      if count != top.count {
        if count >= least { heap.push(Counted(count: count, pair: top.pair)) }
        continue
      }
      return count >= least ? top.pair : nil
    }
    return nil
  }

  mutating func merge(_ pair: Pair, into id: Int32) {
    var fresh: Set<Pair> = []
    for word in places.removeValue(forKey: pair) ?? [] {
      let list = ids[word]
      var merged: [Int32] = []
      merged.reserveCapacity(list.count)
      var place = 0
      while place < list.count {
        if place + 1 < list.count, list[place] == pair.left, list[place + 1] == pair.right {
          merged.append(id)
          place += 2
        } else {
          merged.append(list[place])
          place += 1
        }
      }
      for old in zip(list, list.dropFirst()) {
        pairCounts[Pair(left: old.0, right: old.1), default: 0] -= counts[word]
      }
      for new in zip(merged, merged.dropFirst()) {
        let pair = Pair(left: new.0, right: new.1)
        pairCounts[pair, default: 0] += counts[word]
        if new.0 == id || new.1 == id {
          places[pair, default: []].insert(word)
          fresh.insert(pair)
        }
      }
      ids[word] = merged
    }
    pairCounts[pair] = nil
    for pair in fresh { heap.push(Counted(count: pairCounts[pair] ?? 0, pair: pair)) }
  }
}
