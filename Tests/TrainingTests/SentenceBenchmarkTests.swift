// What sentence encoders are judged by.
import Base
import Foundation
import Storage
import Testing

@testable import Sentences

@Suite struct SentenceBenchmarkTests {
  /// A file of pairs whose sentences are their numbers.
  private func pairs(_ lines: String) throws -> SentenceBenchmark {
    let file = FileManager.default.temporaryDirectory.appending(path: "pairs-\(UUID()).csv")
    defer { try? FileManager.default.removeItem(at: file) }
    try "sentence1,sentence2,score\n\(lines)".write(to: file, atomically: true, encoding: .utf8)
    return try SentenceBenchmark(pairsIn: file.path) {
      $0.split(separator: " ").compactMap { Int32($0) }
    }
  }

  @Test func lossesOfPairsAddUpToSpearmansCorrelation() throws {
    let scores = [0.5, 4.0, 2.5, 1.0, 3.0, 5.0]
    let task = try pairs(
      scores.enumerated().map { "\($0) 1,\($0) 2,\($1)" }.joined(separator: "\n"))
    #expect(task.sentences.count == 12 && task.sentences[6] == [0, 2])
    // Vectors in the plane, whose angles are not in the order of the scores.
    let angles: [Float] = [1.2, 0.3, 0.6, 0.9, 0.7, 0.1]
    let vectors = angles.map { _ in [Float(1), 0] } + angles.map { [cos($0), sin($0)] }
    let correlation = SentenceEvaluation.correlation(
      SentenceEvaluation.ranks(angles.map { Double(cos($0)) }), SentenceEvaluation.ranks(scores))
    let losses = task.losses(vectors)
    #expect(abs(1 - losses.reduce(0, +) / 6 - correlation) < 1e-12)
    #expect(correlation > 0.8 && losses.contains { $0 > 0 })
    // Angles in the order of the scores lose nothing.
    let right = scores.map { Float(1.5 - $0 / 5) }
    let best = right.map { _ in [Float(1), 0] } + right.map { [cos($0), sin($0)] }
    #expect(task.losses(best).allSatisfy { $0 == 0 })
  }

  @Test(arguments: [
    ("a,b,much", "line 2: a pair needs `sentence1`, `sentence2` and `score`, a number"),
    ("a,b,1\nc,d,1", "fewer than two different scores"),
  ]) func pairsThatSayNothingAreRefused(lines: String, message: String) {
    let error = #expect(throws: UserError.self) { try pairs(lines) }
    #expect("\(error!)".contains(message), "\(error!)")
  }

  @Test func halvesAreFoundAmongAllOthers() throws {
    #expect(SentenceBenchmark(halvesOf: [[1, 2, 3]]) == nil)
    let sentences: [[Int32]] = [
      [0, 1, 2, 3, 4, 9], [0, 5, 6, 7, 8, 9], [0, 1, 9], [0, 2, 4, 6, 8, 9],
    ]
    let task = try #require(SentenceBenchmark(halvesOf: sentences))
    // The short one has no halves.
    #expect(task.sentences.count == 6 && task.sentences[0] == [0, 1, 2, 9])
    #expect(task.sentences[3] == [0, 3, 4, 9])
    let axes: [[Float]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    #expect(task.losses(axes + axes) == [0, 0, 0])
    // The first half's own is second best, the others' are best.
    let turned = task.losses(axes + [[0.5, 0, 0.1], [1, 1, 0], [0, 0, 1]])
    #expect(turned[0] == 0 && turned[1] == 0 && turned[2] == 0)
    let swapped = task.losses(axes + [axes[1], axes[0], axes[2]])
    #expect(swapped[0] > 0.49 && swapped[2] == 0)
    // Vectors that are all alike find nothing: ties count against the model.
    let same = [[Float]](repeating: [1, 1, 1], count: 6)
    #expect(task.losses(same).allSatisfy { abs($0 - (1 - 1.0 / 3)) < 1e-12 })
  }
}
