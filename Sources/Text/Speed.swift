// How fast models read and write.
import Distillation
import Models
import Tensors
import Training

/// The speed of a language model.
package struct Speed: Sendable {
  /// Positions read, in whole batches: those that fill up rows take as long.
  package let tokensPerSecond: Double
  /// For each new token of one text.
  package let secondsPerToken: Double

  private static let newTokens = 24

  /// Measures models, whose variables are in `store`, on the same batch in turns. Classes beyond `classCount` are
  /// padding. `check` is called in between; what it throws ends the work.
  package static func of(
    _ models: [any LanguageModel], on batch: Batch, classCount: Int? = nil,
    store: VariableStore, rounds: Int = 5, check: @escaping () throws -> Void = {}
  ) throws -> [Speed] {
    let read = try tokensPerSecond(
      models, on: batch, classCount: classCount, store: store, rounds: rounds, check: check)
    let prompt = Array(batch[.tokens].integers.prefix(8))
    let writing = models.map { model in
      let generator = Generator(
        model, vocabularySize: classCount, store: store, capacity: prompt.count + newTokens)
      return {
        try check()
        _ = try generator.generate([prompt], count: newTokens, sampling: Sampling(), ends: [])
        return generator.timing.newSeconds / Double(max(1, generator.timing.newTokens))
      }
    }
    return zip(read, try medians(of: writing, rounds: rounds)).map {
      Speed(tokensPerSecond: $0, secondsPerToken: $1)
    }
  }

  /// The speeds of reading alone.
  package static func tokensPerSecond(
    _ models: [any LanguageModel], on batch: Batch, classCount: Int? = nil,
    store: VariableStore, rounds: Int = 5, check: @escaping () throws -> Void = {}
  ) throws -> [Double] {
    let type = batch[.tokens].type
    let (tokens, labels) = (Tensor.input("tokens", type), Tensor.input("labels", type))
    let reading = try models.map { model in
      let loss = LinearLoss.crossEntropy(
        hidden: model.hidden(tokens), head: model.head, labels: labels,
        classCount: classCount ?? model.vocabularySize
      ).sum()
      let executor = try GraphExecutor(Graph(outputs: [loss]), on: store)
      try executor.set(tokens, to: batch[.tokens])
      try executor.set(labels, to: batch[.labels])
      return {
        try check()
        let clock = ContinuousClock.now
        try executor.run()
        _ = try executor.value(of: loss)
        return (ContinuousClock.now - clock).seconds
      }
    }
    return try medians(of: reading, rounds: rounds).map {
      Double(type.shape.elementCount) / max($0, 1e-9)
    }
  }
}
