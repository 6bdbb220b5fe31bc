// Optimizers that are written with tensors.
import Checks
import Layers
import Tensors
import Testing

@testable import Training

/// SGD's formula, as somebody without its kernel would write it.
private struct PlainMomentum: Optimizer {
  var momentum: Float = 0.9
  var name: String { "plain momentum" }
  var settings: String { "" }
  var stateNames: [String] { ["velocity"] }

  func step(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], rate: Tensor
  ) -> (parameter: Tensor, state: [Tensor]) {
    let velocity = state[0] * momentum + gradient
    return (parameter - rate * velocity, [velocity])
  }
}

struct Lion: Optimizer {
  let name = "Lion"
  let settings = "betas 0.9 and 0.99"
  let stateNames = ["momentum"]

  func step(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], rate: Tensor
  ) -> (parameter: Tensor, state: [Tensor]) {
    let direction = (0.9 * state[0] + 0.1 * gradient).sign()
    return (parameter - rate * direction, [0.99 * state[0] + 0.01 * gradient])
  }
}

/// A step along the gradient times its own square, over the root of its mean square: products and a reduction.
private struct Whitened: Optimizer {
  var name: String { "whitened" }
  var settings: String { "" }
  var stateNames: [String] { [] }

  func step(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], rate: Tensor
  ) -> (parameter: Tensor, state: [Tensor]) {
    guard parameter.shape.rank == 2 else { return (parameter - rate * gradient, []) }
    let size = (gradient * gradient).mean(axis: -1).reshaped(to: [parameter.shape[0], 1]) + 1e-6
    let mixed = gradient.matmul(gradient, transposeOther: true).matmul(parameter) * 0.01
    return (parameter - rate * (gradient / size.squareRoot() + mixed), [])
  }
}

@Suite struct OptimizerTests {
  private static let numbers = Field("numbers")
  private static let data = ArrayDataset([
    numbers: TensorData([6, 3], (0..<18).map { Float($0 * 7 % 11) / 11 })
  ])

  private struct Model: Module {
    let hidden = Linear(3, 5)
    let output = Linear(5, 1)
  }

  /// The parameters after some steps, and how often each was logged.
  private func train(
    _ rule: any Optimizer, _ precision: Precision = .fp32, microBatches: Int = 1
  ) throws -> [TensorData] {
    let model = Model()
    var options = TrainingOptions(stepCount: 12, batchSize: 3, learningRate: 0.01)
    (options.optimizer.rule, options.precision) = (rule, precision)
    options.microBatchCount = microBatches
    let loss = LossFunction("distance") { inputs in
      let y = model.output(model.hidden(inputs[Self.numbers]).tanh()) - 1
      return Loss("distance", (y * y).sum())
    }
    let trainer = try Trainer(
      loss, of: model, data: Self.data, options: options, on: ReferenceDevice())
    try trainer.run()
    return try model.parameters().map { try trainer.store.value(of: $0.tensor) }
  }

  @Test(arguments: [Precision.fp32, .bf16, .fp16], [1, 2])
  func aStepInTensorsIsThatOfTheKernel(precision: Precision, microBatches: Int) throws {
    let fused = try train(SGD(momentum: 0.9), precision, microBatches: microBatches)
    let written = try train(PlainMomentum(), precision, microBatches: microBatches)
    for (a, b) in zip(fused, written) {
      #expect(zip(a.floats, b.floats).allSatisfy { abs($0 - $1) < 2e-6 }, "\(a) \(b)")
    }
    #expect(try train(PlainMomentum(momentum: 0.5)) != train(PlainMomentum()))
  }

  /// A step with products and means sees float32, whatever the precision: that of fp32 up to the rounding of activations.
  @Test(arguments: [Precision.bf16, .fp16]) func aStepWithProductsIsExact(precision: Precision)
    throws
  {
    let exact = try train(Whitened())
    let narrow = try train(Whitened(), precision)
    for (a, b) in zip(exact, narrow) {
      #expect(zip(a.floats, b.floats).allSatisfy { abs($0 - $1) < 0.02 }, "\(a) \(b)")
    }
    // Weights that a product reads keep all their bits.
    let bits = narrow[0].floats.map(\.bitPattern)
    #expect(bits.contains { $0 & 0x1FFF != 0 })
  }

  /// Every number moves by the rate, in one direction or the other.
  @Test func lionMovesEveryNumberByTheRate() throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    let parameter = Tensor.variable([4], .zeros)
    try store.declare("parameter", parameter)
    var options = OptimizerOptions()
    (options.rule, options.warmupSteps, options.learningRate) = (Lion(), 0, 0.01)
    let update = try ParameterUpdate(
      options, parameters: [("parameter", parameter)],
      gradients: [.constant(TensorData([4], [3, -0.1, 0, 20]))], store: store)
    let executor = try GraphExecutor(
      Graph(outputs: [], assignments: update.assignments), on: store)
    try executor.set(update.step, to: options.stepNumbers(step: 0, of: 100))
    try executor.run()
    let moved = try store.value(of: parameter).floats
    #expect(moved.map { ($0 * 100).rounded() } == [-1, 1, 0, -1])
  }

  /// Five steps of the schedule's highest rate with the formulas of PyTorch and `transformers` (`Tests/Golden/make_optimizers.py`).
  @Test(arguments: [
    ("layers.0.wide", "adafactor"), ("layers.0.tall", "adafactor"), ("layers.0.bias", "adafactor"),
    ("layers.0.wide", "muon"), ("layers.0.tall", "muon"),
  ])
  func stepsAreThoseOfOthers(name: String, kind: String) throws {
    let file = try golden("optimizers")
    func numbers(_ suffix: String) throws -> TensorData {
      try #require(try file["\(name).\(suffix)"])
    }
    let (start, gradients) = (try numbers("start"), try numbers("gradients").floats)
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    let parameter = Tensor.variable(start.shape, .data(start))
    try store.declare(name, parameter)
    let gradient = Tensor.input("gradient", start.type)
    var options = OptimizerOptions()
    options.rule = kind == "muon" ? Muon(momentum: 0.95) : Adafactor(decay: 0.1)
    (options.warmupSteps, options.learningRate, options.finalRateShare) = (0, 0.02, 1)
    options.clipNorm = 0
    let update = try ParameterUpdate(
      options, parameters: [(name, parameter)], gradients: [gradient], store: store)
    let executor = try GraphExecutor(
      Graph(outputs: [], assignments: update.assignments), on: store)
    for step in 0..<5 {
      let count = start.shape.elementCount
      let own = Array(gradients[step * count..<(step + 1) * count])
      try executor.set(gradient, to: TensorData(start.shape, own))
      try executor.set(update.step, to: options.stepNumbers(step: step, of: 5))
      try executor.run()
    }
    #expect(try relativeError(store.value(of: parameter), numbers(kind)) < 2e-5)
  }

  /// What is kept beside a parameter.
  @Test func stateIsAsSmallAsItIsMeantToBe() {
    func bytes(_ rule: any Optimizer, _ name: String, _ shape: Shape) -> Int {
      rule.state(of: name, shape: shape).reduce(0) { $0 + $1.type.byteCount }
    }
    let shape: Shape = [512, 256]
    #expect(bytes(AdamW(), "a", shape) == 8 * shape.elementCount)
    #expect(bytes(AdamW8(), "a", shape) == shape.elementCount * 2 + shape.elementCount / 256 * 8)
    #expect(bytes(AdamW8(), "a", [64]) == 8 * 64)
    #expect(bytes(Muon(), "layers.3.a", shape) == 4 * shape.elementCount)
    #expect(bytes(Muon(), "embed_tokens.weight", shape) == 8 * shape.elementCount + 4)
    #expect(bytes(Adafactor(), "a", shape) == 4 * (512 + 256 + 1))
  }

  private static let rules: [any Optimizer] = [
    AdamW(), SGD(), PlainMomentum(), AdamW8(), Adafactor(), Muon(),
  ]

  @Test(arguments: [Float.infinity, .nan], rules.indices)
  func aStepWhoseGradientsOverflowIsSkipped(bad: Float, rule: Int) throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    let parameter = Tensor.variable([2, 2], .ones)
    try store.declare("parameter", parameter)
    let scale = try LossScale(store: store)
    let gradient = Tensor.input("gradient", parameter.type)
    var options = OptimizerOptions()
    options.rule = Self.rules[rule]
    let optimizer = try ParameterUpdate(
      options, parameters: [("parameter", parameter)], gradients: [gradient], scaledBy: scale,
      store: store)
    let update = try GraphExecutor(
      Graph(outputs: [optimizer.gradientNorm], assignments: optimizer.assignments), on: store)
    func run(_ values: [Float]) throws -> (parameters: [Float], scale: Float) {
      try update.set(gradient, to: TensorData([2, 2], values))
      try update.set(optimizer.step, to: options.stepNumbers(step: 60, of: 100))
      try update.run()
      return (try store.value(of: parameter).floats, try store.value(of: scale.scale).floats[0])
    }
    let skipped = try run([1, 2, bad, 3])
    #expect(skipped.parameters == [1, 1, 1, 1] && skipped.scale == 32_768)
    for state in options.rule.state(of: "parameter", shape: [2, 2]) {
      let kept = try #require(store.entry(named: "optimizer.\(state.name).parameter"))
      #expect(try store.value(of: kept.tensor) == TensorData(zeros: state.type))
    }
    // The scale drops out: gradients of 32768 times 1/2 count as 1/2, whose norm is 1.
    let moved = try run([16_384, 16_384, -16_384, 16_384])
    #expect(try update.value(of: optimizer.gradientNorm).floats[0] == 1)
    #expect(moved.scale == 32_768 && moved.parameters[0] < 1 && moved.parameters[2] > 1)
  }
}
