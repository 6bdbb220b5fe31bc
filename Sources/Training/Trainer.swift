// The training loop.
import Base
import Foundation
import Layers
import Storage
import Tensors

/// Trains the parameters of one model on one device. Variables named otherwise are left alone.
public final class Trainer {
  /// The sizes of the training.
  public let options: TrainingOptions
  /// The variables: those of the model, and what the optimizer keeps.
  public let store: VariableStore
  let data: any Dataset
  private let inputs: Inputs
  private let inverseCount = Tensor.input("inverse_count", TensorType([1]))
  /// 0 for a step's first micro-batch, which starts the sums anew, and 1 for the others.
  private let keep = Tensor.input("keep", TensorType([]))
  let optimizer: ParameterUpdate
  /// What is made small, and its gradients.
  let loss: Tensor
  let slopes: [Tensor]
  let loggedNames: [String]
  let logged: [Tensor]
  /// One run per micro-batch; with one micro-batch it also updates the parameters.
  package let accumulate: GraphExecutor
  let update: GraphExecutor?
  /// What a checkpoint belongs to: settings, data, formula, origins.
  let fingerprint: String
  /// Targets that counted before the checkpoint that was resumed.
  var resumedTargetCount = 0
  let parameterNames: [String]
  /// The variables that a checkpoint holds: parameters and moments.
  let checkpointNames: [String]
  private let validation: Validation?
  /// Steps that were done when training ended.
  public private(set) var lastStep = 0
  /// The step whose weights the model has when training is done: the best by the validation rows, else the last.
  public private(set) var keptStep = 0

  /// `parameters` are declared in `store`; the objective's own are declared here and trained with them. `origins`
  /// tells what the run starts from: a checkpoint belongs to runs with the same. `validation` are rows by which the
  /// best weights are chosen.
  /// Throws where the plan does not fit the device.
  public init(
    _ objective: any Objective, parameters: [(name: String, tensor: Tensor)],
    data: any Dataset, validation: (any Dataset)? = nil, options: TrainingOptions,
    origins: String = "", store: VariableStore
  ) throws {
    self.options = options
    self.store = store
    self.data = data
    guard data.count > 0 else {
      throw UserError("There is nothing to train on: the data have no rows. Give more of them.")
    }
    options.demandThatTheyTrain()
    for (name, tensor) in objective.parameters { try store.declare(name, tensor) }
    let parameters = parameters + objective.parameters
    demand(!parameters.isEmpty, "there is nothing to train: the model has no variables")
    inputs = Inputs(of: data, rowCount: options.batchSize)
    let parts = objective.loss(inputs)
    for (name, sum) in [("the loss", parts.total)] + parts.logged {
      demand(
        sum.type.elementCount == 1,
        "\(name) is a sum over rows, a single number; \(sum.shape) becomes one by .sum()")
      demand(name != "loss", "a logged term is called otherwise than the loss")
    }
    let mean = (parts.total * inverseCount).reshaped(to: [])
    loss = mean
    let lossScale = options.precision == .fp16 ? try LossScale(store: store) : nil
    slopes = gradients(
      of: lossScale.map { mean * $0.scale } ?? mean, withRespectTo: parameters.map(\.tensor))
    loggedNames = parts.logged.map(\.name)

    // With several micro-batches, gradients and logged sums are added up in variables. So they are where an optimizer's
    // step is of tensors, which then has a graph of its own in float32.
    let isSplit =
      options.microBatchCount > 1
      || options.precision != .fp32 && !(options.optimizer.rule is any FusedOptimizer)
    let keep = keep
    func sum(_ value: Tensor, _ name: String, _ adds: inout [Graph.Assignment]) throws -> Tensor {
      guard isSplit else { return value }
      let variable = Tensor.variable(value.shape, .zeros)
      try store.declare("sum." + name, variable, role: .gradients)
      adds.append(.init(variable, variable * keep + value))
      return variable
    }
    var adds: [Graph.Assignment] = []
    let totals = try zip(parameters, slopes).map { try sum($1, $0.name, &adds) }
    let lossSum = try sum(loss, "loss", &adds)
    let loggedSums = try parts.logged.map { try sum($0.sum, $0.name, &adds) }
    optimizer = try ParameterUpdate(
      options.optimizer, parameters: parameters, gradients: totals, scaledBy: lossScale,
      store: store)
    logged = [lossSum] + loggedSums
    let outputs = logged + [optimizer.gradientNorm]
    let updates = Graph(
      outputs: outputs, assignments: optimizer.assignments, forward: isSplit ? [] : [loss])
    var execution = GraphExecutor.Options(storage: options.precision.storage)
    execution.recomputation = options.recomputation
    accumulate = try GraphExecutor(
      isSplit ? Graph(outputs: [], assignments: adds, forward: [loss]) : updates, on: store,
      options: execution)
    update = isSplit ? try GraphExecutor(updates, on: store) : nil
    self.validation = try validation.map {
      try Validation(objective, on: $0, options, store: store)
    }
    parameterNames = parameters.map(\.name)
    let own = Set(parameterNames)
    checkpointNames = store.entries.map(\.name).filter {
      own.contains($0) || $0.hasPrefix("optimizer.")
    }
    fingerprint =
      "\(options.fingerprint) \(data.count) rows \(data.fingerprint) \(origins): \(objective.formula)"
  }

  /// What of the forward pass is computed again; nil where every value is kept.
  package var recomputed: Recomputed? { accumulate.recomputed }

  /// Floating-point operations of a step: those of products, attention and whatever else counts its own.
  package var flopsPerStep: Double {
    [accumulate, update].compactMap { $0 }.reduce(0) { sum, executor in
      let own = executor.graph.applications.reduce(0.0) { $0 + $1.flopCount }
      return sum + own * (executor === accumulate ? Double(options.microBatchCount) : 1)
    }
  }

  /// Trains to the last step, or until `shouldStop` answers true after a step.
  ///
  /// Goes on from the checkpoint where there is one, and else begins with the weights as they are. A checkpoint of the same training with
  /// fewer steps is gone on with as well: from its step the learning rate follows the longer schedule. Returns whether training is
  /// done: the last step was reached, or patience was at its end. The weights are then the best by the validation rows; without
  /// such rows the last. The best weights are kept in a file `best` meanwhile, so that they outlive the process, or else in
  /// memory. Throws where the checkpoint belongs to another training or to a longer one, where a file cannot be written, and where the loss or
  /// its gradients are no numbers any more.
  @discardableResult
  public func run(
    checkpoint: URL? = nil, best bestFile: URL? = nil,
    onEvent: @escaping (TrainingEvent) throws -> Void = { _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Bool {
    for file in [checkpoint, bestFile].compactMap({ $0 }) { try WholeFile.requireFolder(of: file) }
    let first = try checkpoint.map(resume) ?? 0
    var best = try bestFile.flatMap { try keptBest($0, from: first) }
    if let bestFile, validation != nil, first >= options.validationInterval,
      !FileManager.default.fileExists(atPath: bestFile.path)
    {
      throw UserError(
        "\(bestFile.path), the best weights of \(first) steps, is not here any more. Put it back.",
        remedy: .startAnew)
    }
    lastStep = first
    var pace = Pace()
    // What was kept is of steps that the longer training does otherwise: it begins with the weights that it has.
    if let bestFile, validation != nil, best == nil {
      if first >= options.validationInterval {
        try validate(first, &best, bestFile, pace, onEvent)
      } else {
        try? FileManager.default.removeItem(at: bestFile)
      }
    }
    var total = resumedTargetCount
    let end = isOutOfPatience(first, best) ? first : max(first, options.stepCount)
    for step in first..<end {
      let targetCount = try runStep(
        step, onLaunch: step == first ? { try onEvent(.preparing(done: $0, of: $1)) } : nil)
      total += targetCount
      let done = step + 1
      if try pace.count(targetCount, finishing: store.device) {
        try onEvent(.tick(step: done, secondsPerStep: pace.secondsPerStep))
      }
      lastStep = done
      if validation != nil, done % options.validationInterval == 0 || done == options.stepCount {
        try pace.leaveOut(finishing: store.device) {
          try validate(done, &best, bestFile, $0, onEvent)
        }
      }
      let isLast = done == options.stepCount || isOutOfPatience(done, best)
      if done % options.logInterval == 0 || isLast {
        let metrics = try metrics(done, targetCount: targetCount, total: total, pace)
        try onEvent(.step(metrics))
        guard metrics.means.values.allSatisfy(\.isFinite) else {
          throw UserError(try NonFiniteSearch(self, checkpoint: checkpoint).sentence(step: step))
        }
        try requireFiniteGradients(metrics.gradientNorm, step: done)
      }
      let isStopping = !isLast && shouldStop()
      if let checkpoint, isLast || isStopping || done % options.checkpointInterval == 0 {
        // A checkpoint is what one goes back to: it never holds numbers that are lost.
        guard try latestLoss().isFinite else {
          throw UserError(try NonFiniteSearch(self, checkpoint: checkpoint).sentence(step: step))
        }
        try requireFiniteGradients(try latestNorm(), step: done)
        try pace.leaveOut(finishing: store.device) { _ in
          try save(checkpoint, step: done, targetCount: total)
        }
        try onEvent(.checkpoint(checkpoint))
      }
      if isStopping {
        try onEvent(.interrupted(step: done))
        return false
      }
      if isLast { break }
    }
    keptStep = lastStep
    if let best, best.step != lastStep {
      if let bestFile {
        try loadBest(bestFile)
      } else {
        for (name, value) in zip(parameterNames, best.values) {
          try store.entry(named: name)?.buffer.write(value)
        }
      }
      keptStep = best.step
    }
    return true
  }

  /// Measures the validation rows, and keeps the weights if they are the best.
  private func validate(
    _ step: Int, _ best: inout BestWeights?, _ file: URL?, _ pace: Pace,
    _ onEvent: (TrainingEvent) throws -> Void
  ) throws {
    guard let loss = try validation?.measure() else { return }
    guard loss.isFinite else {
      throw UserError(
        "The loss of the validation rows is no number after step \(step), while that of the training is one. Look for numbers "
          + "in them that are not finite, and for labels that are no class.")
    }
    if loss < best?.loss ?? .infinity {
      var new = BestWeights(step: step, loss: loss)
      if let file {
        try saveBest(new, to: file)
      } else {
        new.values = try parameterNames.compactMap { try store.entry(named: $0)?.value() }
      }
      best = new
    }
    try onEvent(.validation(step: step, loss: loss, seconds: pace.seconds))
  }

  /// Whether the latest measurements brought nothing better for too long.
  private func isOutOfPatience(_ step: Int, _ best: BestWeights?) -> Bool {
    guard options.patience > 0, let best else { return false }
    return step - best.step >= options.patience * options.validationInterval
  }

  /// Calls `body` with each micro-batch of a step, after `begin` with the number of targets of all of them.
  private func forEachBatch(
    of step: Int, begin: (_ targetCount: Int) throws -> Void,
    _ body: (_ microBatch: Int, Batch) throws -> Bool
  ) throws {
    func place(_ microBatch: Int) -> TrainingPlace {
      TrainingPlace(
        step: step, microBatch: microBatch, of: options.microBatchCount,
        rowCount: options.batchSize, seed: options.seed)
    }
    guard options.microBatchCount > 1 else {
      let batch = try data.batch(at: place(0))
      try begin(batch.weight)
      _ = try body(0, batch)
      return
    }
    // One batch at a time is in memory; their targets are counted before.
    let indices = 0..<options.microBatchCount
    try begin(try indices.reduce(0) { $0 + (try data.weight(at: place($1))) })
    for index in indices where try body(index, try data.batch(at: place(index))) { return }
  }

  /// Runs another graph of the loss on each batch of a step, until `body` answers true.
  func run(_ executor: GraphExecutor, onBatchesOf step: Int, body: () throws -> Bool) throws {
    try forEachBatch(of: step) { count in
      try executor.set(inverseCount, to: TensorData([1], [1 / Float(max(1, count))]))
    } _: { _, batch in
      try inputs.set(batch, on: executor)
      try executor.run()
      return try body()
    }
  }

  /// Does one step, counted from 0; returns the number of targets that counted.
  @discardableResult
  package func runStep(
    _ step: Int, onLaunch: ((_ done: Int, _ total: Int) throws -> Void)? = nil
  ) throws -> Int {
    let numbers = options.optimizer.stepNumbers(step: step, of: options.stepCount)
    try (update ?? accumulate).set(optimizer.step, to: numbers)
    var targetCount = 0
    try forEachBatch(of: step) { count in
      targetCount = count
      try accumulate.set(inverseCount, to: TensorData([1], [1 / Float(max(1, count))]))
    } _: { microBatch, batch in
      try accumulate.set(keep, to: TensorData(microBatch == 0 ? 0 : 1))
      try inputs.set(batch, on: accumulate)
      try accumulate.run(onLaunch: microBatch == 0 ? onLaunch : nil)
      return false
    }
    try update?.run()
    return targetCount
  }
}
