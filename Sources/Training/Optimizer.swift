// How parameters are moved: formula, schedule, clipping.
import Base
import Tensors

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The formula by which an optimizer moves a parameter.
public protocol Optimizer: Sendable, Hashable {
  /// In words, such as "AdamW", and what else a reader should know of its settings.
  var name: String { get }
  var settings: String { get }
  /// What is kept of earlier steps for every parameter, a tensor of its shape each.
  var stateNames: [String] { get }
  /// The op of one step for a parameter of some shape. Operands: the parameter, its gradient, what is kept, the numbers of
  /// the step [4], and the factor of the gradient [], of which a negative one changes nothing. Results: the new parameter, then
  /// what is kept.
  func step(for shape: Shape) -> any Op
  /// Two numbers that the op reads at step t, counted from 1, after the rate.
  func corrections(step t: Int) -> (Double, Double)
}

extension Optimizer {
  public func corrections(step t: Int) -> (Double, Double) { (0, 0) }
}

extension AdamW: Optimizer {
  public var name: String { "AdamW" }
  public var settings: String { "weight decay \(decay)" }
  public var stateNames: [String] { ["first", "second"] }

  /// Matrices decay, vectors do not.
  public func step(for shape: Shape) -> any Op {
    shape.rank >= 2 ? self : AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon, decay: 0)
  }

  /// 1 / (1 - b1^t) and 1 / (1 - b2^t)
  public func corrections(step t: Int) -> (Double, Double) {
    (1 / (1 - pow(Double(beta1), Double(t))), 1 / (1 - pow(Double(beta2), Double(t))))
  }
}

extension SGD: Optimizer {
  public var name: String { "SGD" }
  public var settings: String { "momentum \(momentum), weight decay \(decay)" }
  public var stateNames: [String] { ["velocity"] }

  /// Matrices decay, vectors do not.
  public func step(for shape: Shape) -> any Op {
    shape.rank >= 2 ? self : SGD(momentum: momentum, decay: 0)
  }
}

/// An optimizer with its schedule, and the limit of its gradients.
public struct OptimizerOptions: Sendable {
  /// The formula of a step.
  public var rule: any Optimizer = AdamW()
  public var learningRate = 1e-3
  /// Steps over which the rate grows linearly from 0.
  public var warmupSteps = 50
  /// The rate at the last step, as a part of the highest.
  public var finalRateShare = 0.1
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

  /// The numbers that the update reads at a step, counted from 0: the rate, the optimizer's corrections, 0.
  public func stepNumbers(step: Int, of stepCount: Int) -> TensorData {
    let (first, second) = rule.corrections(step: step + 1)
    return TensorData(
      [4], [rate(step: step, of: stepCount), first, second, 0].map { Float($0) })
  }
}

/// The update of some parameters from their gradients, as tensors.
public struct ParameterUpdate {
  /// Input [4], the numbers of `OptimizerOptions.stepNumbers`.
  public let step = Tensor.input("step", TensorType([4]))
  /// The norm of all gradients together, before clipping: a single number.
  public let gradientNorm: Tensor
  public let assignments: [Graph.Assignment]

  /// Declares what is kept of `parameters` in `store`, named after them.
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
      clip = clip / lossScale.scale * isFinite + (isFinite - 1)
      assignments += lossScale.assignments(isFinite: isFinite)
    }
    for ((name, parameter), gradient) in zip(parameters, gradients) {
      let kept = try options.rule.stateNames.map { state in
        let variable = Tensor.variable(parameter.shape, .zeros)
        try store.declare("optimizer.\(state).\(name)", variable, role: .optimizer)
        return variable
      }
      let new = Application(
        options.rule.step(for: parameter.shape),
        [parameter, gradient] + kept + [step, clip]
      ).results
      assignments += zip([parameter] + kept, new).map { Graph.Assignment($0, $1) }
    }
    self.assignments = assignments
  }
}
