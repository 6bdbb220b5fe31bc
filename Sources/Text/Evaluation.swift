// How good a language model is on held-out text.
import Base
import Distillation
import Models
import Storage
import Tensors
import Training

/// A model's numbers on held-out rows.
package struct Evaluation {
  /// The mean loss of each row, in nats per token.
  package let windowLosses: [Double]
  /// Tokens that were predicted.
  package let tokenCount: Int
  /// The sum of all losses in nats.
  package let nats: Double
  /// Mean KL(teacher || model) at T = 1 in nats per token; nil without a teacher. Of a teacher that is
  /// known by lists, a lower bound.
  package let klToTeacher: Double?
  /// The share of tokens for which the model's and the teacher's likeliest next token agree.
  package let agreement: Double?
  /// How far the probability of the likeliest token is from how often it is right.
  package let calibration: Calibration
  /// What the model said of every row, where that was to be kept and is not too much.
  package let states: Teacher.States?

  package var calibrationError: Double { calibration.error }

  package var natsPerToken: Double { nats / Double(max(1, tokenCount)) }
}

/// Evaluates a model whose variables are in `store`, and compares it with a teacher if one is given. The data have at
/// least one row, of which at most `batchLimit` batches are taken; classes beyond `classCount` are padding. With `keepsStates` other
/// models can be compared with this one without asking it again. `onProgress` is told how many batches of all are done; what it throws ends the work.
package func evaluate(
  _ model: any LanguageModel, teacher: Teacher?, on data: any TokenData, batchSize: Int,
  batchLimit: Int = .max, classCount: Int? = nil, keepsStates: Bool = false, store: VariableStore,
  onProgress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
) throws -> Evaluation {
  let data = teacher?.data(over: data, temperature: 1) ?? data
  let inputs = Inputs(of: data, rowCount: batchSize)
  let labels = inputs[.labels]
  let classCount = classCount ?? model.vocabularySize
  let hidden = inputs.hidden(model)
  // A row's losses added up on the device: [B].
  let losses = LinearLoss.crossEntropy(
    hidden: hidden, head: model.head, labels: labels, classCount: classCount
  ).sum(axis: 1)
  let best = LinearArgMax.likeliest(hidden: hidden, head: model.head, classCount: classCount)
  let compared = teacher.map { teacher in
    let given = teacher.distributions(inputs)
    let kl = LinearLoss.distillation(
      student: (hidden, model.head), teacher: given, labels: labels, .forwardKL,
      temperature: 1, classCount: classCount
    ).klAtOne.sum()
    return (best: teacher.likeliest(given, inputs, classCount: classCount), kl: kl)
  }
  var states = keepsStates ? Teacher.States(model.head, hidden: hidden.shape, over: data) : nil
  let executor = try GraphExecutor(
    Graph(
      outputs: [losses, best.classes, best.surprises]
        + (compared.map { [$0.best, $0.kl] } ?? []) + (states == nil ? [] : [hidden])), on: store)

  var windowLosses: [Double] = []
  var (nats, kl, agreeing, tokenCount) = (0.0, 0.0, 0, 0)
  var calibration = Calibration()
  let batches = data.batches(of: batchSize)
  let batchCount = min(batchLimit, batches.count)
  for index in 0..<batchCount {
    let batch = try batches[index]
    try inputs.set(batch, on: executor)
    try executor.run()
    let sums = try executor.value(of: losses).floats
    let targets = batch[.labels].integers
    let length = data.length
    for (row, sum) in sums.enumerated() {
      let count = targets[row * length..<(row + 1) * length].count { $0 >= 0 }
      guard count > 0 else { continue }
      guard sum.isFinite else {
        throw UserError.notFinite("The losses on row \(windowLosses.count) of the text")
      }
      windowLosses.append(Double(sum) / Double(count))
      nats += Double(sum)
    }
    tokenCount += batch.weight
    let likeliest = try executor.value(of: best.classes).integers
    let surprise = try executor.value(of: best.surprises).floats
    let theirs = try compared.map { try executor.value(of: $0.best).integers }
    for place in targets.indices where targets[place] >= 0 {
      calibration.add(surprise[place], isRight: likeliest[place] == targets[place])
      if let theirs, theirs[place] == likeliest[place] { agreeing += 1 }
    }
    if let compared { kl += Double(try executor.value(of: compared.kl).floats[0]) }
    try states?.add(
      executor.value(of: hidden), executor.value(of: best.classes),
      rowCount: min(batchSize, data.count - index * batchSize))
    try onProgress(index + 1, batchCount)
  }
  let isCompared = teacher != nil && tokenCount > 0
  return Evaluation(
    windowLosses: windowLosses, tokenCount: tokenCount, nats: nats,
    klToTeacher: isCompared ? kl / Double(tokenCount) : nil,
    agreement: isCompared ? Double(agreeing) / Double(tokenCount) : nil,
    calibration: calibration, states: states)
}
