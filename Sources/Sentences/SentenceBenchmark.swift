// What sentence encoders can be good at, whoever taught them.
import Base
import Storage
import Text
import Tokenizers

/// Pairs of sentences with how similar people find them, or halves of sentences that belong together: a test that knows
/// nothing of a teacher, and that a control can win.
package struct SentenceBenchmark: Sendable {
  private enum Kind: Sendable {
    /// Similarities of the pairs, in any unit.
    case similarities([Double])
    case halves
  }

  private let kind: Kind
  /// Both sentences of every pair: first ones, then second ones.
  package let sentences: [[Int32]]

  /// Rows by which models are judged: pairs, or sentences whose halves are told apart.
  package var count: Int { sentences.count / 2 }

  /// The name of the number in tables, and its key in files.
  package var title: (key: String, words: String) {
    switch kind {
    case .similarities: ("pair_rank_correlation", "pairs (Spearman)")
    case .halves: ("half_reciprocal_rank", "other half (MRR)")
    }
  }

  /// In what a difference of losses is counted, and what the rows are called.
  package var unit: (loss: String, rows: String) {
    switch kind {
    case .similarities: ("of rank correlation on similarity pairs", "pairs")
    case .halves: ("of reciprocal rank of a sentence's other half", "sentences")
    }
  }

  /// Pairs from the objects of a data file, with `sentence1`, `sentence2` and `score` (as in the STS benchmark of
  /// sentence-transformers); `ids` gives the tokens of a sentence.
  package init(pairsIn path: String, ids: (String) throws -> [Int32]) throws {
    let entries = try DataEntry.read([path])
    var (first, second, scores): ([[Int32]], [[Int32]], [Double]) = ([], [], [])
    for entry in entries {
      try DataEntry.placed(entry.source) {
        let object = entry.named
        let score = object["score"].flatMap { $0.double ?? $0.string.flatMap { Double($0) } }
        guard let one = object["sentence1"]?.string, let two = object["sentence2"]?.string,
          let score, score.isFinite
        else {
          throw EntryProblem(
            description: "a pair needs `sentence1`, `sentence2` and `score`, a number")
        }
        first.append(try ids(one))
        second.append(try ids(two))
        scores.append(score)
      }
    }
    guard Set(scores).count > 1 else {
      throw UserError("\(path) has fewer than two different scores, so nothing can be ranked.")
    }
    kind = .similarities(scores)
    sentences = first + second
  }

  /// The halves of sentences, of those that are long enough; nil where fewer than two are.
  package init?(halvesOf all: [[Int32]]) {
    let long = all.filter { $0.count >= 6 }
    guard long.count > 1 else { return nil }
    kind = .halves
    sentences =
      long.map { SentenceHalves.half($0, isFirst: true) }
      + long.map { SentenceHalves.half($0, isFirst: false) }
  }

  /// One loss for each pair, whose mean is 1 less the number of `title`; `vectors` are those of `sentences`.
  ///
  /// Spearman's correlation is 1 - mean(6 d² / (n² - 1)) for the differences d of ranks, exactly where no two pairs tie.
  package func losses(_ vectors: [[Float]]) -> [Double] {
    demand(vectors.count == sentences.count, "a vector for each sentence")
    switch kind {
    case .similarities(let scores):
      let own = SentenceEvaluation.ranks(
        (0..<count).map { SentenceEvaluation.cosine(vectors[$0], vectors[count + $0]) })
      let expected = SentenceEvaluation.ranks(scores)
      let size = Double(count)
      return zip(own, expected).map { 6 * ($0 - $1) * ($0 - $1) / (size * size - 1) }
    case .halves:
      return (0..<count).map { row in
        let own = SentenceEvaluation.cosine(vectors[row], vectors[count + row])
        let better = (0..<count).count { other in
          other != row
            && SentenceEvaluation.cosine(vectors[row], vectors[count + other]) >= own
        }
        return 1 - 1 / Double(better + 1)
      }
    }
  }
}
