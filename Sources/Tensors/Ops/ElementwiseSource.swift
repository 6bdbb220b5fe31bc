// OpenCL C for a formula.

/// Writes an expression as kernel text: a kernel of its own, or the epilogue of a product. Common
/// subexpressions are computed once.
struct ElementwiseSource {
  private let expression: Expression
  private let reads: [Elementwise.Read]
  private let types: [ElementType]

  /// `types` are those of the operands that the kernel is given.
  init(_ expression: Expression, _ reads: [Elementwise.Read], _ types: [ElementType]) {
    self.expression = expression
    self.reads = reads
    self.types = types
  }

  /// `elementwise(count, result, operands...)`.
  var kernel: String {
    """
    #include "common.cl"
    // y[i] = \(expression)
    __kernel void elementwise(const int count, __global Y_TYPE* y\(parameters(reads.indices))) {
      FOR_OWN(start, count, VECTOR) {
        uint i = start;
    #if VECTOR > 1
        if (i + VECTOR <= (uint)count) {
    \(body(type: .vector, self: nil))
          STORE(value, y + i);
          continue;
        }
    #endif
        for (; i < min(start + VECTOR, (uint)count); i++) {
    \(body(type: .scalar, self: nil))
          STORE_ONE(value, y + i);
        }
      }
    }

    """
  }

  /// Functions `epilogue_vector` and `epilogue_scalar`, which change an element of a product at
  /// flat index i; operand 0 is the product itself.
  var epilogue: String {
    """
    #include "common.cl"
    // y[i] = \(expression), where x0 is the product
    #define EPILOGUE_PARAMETERS \(parameters(1..<reads.count))
    #define EPILOGUE_ARGUMENTS \(names(1..<reads.count))
    #define EPILOGUE(value, i) epilogue_scalar(value, i EPILOGUE_ARGUMENTS)
    #define EPILOGUE_VECTOR(value, i) epilogue_vector(value, i EPILOGUE_ARGUMENTS)
    inline FLOATV epilogue_vector(FLOATV product, uint i EPILOGUE_PARAMETERS) {
    \(body(type: .vector, self: "product"))
      return value;
    }
    inline float epilogue_scalar(float product, uint i EPILOGUE_PARAMETERS) {
    \(body(type: .scalar, self: "product"))
      return value;
    }

    """
  }

  private func parameters(_ indices: Range<Int>) -> String {
    indices.map { ", __global const \(types[$0].kernelName)* x\($0)" }.joined()
  }

  private func names(_ indices: Range<Int>) -> String { indices.map { ", x\($0)" }.joined() }

  private enum ValueType { case vector, scalar }

  /// Statements that end by defining `value`.
  private func body(type: ValueType, self product: String?) -> String {
    var lines: [String] = []
    var known: [Expression: String] = [:]
    let float = type == .vector ? "FLOATV" : "float"

    func load(_ index: Int) -> String {
      let read = reads[index]
      if let product, index == 0 { return product }
      switch (read, type) {
      case (.scalar, _): return "(\(float))(LOAD_ONE(x\(index)))"
      case (.prefix(let divisor), _): return "(\(float))(LOAD_ONE(x\(index) + i / \(divisor)u))"
      case (.full, .vector): return "LOAD(x\(index) + i)"
      case (.suffix(let count), .vector): return "LOAD(x\(index) + i % \(count)u)"
      case (.full, .scalar): return "LOAD_ONE(x\(index) + i)"
      case (.suffix(let count), .scalar): return "LOAD_ONE(x\(index) + i % \(count)u)"
      }
    }
    func text(_ expression: Expression) -> String {
      switch expression {
      case .operand(let index): return load(index)
      case .constant(let value): return "(\(float))(\(Self.literal(value)))"
      case .unary(.sign, let x): return "sign(\(name(x)))"
      case .unary(.abs, let x): return "fabs(\(name(x)))"
      case .unary(let function, let x) where function == .tanh || function == .erf:
        return "\(function.rawValue)_\(type == .vector ? "vector" : "scalar")(\(name(x)))"
      case .unary(let function, let x): return "\(function.rawValue)(\(name(x)))"
      // Unlike max and fmax, this keeps a left operand that is no number: relu does not lose it.
      case .binary(.maximum, let a, let b):
        return "select(\(name(a)), \(name(b)), \(name(b)) > \(name(a)))"
      case .binary(.greater, let a, let b):
        return type == .vector
          ? "GREATER(\(name(a)), \(name(b)))" : "(float)(\(name(a)) > \(name(b)))"
      case .binary(let function, let a, let b):
        return "\(name(a)) \(function.rawValue) \(name(b))"
      case .select(let c, let a, let b):
        return "select(\(name(b)), \(name(a)), \(name(c)) > 0.0f)"
      case .uniform(let seed, let stream):
        let function = type == .vector ? "uniform_vector" : "uniform_scalar"
        return "\(function)(i, \(stream)u, (uint)x\(seed)[0], (uint)x\(seed)[1])"
      }
    }
    func name(_ expression: Expression) -> String {
      if let name = known[expression] { return name }
      let right = text(expression)
      let name = "t\(lines.count)"
      lines.append("    const \(float) \(name) = \(right);")
      known[expression] = name
      return name
    }
    let last = name(expression)
    lines.append("    const \(float) value = \(last);")
    return lines.joined(separator: "\n")
  }

  private static func literal(_ value: Float) -> String {
    if value.isNaN { return "NAN" }
    if value.isInfinite { return value < 0 ? "-INFINITY" : "INFINITY" }
    return "\(value)f"
  }
}
