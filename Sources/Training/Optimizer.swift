// How parameters are moved: formula, schedule, clipping.
import Base
import Tensors

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How a parameter is moved by its gradient, and by what is kept of earlier gradients.
///
/// `AdamW` and `SGD` have kernels of their own. Another optimizer writes its step with tensors, which are fused into few
/// kernels; schedule, clipping, micro-batches, checkpoints and the loss scale of float16 work with it as they are.
public protocol Optimizer: Sendable, Hashable {
  /// In words, such as "AdamW".
  var name: String { get }
  /// What else a reader should know of its settings, such as "weight decay 0.1"; empty if nothing.
  var settings: String { get }
  /// What is kept for every parameter, a tensor of its shape each that begins with zeros: the names that checkpoints use.
  var stateNames: [String] { get }
  /// What is kept for one parameter, where that differs: names, with the tensors' types.
  func state(of name: String, shape: Shape) -> [(name: String, type: TensorType)]

  /// One step: the new parameter, then what is kept, in the order of `stateNames`. All have the shape of `parameter`, such
  /// as [O, I]; `gradient` is clipped, and `rate` is the learning rate of the step, a single number.
  func step(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], rate: Tensor
  ) -> (parameter: Tensor, state: [Tensor])
}

extension Optimizer {
  public func state(of name: String, shape: Shape) -> [(name: String, type: TensorType)] {
    stateNames.map { ($0, TensorType(shape)) }
  }
}

/// An optimizer whose step is an op.
package protocol FusedOptimizer: Optimizer {
  /// The op of one step for a parameter of some shape. Operands: the parameter, its gradient, what is kept, the numbers of
  /// the step [4], and the factor of the gradient [], of which a negative one changes nothing. Results: the new parameter, then
  /// what is kept.
  func step(for shape: Shape) -> any Op
  /// Two numbers that the op reads at step t, counted from 1, after the rate.
  func corrections(step t: Int) -> (Double, Double)
}

extension FusedOptimizer {
  package func corrections(step t: Int) -> (Double, Double) { (0, 0) }

  /// Traps: the step of this optimizer is a kernel of its own, and no tensors.
  public func step(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], rate: Tensor
  ) -> (parameter: Tensor, state: [Tensor]) {
    fatal("\(name) has a kernel for its step, which another optimizer cannot use")
  }
}

extension AdamW: FusedOptimizer {
  public var name: String { "AdamW" }
  public var settings: String { "weight decay \(decay)" }
  public var stateNames: [String] { ["first", "second"] }

  /// Matrices decay, vectors do not.
  package func step(for shape: Shape) -> any Op {
    shape.rank >= 2 ? self : AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon, decay: 0)
  }

  /// 1 / (1 - b1^t) and 1 / (1 - b2^t)
  package func corrections(step t: Int) -> (Double, Double) {
    (1 / (1 - pow(Double(beta1), Double(t))), 1 / (1 - pow(Double(beta2), Double(t))))
  }
}

extension SGD: FusedOptimizer {
  public var name: String { "SGD" }
  public var settings: String { "momentum \(momentum), weight decay \(decay)" }
  public var stateNames: [String] { ["velocity"] }

  /// Matrices decay, vectors do not.
  package func step(for shape: Shape) -> any Op {
    shape.rank >= 2 ? self : SGD(momentum: momentum, decay: 0)
  }
}

/// AdamW with moments of eight bits. Parameters with few numbers keep theirs in single precision, as in bitsandbytes.
extension AdamW8: FusedOptimizer {
  private static let fewestNumbers = 4096

  public var name: String { "AdamW with moments of 8 bits" }
  public var settings: String { rule.settings }
  public var stateNames: [String] { ["first", "second", "scales"] }

  public func state(of name: String, shape: Shape) -> [(name: String, type: TensorType)] {
    shape.elementCount < Self.fewestNumbers
      ? rule.state(of: name, shape: shape)
      : Array(zip(stateNames, Self.stateTypes(for: shape)))
  }

  package func step(for shape: Shape) -> any Op {
    guard let plain = rule.step(for: shape) as? AdamW else { fatal("AdamW's step is AdamW") }
    return shape.elementCount < Self.fewestNumbers ? plain : AdamW8(plain)
  }

  package func corrections(step t: Int) -> (Double, Double) { rule.corrections(step: t) }
}

/// An optimizer with its schedule, and the limit of its gradients.
public struct OptimizerOptions: Sendable {
  /// The formula of a step.
  public var rule: any Optimizer = AdamW()
  /// The highest rate of the schedule.
  public var learningRate = 1e-3
  /// Steps over which the rate grows linearly from 0; at most half of all.
  public var warmupSteps = 50
  /// The rate at the last step, as a part of the highest.
  public var finalRateShare = 0.1
  /// The largest norm of all gradients together; 0 leaves them as they are.
  public var clipNorm: Float = 1

  /// AdamW with the defaults above.
  public init() {}

  /// Linear warm-up, then half a cosine down to the final share at the last step (Loshchilov and Hutter,
  /// arXiv 1608.03983). Steps count from 0.
  public func rate(step: Int, of stepCount: Int) -> Double {
    let warmup = min(warmupSteps, stepCount / 2)
    if step < warmup { return learningRate * Double(step + 1) / Double(warmup) }
    let progress = Double(step - warmup) / Double(max(1, stepCount - 1 - warmup))
    let cosine = (1 + cos(.pi * min(1, progress))) / 2
    return learningRate * (finalRateShare + (1 - finalRateShare) * cosine)
  }

  /// The numbers that the update reads at a step, counted from 0: the rate, the optimizer's corrections, 0.
  package func stepNumbers(step: Int, of stepCount: Int) -> TensorData {
    let (first, second) = (rule as? any FusedOptimizer)?.corrections(step: step + 1) ?? (0, 0)
    return TensorData(
      [4], [rate(step: step, of: stepCount), first, second, 0].map { Float($0) })
  }
}

/// The update of some parameters from their gradients, as tensors.
package struct ParameterUpdate {
  /// Input [4], the numbers of `OptimizerOptions.stepNumbers`.
  package let step = Tensor.input("step", TensorType([4]))
  /// The norm of all gradients together, before clipping: a single number.
  package let gradientNorm: Tensor
  package let assignments: [Graph.Assignment]

  /// Declares what is kept of `parameters` in `store`, named after them.
  package init(
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
      let kept = try options.rule.state(of: name, shape: parameter.shape).map { state in
        let variable = Tensor.variable(state.type, .zeros)
        try store.declare("optimizer.\(state.name).\(name)", variable, role: .optimizer)
        return variable
      }
      let new: [Tensor]
      if let fused = options.rule as? any FusedOptimizer {
        new =
          Application(
            fused.step(for: parameter.shape), [parameter, gradient] + kept + [step, clip]
          ).results
      } else {
        let rate = step.split([1, 3])[0].reshaped(to: [])
        let moved = options.rule.step(
          parameter, gradient: gradient * clip, state: kept, rate: rate)
        let (values, types) = ([moved.parameter] + moved.state, ([parameter] + kept).map(\.type))
        demand(
          values.map(\.type) == types,
          "\(options.rule.name) gives a parameter and what it keeps, \(types), not \(values.map(\.type))"
        )
        // A negative factor skips the step.
        new =
          lossScale == nil
          ? values
          : zip([parameter] + kept, values).map { old, new in
            .select(clip * -1, old, otherwise: new)
          }
      }
      assignments += zip([parameter] + kept, new).map { Graph.Assignment($0, $1) }
    }
    self.assignments = assignments
  }
}
