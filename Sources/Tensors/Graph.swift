// The flat list of what some outputs need, in order.
import Base

/// A computation: the applications that its outputs and assignments need, operands first.
public struct Graph: CustomStringConvertible {
  /// At the end of a run, `variable` takes `value`.
  public struct Assignment {
    /// What changes.
    public let variable: Tensor
    /// What it takes.
    public let value: Tensor

    /// Traps where the first is no variable, or the types differ.
    public init(_ variable: Tensor, _ value: Tensor) {
      demand(variable.isVariable, "only a variable can be assigned to")
      demand(
        variable.type == value.type, "a variable of \(variable.type) cannot take \(value.type)")
      self.variable = variable
      self.value = value
    }
  }

  /// The values that can be read after a run.
  public let outputs: [Tensor]
  /// What changes at the end of a run.
  public let assignments: [Assignment]
  /// What a forward pass comes to, such as the loss: what it needs may be computed twice. Empty where nothing may.
  package let forward: [Tensor]
  package let applications: [Application]

  /// What some outputs and assignments need.
  public init(outputs: [Tensor], assignments: [Assignment] = []) {
    self.init(outputs: outputs, assignments: assignments, forward: [])
  }

  /// The same; `forward` is among what is needed.
  package init(outputs: [Tensor], assignments: [Assignment] = [], forward: [Tensor]) {
    self.init(
      outputs: outputs, assignments: assignments, forward: forward,
      order: Graph.schedule(outputs + assignments.map(\.value)))
  }

  /// The same in an order of its own, operands first.
  init(
    outputs: [Tensor], assignments: [Assignment], forward: [Tensor], order: [Application]
  ) {
    (self.outputs, self.assignments, self.forward) = (outputs, assignments, forward)
    applications = order
  }

  /// Orders applications by the length of the longest path that leads to them. Work that frees
  /// memory, such as a weight's gradient, is then done as soon as its operands exist.
  private static func schedule(_ roots: [Tensor]) -> [Application] {
    var level: [ObjectIdentifier: Int] = [:]
    var found: [(application: Application, level: Int)] = []
    // Depth first with a stack of its own: graphs are deeper than call stacks.
    var stack: [(application: Application, next: Int)] = []
    func visit(_ tensor: Tensor) {
      if case .result(let application, _) = tensor.origin,
        level[ObjectIdentifier(application)] == nil
      {
        level[ObjectIdentifier(application)] = 0
        stack.append((application, 0))
      }
    }
    for root in roots {
      visit(root)
      while let (application, next) = stack.last {
        if next < application.operands.count {
          stack[stack.count - 1].next += 1
          visit(application.operands[next])
        } else {
          stack.removeLast()
          let operandLevels = application.operands.map { operand -> Int in
            guard case .result(let producer, _) = operand.origin else { return 0 }
            return level[ObjectIdentifier(producer)] ?? 0
          }
          let own = (operandLevels.max() ?? 0) + 1
          level[ObjectIdentifier(application)] = own
          found.append((application, own))
        }
      }
    }
    return found.enumerated()
      .sorted { ($0.element.level, $0.offset) < ($1.element.level, $1.offset) }
      .map(\.element.application)
  }

  /// Every leaf that the graph reads, in the order of its first use.
  var leaves: [Tensor] {
    var seen = Set<Tensor.Identity>()
    let mentioned =
      applications.flatMap(\.operands) + outputs + assignments.flatMap { [$0.value, $0.variable] }
    return mentioned.filter {
      if case .result = $0.origin { return false }
      return seen.insert($0.identity).inserted
    }
  }

  /// The names that the printed graph gives to values.
  func names() -> [Tensor.Identity: String] {
    var names: [Tensor.Identity: String] = [:]
    for leaf in leaves {
      switch leaf.origin {
      case .input(let name): names[leaf.identity] = "@\(name)"
      case .variable: names[leaf.identity] = "$\(names.count)"
      case .constant(let data)
      where data.shape.elementCount == 1 && data.type.elementType == .float32:
        names[leaf.identity] = "\(data.floats[0])"
      default: names[leaf.identity] = "#\(names.count)"
      }
    }
    var next = 0
    for application in applications {
      for result in application.results {
        names[result.identity] = "%\(next)"
        next += 1
      }
    }
    return names
  }

  /// One line per application: results, their types, the op, its operands.
  public var description: String { lines().joined(separator: "\n") }

  func lines() -> [String] {
    let names = names()
    func name(_ tensor: Tensor) -> String { names[tensor.identity] ?? "?" }
    var lines = applications.map { application in
      let results = application.results.map { "\(name($0)): \($0.type)" }.joined(separator: ", ")
      let operands = application.operands.map(name).joined(separator: ", ")
      return "\(results) = \(application.op) (\(operands))"
    }
    lines += assignments.map { "\(name($0.variable)) <- \(name($0.value))" }
    lines.append("return " + outputs.map(name).joined(separator: ", "))
    return lines
  }
}
