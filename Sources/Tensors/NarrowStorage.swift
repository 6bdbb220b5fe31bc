// Values in 16 bits, and weights in fewer.
import Base

extension Graph {
  /// The same computation with values stored as `type`, a type of 16 bits, wherever the kernels that
  /// make and read them can; kernels compute in float32 all the same. nil leaves them as they are. Inputs, what leaves
  /// the graph and what formulas of variables' next values read stay as they are; of a matrix that products read, a narrow copy is made once per run.
  ///
  /// `stored` gives the variable of 16 bits or of blocks that a variable lies in memory as, if there is one: readers take that.
  /// What cannot read blocks gets the numbers, once per run.
  func storingNarrowly(as type: ElementType?, _ stored: (Tensor) -> Tensor? = { _ in nil }) -> Graph
  {
    demand(type?.isNarrow ?? true, "values are stored in types of 16 bits")
    var readers: [Tensor.Identity: [(application: Application, operand: Int)]] = [:]
    for application in applications {
      for (index, operand) in application.operands.enumerated() {
        readers[operand.identity, default: []].append((application, index))
      }
    }
    let kept = Set((outputs + assignments.map(\.value)).map(\.identity))
    /// What formulas of the next values of variables read, such as gradients and their sums: it stays exact.
    var exact = Set(assignments.map(\.value.identity))
    for application in applications.reversed() where application.op is Elementwise {
      if application.results.contains(where: { exact.contains($0.identity) }) {
        exact.formUnion(application.operands.map(\.identity))
      }
    }
    /// Whether every reader, through views too, takes the value in 16 bits.
    func isReadNarrowly(_ value: Tensor) -> Bool {
      value.type.elementType == .float32 && !kept.contains(value.identity)
        && !exact.contains(value.identity)
        && (readers[value.identity] ?? []).allSatisfy { takesNarrowly($0.application, $0.operand) }
    }
    func takesNarrowly(_ application: Application, _ operand: Int) -> Bool {
      application.op.isView
        ? isReadNarrowly(application.result(0)) : application.mayBeNarrow(operand: operand)
    }
    var replacement: [Tensor.Identity: Tensor] = [:]
    /// Copies of variables, by the variable and the type of the copy.
    var copies: [Tensor.Identity: [ElementType: Tensor]] = [:]
    func copied(_ variable: Tensor, as type: ElementType) -> Tensor {
      if let known = copies[variable.identity]?[type] { return known }
      let op: any Op =
        variable.type.elementType.isQuantized
        ? Dequantize() : Elementwise(.operand(0), [.full], variable.shape)
      let copy = Application(op, [variable], storage: [type]).result(0)
      copies[variable.identity, default: [:]][type] = copy
      return copy
    }
    /// What an application reads in place of a variable.
    func read(_ variable: Tensor, by application: Application, _ index: Int) -> Tensor {
      let source = stored(variable) ?? variable
      if source.type.elementType.isQuantized {
        return application.mayBeQuantized(operand: index)
          ? source
          : copied(
            source, as: type.flatMap { takesNarrowly(application, index) ? $0 : nil } ?? .float32)
      }
      let isFactor =
        !application.products.isEmpty
        && variable.shape.rank > 1 && application.mayBeNarrow(operand: index)
      if let type, isFactor, source.type.elementType != type { return copied(source, as: type) }
      guard source !== variable, !takesNarrowly(application, index) else { return source }
      return copied(source, as: .float32)
    }
    for old in applications {
      let operands = old.operands.enumerated().map { index, operand in
        operand.isVariable
          ? read(operand, by: old, index) : replacement[operand.identity] ?? operand
      }
      let storage = old.results.enumerated().map { index, result -> ElementType in
        if old.op.isView { return operands[0].type.elementType }
        guard let type, old.mayBeNarrow(result: index), isReadNarrowly(result) else {
          return result.type.elementType
        }
        return type
      }
      let new = Application(old.op, operands, storage: storage)
      for (from, to) in zip(old.results, new.results) { replacement[from.identity] = to }
    }
    func replaced(_ tensor: Tensor) -> Tensor {
      if let narrow = tensor.isVariable ? stored(tensor) : nil {
        return copied(narrow, as: .float32)
      }
      return replacement[tensor.identity] ?? tensor
    }
    return Graph(
      outputs: outputs.map(replaced),
      assignments: assignments.map { Assignment($0.variable, replaced($0.value)) },
      forward: forward.map(replaced))
  }
}
