// Formulas of one element.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A formula for one element of a result in terms of elements of operands. Chains of elementwise
/// operations, and what is done to the result of a product, are expressions.
package indirect enum Expression: Sendable, Hashable, CustomStringConvertible {
  package enum Unary: String, Sendable { case exp, log, sqrt, tanh, erf, abs, sign }
  package enum Binary: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case maximum = "max"
    /// 1 where the left is greater, 0 elsewhere.
    case greater = ">"
  }

  case operand(Int)
  case constant(Float)
  case unary(Unary, Expression)
  case binary(Binary, Expression, Expression)
  /// The second where the first is greater than 0, the third elsewhere; what is not taken may be no number.
  case select(Expression, Expression, Expression)
  /// A uniform number in [0, 1) for this element: operand `seed` is int32 [2], (seed, step).
  case uniform(seed: Int, stream: UInt32)

  static func + (a: Self, b: Self) -> Self { .binary(.add, a, b) }
  static func - (a: Self, b: Self) -> Self { .binary(.subtract, a, b) }
  static func * (a: Self, b: Self) -> Self { .binary(.multiply, a, b) }
  static func / (a: Self, b: Self) -> Self { .binary(.divide, a, b) }
  static func + (a: Self, b: Float) -> Self { a + .constant(b) }
  static func * (a: Self, b: Float) -> Self { a * .constant(b) }
  static func - (a: Float, b: Self) -> Self { .constant(a) - b }
  static func / (a: Float, b: Self) -> Self { .constant(a) / b }
  static func exp(_ x: Self) -> Self { .unary(.exp, x) }

  /// 1 / (1 + exp(-x)), by the hyperbolic tangent, which cannot overflow.
  static func sigmoid(_ x: Self) -> Self { .unary(.tanh, x * 0.5) * 0.5 + 0.5 }

  package var description: String {
    switch self {
    case .operand(let index): "x\(index)"
    case .constant(let value): "\(value)"
    case .unary(let function, let x): "\(function.rawValue)(\(x))"
    case .binary(.maximum, let a, let b): "max(\(a), \(b))"
    case .binary(let function, let a, let b): "(\(a) \(function.rawValue) \(b))"
    case .select(let c, let a, let b): "(\(c) > 0 ? \(a) : \(b))"
    case .uniform(let seed, let stream): "uniform(x\(seed), \(stream))"
    }
  }

  // MARK: Value

  /// The element, in double precision.
  func value(_ operand: (Int) -> Double, uniform: (Int, UInt32) -> Double) -> Double {
    switch self {
    case .operand(let index): operand(index)
    case .constant(let value): Double(value)
    case .unary(let function, let x):
      Self.apply(function, x.value(operand, uniform: uniform))
    case .binary(let function, let a, let b):
      Self.apply(
        function, a.value(operand, uniform: uniform), b.value(operand, uniform: uniform))
    case .select(let c, let a, let b):
      (c.value(operand, uniform: uniform) > 0 ? a : b).value(operand, uniform: uniform)
    case .uniform(let seed, let stream): uniform(seed, stream)
    }
  }

  private static func apply(_ function: Unary, _ x: Double) -> Double {
    switch function {
    case .exp: CLibrary.exp(x)
    case .log: CLibrary.log(x)
    case .sqrt: x.squareRoot()
    case .tanh: CLibrary.tanh(x)
    case .erf: CLibrary.erf(x)
    case .abs: Swift.abs(x)
    case .sign: x > 0 ? 1 : x < 0 ? -1 : 0
    }
  }

  private static func apply(_ function: Binary, _ a: Double, _ b: Double) -> Double {
    switch function {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    // A left operand that is no number stays one.
    case .maximum: b > a ? b : a
    case .greater: a > b ? 1 : 0
    }
  }

  // MARK: Derivative

  /// The derivative with respect to operand `index`.
  func derivative(_ index: Int) -> Expression {
    switch self {
    case .operand(let own): .constant(own == index ? 1 : 0)
    case .constant, .uniform: .constant(0)
    case .unary(let function, let x): Self.slope(function, x, self) * x.derivative(index)
    case .binary(let function, let a, let b):
      Self.total(function, a, b, a.derivative(index), b.derivative(index))
    case .select(let c, let a, let b): .select(c, a.derivative(index), b.derivative(index))
    }
  }

  /// f'(x), where y = f(x).
  private static func slope(_ function: Unary, _ x: Self, _ y: Self) -> Self {
    switch function {
    case .exp: y
    case .log: 1 / x
    case .sqrt: 0.5 / y
    case .tanh: 1 - y * y
    case .erf: exp((x * x) * -1) * Float(2 / Double.pi.squareRoot())
    case .abs: .unary(.sign, x)
    case .sign: .constant(0)
    }
  }

  private static func total(_ function: Binary, _ a: Self, _ b: Self, _ da: Self, _ db: Self)
    -> Self
  {
    switch function {
    case .add: da + db
    case .subtract: da - db
    case .multiply: da * b + a * db
    case .divide: da / b - (a * db) / (b * b)
    // At a tie the right operand counts, so that relu has slope 0 at 0.
    case .maximum: .binary(.greater, a, b) * da + (1 - .binary(.greater, a, b)) * db
    case .greater: .constant(0)
    }
  }

  // MARK: Rewriting

  /// Replaces every operand, and every seed, by what the closure gives for its index.
  func substituting(_ replacement: (Int) -> Expression) -> Expression {
    switch self {
    case .operand(let index): replacement(index)
    case .constant: self
    case .unary(let function, let x): .unary(function, x.substituting(replacement))
    case .binary(let function, let a, let b):
      .binary(function, a.substituting(replacement), b.substituting(replacement))
    case .select(let c, let a, let b):
      .select(
        c.substituting(replacement), a.substituting(replacement), b.substituting(replacement))
    case .uniform(let seed, let stream):
      if case .operand(let index) = replacement(seed) {
        .uniform(seed: index, stream: stream)
      } else {
        fatal("a seed can only be replaced by an operand")
      }
    }
  }

  /// The same formula without work that changes nothing.
  func simplified() -> Expression {
    switch self {
    case .operand, .constant, .uniform: return self
    case .unary(let function, let x):
      let x = x.simplified()
      if case .constant(let value) = x {
        return .constant(Float(Self.apply(function, Double(value))))
      }
      return .unary(function, x)
    case .binary(let function, let a, let b):
      return Self.simplified(function, a.simplified(), b.simplified())
    case .select(let c, let a, let b):
      let (c, a, b) = (c.simplified(), a.simplified(), b.simplified())
      if case .constant(let value) = c { return value > 0 ? a : b }
      return a == b ? a : .select(c, a, b)
    }
  }

  private static func simplified(_ function: Binary, _ a: Self, _ b: Self) -> Self {
    switch (function, a, b) {
    case (_, .constant(let x), .constant(let y)):
      return .constant(Float(apply(function, Double(x), Double(y))))
    case (.add, .constant(0), let x), (.add, let x, .constant(0)),
      (.subtract, let x, .constant(0)), (.multiply, .constant(1), let x),
      (.multiply, let x, .constant(1)), (.divide, let x, .constant(1)):
      return x
    case (.multiply, .constant(0), _), (.multiply, _, .constant(0)), (.divide, .constant(0), _):
      return .constant(0)
    // Constants move left and meet: c * (d * x) = (c d) * x.
    case (.multiply, let x, .constant(let c)):
      return simplified(.multiply, .constant(c), x)
    case (.multiply, .constant(let c), .binary(.multiply, .constant(let d), let x)):
      return simplified(.multiply, .constant(c * d), x)
    default: return .binary(function, a, b)
    }
  }

  /// The operands that the formula reads, seeds included.
  var operandIndices: Set<Int> {
    switch self {
    case .operand(let index): [index]
    case .constant: []
    case .unary(_, let x): x.operandIndices
    case .binary(_, let a, let b): a.operandIndices.union(b.operandIndices)
    case .select(let c, let a, let b):
      c.operandIndices.union(a.operandIndices).union(b.operandIndices)
    case .uniform(let seed, _): [seed]
    }
  }

  /// The operands that are seeds.
  var seedIndices: Set<Int> {
    switch self {
    case .operand, .constant: []
    case .unary(_, let x): x.seedIndices
    case .binary(_, let a, let b): a.seedIndices.union(b.seedIndices)
    case .select(let c, let a, let b): c.seedIndices.union(a.seedIndices).union(b.seedIndices)
    case .uniform(let seed, _): [seed]
    }
  }

  /// The number of operations, which bounds how much fusion grows one kernel.
  var size: Int {
    switch self {
    case .operand, .constant: 0
    case .unary(_, let x): 1 + x.size
    case .binary(_, let a, let b): 1 + a.size + b.size
    case .select(let c, let a, let b): 1 + c.size + a.size + b.size
    case .uniform: 40
    }
  }
}

/// The C library's functions under names that the cases above do not hide.
private enum CLibrary {
  #if canImport(Glibc)
    static func exp(_ x: Double) -> Double { Glibc.exp(x) }
    static func log(_ x: Double) -> Double { Glibc.log(x) }
    static func tanh(_ x: Double) -> Double { Glibc.tanh(x) }
    static func erf(_ x: Double) -> Double { Glibc.erf(x) }
  #else
    static func exp(_ x: Double) -> Double { Darwin.exp(x) }
    static func log(_ x: Double) -> Double { Darwin.log(x) }
    static func tanh(_ x: Double) -> Double { Darwin.tanh(x) }
    static func erf(_ x: Double) -> Double { Darwin.erf(x) }
  #endif
}
