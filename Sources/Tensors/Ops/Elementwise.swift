// Operations on corresponding elements, with broadcasting.
import Base

/// result[i] = expression(operands at i). A chain of these becomes one generated kernel. Operands are numbers, or
/// integers of at most 24 bits, which are read as numbers; no gradient flows to them.
package struct Elementwise: KernelOp, CustomStringConvertible {
  /// Which element of an operand belongs to flat index i of the result.
  package enum Read: Sendable, Hashable {
    /// i: the operand has as many elements as the result.
    case full
    /// 0: the operand is one number, or a seed.
    case scalar
    /// i mod count: the operand repeats along the outer axes, as a bias does.
    case suffix(count: Int)
    /// i / divisor: the operand repeats along the inner axes, as one number per row does.
    case prefix(divisor: Int)

    func index(_ i: Int) -> Int {
      switch self {
      case .full: i
      case .scalar: 0
      case .suffix(let count): i % count
      case .prefix(let divisor): i / divisor
      }
    }
  }

  let expression: Expression
  let reads: [Read]
  let shape: Shape

  package var description: String { "Elementwise \(expression)" }

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let seeds = expression.seedIndices
    for (index, operand) in operands.enumerated() {
      demand(
        operand.elementType == .int32 || !seeds.contains(index),
        "elementwise operand \(index) cannot be \(operand)")
    }
    return [TensorType(shape)]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    guard let gradient = resultGradients[0] else { return application.operands.map { _ in nil } }
    return application.operands.enumerated().map { index, operand in
      if operand.type.elementType == .int32 { return nil }
      // dx_j = sum over the elements that read x_j of dy * (d expression / d x_j)
      let slope = (expression.derivative(index) * .operand(reads.count)).simplified()
      if slope == .constant(0) { return nil }
      let full = Elementwise(slope, reads + [.full], shape)
      return Application(full, application.operands + [gradient]).result(0)
        .summed(to: operand.shape, read: reads[index])
    }
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let seeds = expression.seedIndices
    let floats = operands.enumerated().map { index, data -> [Float] in
      if seeds.contains(index) { return [] }
      return data.type.elementType == .int32 ? data.integers.map { Float($0) } : data.floats
    }
    let numbers = (0..<shape.elementCount).map { i in
      Float(
        expression.value({ Double(floats[$0][reads[$0].index(i)]) }) { seed, stream in
          let words = operands[seed].integers.map(UInt32.init(bitPattern:))
          return Double(
            Philox.uniform(
              index: UInt32(truncatingIfNeeded: i), stream: stream, seed: words[0], step: words[1])
          )
        })
    }
    return [TensorData(shape, numbers)]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool { reads[operand] == .full }

  package func mayBeNarrow(operand: Int) -> Bool { true }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let count = shape.elementCount
    // A vector of neighbours reads one vector, or one number, of every operand.
    let vector = reads.reduce(traits.vectorWidth) { width, read in
      switch read {
      case .full, .scalar: width
      case .suffix(let count): min(width, traits.vectorWidth(dividing: count))
      case .prefix(let divisor): min(width, traits.vectorWidth(dividing: divisor))
      }
    }
    // A core's work-items are few and long, but worth a start each.
    let items =
      traits.family == .cpu
      ? min(ceilDivide(count, 4096), traits.computeUnits * 16)
      : min(ceilDivide(count, vector), 1 << 20)
    return Launches([
      .items(
        "elementwise", file: "",
        prelude: ElementwiseSource(expression, reads, operands.map(\.elementType)).kernel,
        count: items, defines: ["VECTOR": vector],
        arguments: [.int(count), .result(0, "y")] + operands.indices.map { .operand($0) },
        on: traits)
    ])
  }
}

extension Elementwise {
  /// Applies a formula to operands whose reads are known.
  init(_ expression: Expression, _ reads: [Read], _ shape: Shape) {
    self.expression = expression
    self.reads = reads
    self.shape = shape
  }

  /// How an operand of one shape is read by a result of another; nil if it cannot be.
  static func read(_ operand: Shape, by result: Shape) -> Read? {
    if operand == result { return .full }
    if operand.elementCount == 1 { return .scalar }
    let significant = Array(operand.extents.drop { $0 == 1 })
    if Array(result.extents.suffix(significant.count)) == significant {
      return .suffix(count: operand.elementCount)
    }
    let inner = operand.extents.reversed().prefix { $0 == 1 }.count
    if operand.rank == result.rank,
      operand.extents.dropLast(inner) == result.extents.dropLast(inner)
    {
      return .prefix(divisor: result.extents.suffix(inner).reduce(1, *))
    }
    return nil
  }
}

extension Tensor {
  /// The gradient of an operand: sums over the elements that read the same one.
  fileprivate func summed(to shape: Shape, read: Elementwise.Read) -> Tensor {
    switch read {
    case .full: reshaped(to: shape)
    case .scalar: reduced(.sum, outer: 1, inner: 1, to: shape)
    case .suffix(let count): reduced(.sum, outer: 1, inner: count, to: shape)
    case .prefix: reduced(.sum, outer: shape.elementCount, inner: 1, to: shape)
    }
  }

  /// Applies a formula, with the shapes of the operands broadcast against each other: equal
  /// shapes, single numbers, equal trailing axes, or trailing axes of extent 1.
  static func elementwise(_ expression: Expression, _ operands: [Tensor]) -> Tensor {
    let seeds = expression.seedIndices
    let shapes = operands.indices.filter { !seeds.contains($0) }.map { operands[$0].shape }
    let largest = shapes.max { ($0.elementCount, $0.rank) < ($1.elementCount, $1.rank) } ?? []
    let reads = operands.enumerated().map { index, operand -> Elementwise.Read in
      if seeds.contains(index) { return .scalar }
      guard let read = Elementwise.read(operand.shape, by: largest) else {
        fatal(
          "elementwise \(expression): \(operand.shape) does not broadcast to \(largest)")
      }
      return read
    }
    return Application(Elementwise(expression, reads, largest), operands).result(0)
  }

  private func map(_ formula: (Expression) -> Expression) -> Tensor {
    .elementwise(formula(.operand(0)), [self])
  }

  private static func zip(
    _ a: Tensor, _ b: Tensor, _ formula: (Expression, Expression) -> Expression
  ) -> Tensor {
    .elementwise(formula(.operand(0), .operand(1)), [a, b])
  }

  /// a + b. The smaller shape is repeated along the larger one as in NumPy where it is a single number, ends as the larger one,
  /// or has extents of 1 at its end; other shapes trap. So it is for all of these operators.
  public static func + (a: Tensor, b: Tensor) -> Tensor { zip(a, b) { $0 + $1 } }
  /// a - b
  public static func - (a: Tensor, b: Tensor) -> Tensor { zip(a, b) { $0 - $1 } }
  /// a b, element by element.
  public static func * (a: Tensor, b: Tensor) -> Tensor { zip(a, b) { $0 * $1 } }
  /// a / b, element by element.
  public static func / (a: Tensor, b: Tensor) -> Tensor { zip(a, b) { $0 / $1 } }
  /// a + b
  public static func + (a: Tensor, b: Float) -> Tensor { a.map { $0 + b } }
  /// a b
  public static func * (a: Tensor, b: Float) -> Tensor { a.map { $0 * b } }
  /// a - b
  public static func - (a: Tensor, b: Float) -> Tensor { a.map { $0 + -b } }
  /// a / b
  public static func / (a: Tensor, b: Float) -> Tensor { a.map { $0 / .constant(b) } }
  /// a + b
  public static func + (a: Float, b: Tensor) -> Tensor { b + a }
  /// a b
  public static func * (a: Float, b: Tensor) -> Tensor { b * a }
  /// a - b
  public static func - (a: Float, b: Tensor) -> Tensor { b.map { a - $0 } }
  /// a / b
  public static func / (a: Float, b: Tensor) -> Tensor { b.map { a / $0 } }
  /// -a
  public static prefix func - (a: Tensor) -> Tensor { a * -1 }

  /// e to the power of every number.
  public func exp() -> Tensor { map { .unary(.exp, $0) } }
  /// The natural logarithm.
  public func log() -> Tensor { map { .unary(.log, $0) } }
  /// The square root.
  public func squareRoot() -> Tensor { map { .unary(.sqrt, $0) } }
  /// The hyperbolic tangent.
  public func tanh() -> Tensor { map { .unary(.tanh, $0) } }
  /// The absolute value; at 0 its gradient is 0.
  public func abs() -> Tensor { map { .unary(.abs, $0) } }
  /// 1 / (1 + e^-x)
  public func sigmoid() -> Tensor { map { .sigmoid($0) } }
  /// max(x, 0); at 0 its gradient is 0.
  public func relu() -> Tensor { map { .binary(.maximum, $0, .constant(0)) } }

  /// x sigmoid(x) (Elfwing et al., arXiv 1702.03118).
  public func silu() -> Tensor { map { $0 * .sigmoid($0) } }

  /// x Phi(x), with Phi the normal distribution function (Hendrycks and Gimpel, arXiv 1606.08415).
  public func gelu() -> Tensor {
    map { ($0 * 0.5) * (.unary(.erf, $0 * Float(0.5.squareRoot())) + 1) }
  }

  /// The approximation of GELU by a hyperbolic tangent, as GPT-2 uses it.
  public func geluTanh() -> Tensor {
    let scale = Float((2 / Double.pi).squareRoot())
    return map { x in
      (x * 0.5) * (.unary(.tanh, (x + (x * x * x) * 0.044715) * scale) + 1)
    }
  }

  /// -1, 0 or 1; no gradient flows.
  public func sign() -> Tensor { map { .unary(.sign, $0) } }

  /// The larger of two numbers; at a tie the gradient is that of `other`. Where this one is no number, neither is the result.
  public func maximum(_ other: Tensor) -> Tensor {
    Tensor.zip(self, other) { .binary(.maximum, $0, $1) }
  }

  /// The smaller of two numbers; at a tie the gradient is that of `other`.
  public func minimum(_ other: Tensor) -> Tensor {
    Tensor.zip(self, other) { .binary(.maximum, $0 * -1, $1 * -1) * -1 }
  }

  /// 1 where this is greater than `other`, 0 elsewhere; no gradient flows.
  public func isGreater(than other: Tensor) -> Tensor {
    Tensor.zip(self, other) { .binary(.greater, $0, $1) }
  }

  /// Elements of `first` where `condition` is greater than 0, of `second` elsewhere; what is not taken may be infinite or no
  /// number. Gradients flow to what is taken. To the other they are 0, which an infinite slope behind it makes NaN, as that of a
  /// root of 0: keep its argument finite. Shapes broadcast as in `+`.
  public static func select(_ condition: Tensor, _ first: Tensor, otherwise second: Tensor)
    -> Tensor
  {
    .elementwise(.select(.operand(0), .operand(1), .operand(2)), [condition, first, second])
  }

  /// Zeroes elements with probability `rate` and divides the others by 1 - rate. Which ones is a
  /// function of `seed` (int32 [2]: seed, step), `name` and position alone.
  public func dropout(_ rate: Float, seed: Tensor, name: String) -> Tensor {
    demand(rate >= 0 && rate < 1, "a dropout rate lies in [0, 1), not \(rate)")
    if rate == 0 { return self }
    let draw = Expression.uniform(seed: 1, stream: Philox.stream(named: name))
    // draw >= rate, written as 1 - (rate > draw)
    let keep = 1 - .binary(.greater, .constant(rate), draw)
    return .elementwise((.operand(0) * keep) * (1 / (1 - rate)), [self, seed])
  }
}
