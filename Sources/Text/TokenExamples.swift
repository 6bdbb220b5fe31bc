// Texts of which some tokens are learnt.
import Base
import Storage
import Tensors
import Training

/// Texts, each in a row of its own or several in one, filled up with positions that do not count.
package struct TokenExamples: TokenData, Sendable {
  /// A text, and which of its tokens a model should predict.
  package struct Example: Sendable, Hashable {
    package var tokens: [Int32]
    package var isTarget: [Bool]

    /// Traps unless there is a flag for each token.
    package init(tokens: [Int32], isTarget: [Bool]) {
      demand(tokens.count == isTarget.count, "each token is a target or not")
      self.tokens = tokens
      self.isTarget = isTarget
    }
  }

  package let examples: [Example]
  package let length: Int
  /// Whether a row may hold several texts, of which none sees another: it has positions and segments then.
  package let isPacked: Bool
  /// The examples in each row.
  private let rows: [[Int]]
  /// Texts that lost their end, and texts that were left out because no target was in what fits.
  package let cutCount: Int
  package let droppedCount: Int

  /// Texts of at most `length` tokens and one more; longer ones lose their end. Where `packs`, texts share
  /// rows.
  package init(_ examples: [Example], length: Int, packs: Bool = false) {
    demand(length > 0, "a row has at least one token")
    self.length = length
    isPacked = packs
    var (kept, cut, dropped): ([Example], Int, Int) = ([], 0, 0)
    for example in examples {
      var example = example
      if example.tokens.count > length + 1 {
        example.tokens.removeLast(example.tokens.count - length - 1)
        example.isTarget.removeLast(example.isTarget.count - length - 1)
        cut += 1
      }
      if example.isTarget.dropFirst().contains(true) { kept.append(example) } else { dropped += 1 }
    }
    (self.examples, cutCount, droppedCount) = (kept, cut, dropped)
    rows =
      packs
      ? Self.packed(kept.map { $0.tokens.count - 1 }, into: length) : kept.indices.map { [$0] }
  }

  /// Which texts share a row: the longest first, each in the fullest row that has room (best fit decreasing).
  private static func packed(_ lengths: [Int], into room: Int) -> [[Int]] {
    var rows: [[Int]] = []
    var rowsWithRoom = [[Int]](repeating: [], count: room + 1)
    for text in lengths.indices.sorted(by: { (lengths[$1], $0) < (lengths[$0], $1) }) {
      let need = lengths[text]
      var left = room
      if let found = (need...room).first(where: { !rowsWithRoom[$0].isEmpty }) {
        left = found
        let row = rowsWithRoom[found].removeLast()
        rows[row].append(text)
        rowsWithRoom[left - need].append(row)
      } else {
        rowsWithRoom[left - need].append(rows.count)
        rows.append([text])
      }
    }
    return rows
  }

  package var count: Int { rows.count }
  package var targetCount: Int { weight(of: Array(rows.indices)) }

  package func weight(of numbers: [Int?]) -> Int {
    numbers.compactMap { $0 }.flatMap { rows[$0] }.reduce(0) {
      $0 + examples[$1].isTarget.dropFirst().count { $0 }
    }
  }

  package var fields: [Field: Shape] {
    var fields: [Field: Shape] = [.tokens: [length], .labels: [length]]
    if isPacked { (fields[.positions], fields[.segments]) = ([length], [length, 2]) }
    return fields
  }

  /// Bytes of what is learnt per token of it; the end of a text counts as one byte.
  package func bytesPerTarget(decode: ([Int32]) -> String) -> Double {
    var (bytes, targets) = (0, 0)
    for example in examples {
      let learnt = zip(example.tokens, example.isTarget).filter(\.1).map(\.0)
      bytes += decode(learnt).utf8.count + 1
      targets += learnt.count
    }
    return Double(bytes) / Double(max(1, targets))
  }

  package var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("texts in rows of \(length), \(isPacked ? "packed" : "alone")")
    for example in examples {
      fingerprint.add(example.tokens)
      fingerprint.add(example.isTarget.map { $0 ? 1 : 0 })
    }
    return fingerprint.description
  }

  package func batch(of numbers: [Int?]) -> Batch {
    var (tokens, labels): ([Int32], [Int32]) = ([], [])
    var (positions, segments): ([Int32], [Int32]) = ([], [])
    for number in numbers {
      var used = 0
      /// A text's part of the row, or what fills it up.
      func add(_ inputs: some Sequence<Int32>, _ targets: some Sequence<Int32>, _ count: Int) {
        tokens += inputs
        labels += targets
        for place in 0..<count {
          positions.append(Int32(place))
          segments += [Int32(used), Int32(used + count - 1)]
        }
        used += count
      }
      for text in number.map({ rows[$0] }) ?? [] {
        let example = examples[text]
        let targets = zip(example.tokens, example.isTarget).dropFirst().map { token, isTarget in
          isTarget ? token : -1
        }
        add(example.tokens.dropLast(), targets, targets.count)
      }
      let rest = length - used
      add(repeatElement(0, count: rest), repeatElement(-1, count: rest), rest)
    }
    let shape: Shape = [numbers.count, length]
    var batch = Batch(tokens: TensorData(shape, tokens), labels: TensorData(shape, labels))
    if isPacked {
      batch.values[.positions] = TensorData(shape, positions)
      batch.values[.segments] = TensorData([numbers.count, length, 2], segments)
    }
    return batch
  }
}
