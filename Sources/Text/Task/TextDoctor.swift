// What would spoil training on a text silently, whatever is trained on it.
import Base
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Training

/// Looks at a text, and at one model's training on it.
struct TextDoctor {
  let text: RunText
  /// Ids from here on are no tokens.
  let classCount: Int

  /// The share of positions that carry loss.
  func targets() -> [Finding] {
    let (targets, positions) = (
      text.training.targetCount, text.training.count * text.training.length
    )
    let share = Double(targets) / Double(max(1, positions))
    let sentence =
      "\(fixed(100 * share, 1)) % of positions carry loss (\(grouped(targets)) of \(grouped(positions)))"
    return [
      share < 0.05
        ? .warning(
          sentence + ": most of each step is spent on padding or prompts; shorter sequences help")
        : .fine(sentence)
    ]
  }

  func passes(_ options: TrainingOptions) -> [Finding] {
    [.passes(options, over: text.training, isValidated: text.validation != nil)]
  }

  /// The loss on some held-out rows of a finished model, called `name` in sentences, beside that of guessing by frequency. One that is no better
  /// is refused where it `teaches`; one that is worse than a model which knows nothing is always refused.
  func perplexity(
    of arm: Arm, as name: String, teaches: Bool, batchSize: Int, in weights: FrozenWeights
  ) throws -> [Finding] {
    try arm.load(into: weights)
    let size = max(1, min(batchSize, 2048 / text.heldOut.length))
    let result = try evaluate(
      try arm.languageModel(), teacher: nil, on: text.heldOut, batchSize: size, batchLimit: 4,
      classCount: classCount, store: weights.store)
    guard result.natsPerToken.isFinite else {
      return [
        .refusal("the \(name)'s loss on this text is not a number: its logits are not")
      ]
    }
    let guess = try frequencyLoss()
    let sentence =
      "the \(name)'s perplexity on this text is \(fixed(exp(result.natsPerToken), 1)), guessing by "
      + "frequency has \(fixed(exp(guess), 1))"
    // New models are near to guessing all tokens alike; far above it is a model that errs.
    guard result.natsPerToken < log(Double(classCount)) + 1 else {
      return [
        .refusal(
          sentence
            + " and guessing all tokens alike \(grouped(classCount)): the \(name)'s weights or its tokenizer "
            + "do not belong to this text")
      ]
    }
    guard result.natsPerToken >= guess else { return [.fine(sentence)] }
    guard teaches else {
      return [.warning(sentence + ": the \(name) begins without knowing this text")]
    }
    return [
      .refusal(
        sentence + ": the \(name) knows nothing of this text, and would teach that")
    ]
  }

  /// What fewer bits change in a finished model, called `name` in sentences: how far its distributions on some held-out rows are from those
  /// of the numbers in its file. Where it lies as its file has it, what lies in fewer bits there.
  func storage(
    of directory: ModelDirectory, as name: String, batchSize: Int, in weights: FrozenWeights
  ) throws -> [Finding] {
    guard let form = directory.storage.quantization else {
      return weights.store.quantizedMatrices(prefix: name).map {
        [.fine("of the \(name) \($0), as in its file")]
      } ?? []
    }
    let store = weights.sharing(seed: 0)
    let (model, prefix) = (try directory.languageModel(), "in fewer bits")
    try directory.loadFrozen(model, into: store, prefix: prefix)
    guard let matrices = store.quantizedMatrices(prefix: prefix) else {
      return [
        .warning(
          "no matrix of the \(name) can lie in \(form.rawValue): rows would be multiples of \(form.blockLength)"
        )
      ]
    }
    let sentence = "of the \(name) \(matrices)"
    do {
      let file = ModelDirectory(directory.url)
      let whole = try file.languageModel()
      try file.loadFrozen(whole, into: store, prefix: "as its file")
      let size = max(1, min(batchSize, 2048 / text.heldOut.length))
      let result = try evaluate(
        model, teacher: .model(whole), on: text.heldOut, batchSize: size, batchLimit: 4,
        classCount: classCount, store: store)
      return [
        .fine(
          "\(sentence); its distributions are \(fixed(result.klToTeacher ?? .nan, 4)) nats/token (KL) from those of its file"
        )
      ]
    } catch let error as MemoryError {
      return [
        .warning(
          "\(sentence); what that changes is not measured, since its file's weights do not fit beside them (\(error))"
        )
      ]
    }
  }

  /// The entropy of targets by their frequency, in nats.
  private func frequencyLoss() throws -> Double {
    var counts: [Int32: Int] = [:]
    try text.training.batches(of: 64).each { batch in
      for label in batch[.labels].integers where label >= 0 { counts[label, default: 0] += 1 }
    }
    let total = Double(max(1, counts.values.reduce(0, +)))
    return counts.values.reduce(0) { $0 - Double($1) / total * log(Double($1) / total) }
  }
}
