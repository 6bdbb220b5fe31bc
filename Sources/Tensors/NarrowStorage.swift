// Intermediate values in 16 bits.
import Base

extension Graph {
  /// The same computation with values stored as `type`, a type of 16 bits, wherever the kernels that
  /// make and read them can; kernels compute in float32 all the same. Variables, inputs and what leaves
  /// the graph stay as they are; of a matrix that products read, a narrow copy is made once per run.
  func storingNarrowly(as type: ElementType) -> Graph {
    demand(type.isNarrow, "\(type) is no type of 16 bits")
    var readers: [Tensor.Identity: [(application: Application, operand: Int)]] = [:]
    for application in applications {
      for (index, operand) in application.operands.enumerated() {
        readers[operand.identity, default: []].append((application, index))
      }
    }
    let kept = Set((outputs + assignments.map(\.value)).map(\.identity))
    /// Whether every reader, through views too, takes the value in 16 bits.
    func isReadNarrowly(_ value: Tensor) -> Bool {
      value.type.elementType == .float32 && !kept.contains(value.identity)
        && (readers[value.identity] ?? []).allSatisfy { application, operand in
          application.op.isView
            ? isReadNarrowly(application.result(0)) : application.op.mayBeNarrow(operand: operand)
        }
    }
    var replacement: [Tensor.Identity: Tensor] = [:]
    var narrowVariables: [Tensor.Identity: Tensor] = [:]
    func narrowed(_ variable: Tensor) -> Tensor {
      if let known = narrowVariables[variable.identity] { return known }
      let copy = Application(
        Elementwise(.operand(0), [.full], variable.shape), [variable], storage: [type]
      ).result(0)
      narrowVariables[variable.identity] = copy
      return copy
    }
    for old in applications {
      let isProduct = !old.op.products(old.operands.map(\.type)).isEmpty
      let operands = old.operands.enumerated().map { index, operand in
        isProduct && operand.isVariable && operand.shape.rank > 1
          && old.op.mayBeNarrow(operand: index)
          ? narrowed(operand) : replacement[operand.identity] ?? operand
      }
      let storage = old.results.enumerated().map { index, result -> ElementType in
        if old.op.isView { return operands[0].type.elementType }
        return old.op.mayBeNarrow(result: index) && isReadNarrowly(result)
          ? type : result.type.elementType
      }
      let new = Application(old.op, operands, storage: storage)
      for (from, to) in zip(old.results, new.results) { replacement[from.identity] = to }
    }
    func replaced(_ tensor: Tensor) -> Tensor { replacement[tensor.identity] ?? tensor }
    return Graph(
      outputs: outputs.map(replaced),
      assignments: assignments.map { Assignment($0.variable, replaced($0.value)) })
  }
}
