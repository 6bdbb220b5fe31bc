// How good a language model is on held-out text.
import Models
import Tensors
import Training

/// A model's numbers on held-out windows.
public struct Evaluation: Sendable {
  /// The mean loss of each window, in nats per token.
  public let windowLosses: [Double]
  /// Tokens that were predicted.
  public let tokenCount: Int
  /// The sum of all losses in nats.
  public let nats: Double
  /// Mean KL(teacher || model) at T = 1 in nats per token; nil without a teacher.
  public let klToTeacher: Double?
  /// The share of tokens for which the model's and the teacher's likeliest next token agree.
  public let agreement: Double?
  public let tokensPerSecond: Double

  public var natsPerToken: Double { nats / Double(max(1, tokenCount)) }
}

/// Evaluates a model whose variables are in `store`, and compares it with a teacher if one is given.
/// With a `stride` windows overlap, and each token is predicted from more of the text before it.
public func evaluate(
  _ model: any LanguageModel, teacher: (any LanguageModel)?, on data: TokenWindows, batchSize: Int,
  stride: Int? = nil, store: VariableStore
) throws -> Evaluation {
  let type = TensorType([batchSize, data.length], .int32)
  let tokens = Tensor.input("tokens", type)
  let labels = Tensor.input("labels", type)
  let logits = model.logits(tokens)
  // A row's losses added up on the device: [B].
  let losses = LinearLoss.crossEntropy(
    hidden: model.hidden(tokens), weight: model.headWeight, labels: labels
  ).sum(axis: 1)
  let best = logits.argMax()
  // The model alone is what is timed; the comparison runs after it.
  let alone = try GraphExecutor(Graph(outputs: [losses]), on: store)
  var comparison: (executor: GraphExecutor, kl: Tensor, best: Tensor)?
  if let teacher {
    let teacherLogits = teacher.logits(tokens)
    let kl = Divergence.between(
      student: logits, teacher: teacherLogits, labels: labels, .forwardKL, temperature: 1
    ).sum()
    let teacherBest = teacherLogits.argMax()
    comparison = (
      try GraphExecutor(Graph(outputs: [kl, best, teacherBest]), on: store), kl, teacherBest
    )
  }
  var windowLosses: [Double] = []
  var (nats, kl, agreeing, tokenCount, seconds) = (0.0, 0.0, 0, 0, 0.0)
  for (index, batch) in data.evaluationBatches(size: batchSize, stride: stride)
    .enumerated()
  {
    try alone.set(tokens, to: batch.tokens)
    try alone.set(labels, to: batch.labels)
    // The first run also finishes the compilation of kernels: it is not timed.
    if index == 0 {
      try alone.run()
      _ = try alone.value(of: losses)
    }
    let clock = ContinuousClock.now
    try alone.run()
    let sums = try alone.value(of: losses).floats
    let spent = (ContinuousClock.now - clock).components
    seconds += Double(spent.seconds) + Double(spent.attoseconds) * 1e-18
    let counts = batch.labels.integers.map { $0 >= 0 }
    for (row, sum) in sums.enumerated() {
      let count = counts[row * data.length..<(row + 1) * data.length].count { $0 }
      guard count > 0 else { continue }
      windowLosses.append(Double(sum) / Double(count))
      nats += Double(sum)
    }
    tokenCount += batch.targetCount
    if let comparison {
      try comparison.executor.set(tokens, to: batch.tokens)
      try comparison.executor.set(labels, to: batch.labels)
      try comparison.executor.run()
      kl += Double(try comparison.executor.value(of: comparison.kl).floats[0])
      let ours = try comparison.executor.value(of: best).integers
      let theirs = try comparison.executor.value(of: comparison.best).integers
      agreeing += counts.indices.count { counts[$0] && ours[$0] == theirs[$0] }
    }
  }
  let isCompared = comparison != nil && tokenCount > 0
  return Evaluation(
    windowLosses: windowLosses, tokenCount: tokenCount, nats: nats,
    klToTeacher: isCompared ? kl / Double(tokenCount) : nil,
    agreement: isCompared ? Double(agreeing) / Double(tokenCount) : nil,
    tokensPerSecond: Double(tokenCount) / max(seconds, 1e-9))
}
