// What would spoil the distillation of a sentence encoder silently.
import Base
import Experiments
import Foundation
import Models
import Tensors

/// Looks at sentences, and at what the teacher makes of them.
struct SentenceDoctor {
  let sentences: RunSentences
  /// The teacher's vectors of some texts.
  let embed: ([[Int32]]) throws -> [[Float]]

  func findings() throws -> [Finding] {
    [lengths(), try vectors()]
  }

  /// How much of the rows is text, and how many sentences do not fit.
  private func lengths() -> Finding {
    let data = sentences.training
    let tokens = data.sentences.reduce(0) { $0 + $1.count }
    let share = 100 * Double(tokens) / Double(data.count * data.length)
    let full = 100 * Double(data.sentences.count { $0.count == data.length }) / Double(data.count)
    let sentence =
      "\(fixed(share, 1)) % of positions hold tokens, the rest is padding; \(fixed(full, 1)) % of "
      + "sentences fill all \(data.length) positions and may have lost their end"
    return full > 25
      ? .warning(sentence + ": data.sequence_length is small for them") : .fine(sentence)
  }

  /// Whether the teacher tells sentences apart.
  private func vectors() throws -> Finding {
    let some = try embed(Array(sentences.heldOut.sentences.prefix(64)))
    guard some.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      return .refusal("the teacher's vectors of this text are not numbers")
    }
    let cosines = zip(some, some.dropFirst()).map { SentenceEvaluation.cosine($0, $1) }
    let mean = cosines.reduce(0, +) / Double(max(1, cosines.count))
    let sentence =
      "the teacher's vectors of different sentences have a mean cosine of \(fixed(mean, 3))"
    return mean < 0.99
      ? .fine(sentence)
      : .refusal(sentence + ": it tells nothing apart, and would teach that")
  }
}
