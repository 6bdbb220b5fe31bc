// How good a language model is on held-out text.
import Base
import Models
import Storage
import Tensors
import Training

/// A model's numbers on held-out rows.
public struct Evaluation: Sendable {
  /// The mean loss of each row, in nats per token.
  public let windowLosses: [Double]
  /// Tokens that were predicted.
  public let tokenCount: Int
  /// The sum of all losses in nats.
  public let nats: Double
  /// Mean KL(teacher || model) at T = 1 in nats per token; nil without a teacher. Of a teacher that is
  /// known by lists, a lower bound.
  public let klToTeacher: Double?
  /// The share of tokens for which the model's and the teacher's likeliest next token agree.
  public let agreement: Double?
  /// The expected calibration error: how far the probability of the likeliest token is from how often it
  /// is right, over 15 bins (Guo et al., arXiv 1706.04599).
  public let calibrationError: Double
  public let tokensPerSecond: Double

  public var natsPerToken: Double { nats / Double(max(1, tokenCount)) }
}

/// Evaluates a model whose variables are in `store`, and compares it with a teacher if one is given.
/// Classes beyond `classCount` are padding. `onProgress` is told how many batches of all are done; what it throws
/// ends the work.
public func evaluate(
  _ model: any LanguageModel, teacher: Teacher?, on batches: [TokenBatch], classCount: Int? = nil,
  store: VariableStore, onProgress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
) throws -> Evaluation {
  guard let type = batches.first?.tokens.type else { fatal("nothing to evaluate on") }
  let tokens = Tensor.input("tokens", type)
  let labels = Tensor.input("labels", type)
  let classCount = classCount ?? model.vocabularySize
  let hidden = model.hidden(tokens)
  // A row's losses added up on the device: [B].
  let losses = LinearLoss.crossEntropy(
    hidden: hidden, weight: model.headWeight, labels: labels, classCount: classCount
  ).sum(axis: 1)
  // The model alone is what is timed; everything else runs after it.
  let alone = try GraphExecutor(Graph(outputs: [losses]), on: store)

  let logits = hidden.matmul(model.headWeight, transposeOther: true).prefix(classCount)
  let best = logits.argMax()
  // -log of the likeliest token's probability
  var outputs = [best, logits.crossEntropy(labels: best)]
  var inputs: [BatchInput] = []
  if let teacher {
    let (given, own) = teacher.distributions(tokens: tokens, temperature: 1)
    let (teacherBest, more) = teacher.likeliest(given, tokens: tokens, classCount: classCount)
    let kl = LinearLoss.distillation(
      student: (hidden, model.headWeight), teacher: given, labels: labels, .forwardKL,
      temperature: 1, classCount: classCount
    ).unitKL.sum()
    outputs += [teacherBest, kl]
    inputs = own + more
  }
  let detail = try GraphExecutor(Graph(outputs: outputs), on: store)

  var windowLosses: [Double] = []
  var (nats, kl, agreeing, tokenCount, seconds) = (0.0, 0.0, 0, 0, 0.0)
  var calibration = Calibration()
  for (index, batch) in batches.enumerated() {
    for executor in [alone, detail] {
      try executor.set(tokens, to: batch.tokens)
      try executor.set(labels, to: batch.labels)
    }
    for input in inputs { try detail.set(input.tensor, to: input.value(batch)) }
    // The first run also finishes the compilation of kernels: it is not timed.
    if index == 0 {
      try alone.run()
      _ = try alone.value(of: losses)
    }
    let clock = ContinuousClock.now
    try alone.run()
    let sums = try alone.value(of: losses).floats
    seconds += (ContinuousClock.now - clock).seconds
    let targets = batch.labels.integers
    let length = type.shape[1]
    for (row, sum) in sums.enumerated() {
      let count = targets[row * length..<(row + 1) * length].count { $0 >= 0 }
      guard count > 0 else { continue }
      guard sum.isFinite else {
        throw StorageError.notFinite("The losses on row \(windowLosses.count) of the text")
      }
      windowLosses.append(Double(sum) / Double(count))
      nats += Double(sum)
    }
    tokenCount += batch.targetCount
    try detail.run()
    let likeliest = try detail.value(of: best).integers
    let surprise = try detail.value(of: outputs[1]).floats
    let theirs = try teacher.map { _ in try detail.value(of: outputs[2]).integers }
    for place in targets.indices where targets[place] >= 0 {
      calibration.add(surprise[place], isRight: likeliest[place] == targets[place])
      if let theirs, theirs[place] == likeliest[place] { agreeing += 1 }
    }
    if teacher != nil { kl += Double(try detail.value(of: outputs[3]).floats[0]) }
    try onProgress(index + 1, batches.count)
  }
  let isCompared = teacher != nil && tokenCount > 0
  return Evaluation(
    windowLosses: windowLosses, tokenCount: tokenCount, nats: nats,
    klToTeacher: isCompared ? kl / Double(tokenCount) : nil,
    agreement: isCompared ? Double(agreeing) / Double(tokenCount) : nil,
    calibrationError: calibration.error, tokensPerSecond: Double(tokenCount) / max(seconds, 1e-9))
}
