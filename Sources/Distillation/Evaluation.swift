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
  /// How far the probability of the likeliest token is from how often it is right.
  public let calibration: Calibration

  public var calibrationError: Double { calibration.error }

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
  let logits = hidden.matmul(model.headWeight, transposeOther: true).prefix(classCount)
  let best = logits.argMax()
  // -log of the likeliest token's probability
  var outputs = [losses, best, logits.crossEntropy(labels: best)]
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
  let executor = try GraphExecutor(Graph(outputs: outputs), on: store)

  var windowLosses: [Double] = []
  var (nats, kl, agreeing, tokenCount) = (0.0, 0.0, 0, 0)
  var calibration = Calibration()
  for (index, batch) in batches.enumerated() {
    try executor.set(tokens, to: batch.tokens)
    try executor.set(labels, to: batch.labels)
    for input in inputs { try executor.set(input.tensor, to: input.value(batch)) }
    try executor.run()
    let sums = try executor.value(of: losses).floats
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
    let likeliest = try executor.value(of: best).integers
    let surprise = try executor.value(of: outputs[2]).floats
    let theirs = try teacher.map { _ in try executor.value(of: outputs[3]).integers }
    for place in targets.indices where targets[place] >= 0 {
      calibration.add(surprise[place], isRight: likeliest[place] == targets[place])
      if let theirs, theirs[place] == likeliest[place] { agreeing += 1 }
    }
    if teacher != nil { kl += Double(try executor.value(of: outputs[4]).floats[0]) }
    try onProgress(index + 1, batches.count)
  }
  let isCompared = teacher != nil && tokenCount > 0
  return Evaluation(
    windowLosses: windowLosses, tokenCount: tokenCount, nats: nats,
    klToTeacher: isCompared ? kl / Double(tokenCount) : nil,
    agreement: isCompared ? Double(agreeing) / Double(tokenCount) : nil,
    calibration: calibration)
}
