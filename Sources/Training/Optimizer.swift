// AdamW over a model: schedule, clipping, update.

import Base
import Tensors

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How parameters are moved.
public struct OptimizerOptions: Sendable, Hashable {
  public var learningRate = 1e-3
  /// Steps over which the rate grows linearly from 0.
  public var warmupSteps = 50
  /// The rate at the last step, as a part of the highest.
  public var finalRateShare = 0.1
  public var beta1: Float = 0.9
  public var beta2: Float = 0.95
  public var epsilon: Float = 1e-8
  /// Decoupled weight decay, for matrices only.
  public var weightDecay: Float = 0.1
  /// The largest norm of all gradients together; 0 leaves them as they are.
  public var clipNorm: Float = 1

  public init() {}

  /// Linear warm-up, then half a cosine down to the final share at the last step (Loshchilov and Hutter,
  /// arXiv 1608.03983). Steps count from 0.
  public func rate(step: Int, of stepCount: Int) -> Double {
    if step < warmupSteps { return learningRate * Double(step + 1) / Double(warmupSteps) }
    let progress = Double(step - warmupSteps) / Double(max(1, stepCount - 1 - warmupSteps))
    let cosine = (1 + cos(.pi * min(1, progress))) / 2
    return learningRate * (finalRateShare + (1 - finalRateShare) * cosine)
  }

  /// The numbers that the update reads at a step: (rate, 1 / (1 - b1^t), 1 / (1 - b2^t), 0).
  public func stepNumbers(step: Int, of stepCount: Int) -> TensorData {
    let t = Double(step + 1)
    return TensorData(
      [4],
      [
        rate(step: step, of: stepCount), 1 / (1 - pow(Double(beta1), t)),
        1 / (1 - pow(Double(beta2), t)), 0,
      ].map { Float($0) })
  }
}

/// The update of some parameters from their gradients, as tensors.
public struct Optimizer {
  /// Input [4], the numbers of `OptimizerOptions.stepNumbers`.
  public let step = Tensor.input("step", TensorType([4]))
  /// The norm of all gradients together, before clipping: a single number.
  public let gradientNorm: Tensor
  public let assignments: [Graph.Assignment]

  /// Declares the moments of `parameters` in `store`, named after them.
  public init(
    _ options: OptimizerOptions, parameters: [(name: String, tensor: Tensor)],
    gradients: [Tensor], store: VariableStore
  ) throws {
    try self.init(
      options, parameters: parameters, gradients: gradients, scaledBy: nil, store: store)
  }

  /// The same from gradients of a loss that was multiplied by a scale, which follows them.
  init(
    _ options: OptimizerOptions, parameters: [(name: String, tensor: Tensor)],
    gradients: [Tensor], scaledBy lossScale: LossScale?, store: VariableStore
  ) throws {
    demand(parameters.count == gradients.count, "each parameter has one gradient")
    let squares = gradients.map { $0.sumOfSquares() }
    let size = squares.dropFirst().reduce(squares[0]) { $0 + $1 }.squareRoot()
    let norm = lossScale.map { size / $0.scale } ?? size
    gradientNorm = norm
    // min(1, limit / norm), written as limit / max(limit, norm)
    let limit = Tensor.constant(options.clipNorm)
    var clip = options.clipNorm > 0 ? limit / limit.maximum(norm) : Tensor.constant(1)
    var assignments: [Graph.Assignment] = []
    if let lossScale {
      let isFinite = Tensor.constant(.greatestFiniteMagnitude).isGreater(than: size)
      // A negative factor skips the step.
      clip = clip / lossScale.scale * isFinite + (isFinite + -1)
      assignments += lossScale.assignments(isFinite: isFinite)
    }
    for ((name, parameter), gradient) in zip(parameters, gradients) {
      let first = Tensor.variable(parameter.shape, .zeros)
      let second = Tensor.variable(parameter.shape, .zeros)
      try store.declare("optimizer.first." + name, first, role: .optimizer)
      try store.declare("optimizer.second." + name, second, role: .optimizer)
      let update = AdamW(
        beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon,
        decay: parameter.shape.rank >= 2 ? options.weightDecay : 0)
      let new = update(parameter, gradient, first, second, step, clip)
      assignments += zip([parameter, first, second], new).map { Graph.Assignment($0, $1) }
    }
    self.assignments = assignments
  }
}
