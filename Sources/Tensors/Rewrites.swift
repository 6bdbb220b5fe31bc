// Graphs that compute the same with less work.

/// An ordered list of local rules. Printing a graph before and after shows what they did.
enum Rewrites {
  /// Replaces an application whose operands are already rewritten; nil leaves it.
  typealias Rule = (_ application: Application, _ isUsedOnce: (Int) -> Bool) -> [Tensor]?

  static var passes: [(name: String, rule: Rule)] {
    [
      ("simplify", simplify),
      ("fuse elementwise", fuseElementwise),
      ("fuse epilogues", fuseEpilogue),
    ]
  }

  /// The most operands of a fused kernel, and the most operations per element.
  private static let operandLimit = 24
  private static let sizeLimit = 160

  // MARK: Rules

  /// Formulas lose what changes nothing; views that formulas and matrices see through disappear.
  private static func simplify(_ application: Application, _ isUsedOnce: (Int) -> Bool)
    -> [Tensor]?
  {
    switch application.op {
    case is Detach: return [application.operands[0]]
    case let reshape as Reshape:
      guard case .result(let inner, _) = application.operands[0].origin, inner.op is Reshape
      else { return nil }
      return [inner.operands[0].reshaped(to: reshape.shape)]
    case let elementwise as Elementwise:
      return [
        elementwise.normalized(
          elementwise.expression, Array(zip(application.operands, elementwise.reads)))
      ]
    default: return nil
    }
  }

  /// An elementwise operand that nothing else reads becomes part of the formula that reads it.
  private static func fuseElementwise(_ application: Application, _ isUsedOnce: (Int) -> Bool)
    -> [Tensor]?
  {
    guard let outer = application.op as? Elementwise else { return nil }
    var expression = outer.expression
    var operands = Array(zip(application.operands, outer.reads))
    for index in application.operands.indices where outer.reads[index] == .full && isUsedOnce(index)
    {
      guard case .result(let inner, _) = application.operands[index].origin,
        let formula = inner.op as? Elementwise,
        operands.count + inner.operands.count <= operandLimit,
        expression.size + formula.expression.size <= sizeLimit
      else { continue }
      let first = operands.count
      let moved = formula.expression.substituting { .operand(first + $0) }
      expression = expression.substituting { $0 == index ? moved : .operand($0) }
      operands += zip(inner.operands, formula.reads)
    }
    return [outer.normalized(expression, operands)]
  }

  /// A formula over a product that nothing else reads is applied as the product is stored.
  private static func fuseEpilogue(_ application: Application, _ isUsedOnce: (Int) -> Bool)
    -> [Tensor]?
  {
    guard let formula = application.op as? Elementwise,
      application.operands.count <= operandLimit
    else { return nil }
    for index in application.operands.indices
    where formula.reads[index] == .full && isUsedOnce(index) {
      guard case .result(let product, _) = application.operands[index].origin,
        var matmul = product.op as? MatMul, matmul.epilogue == nil
      else { continue }
      // A vector of neighbours in one row of C must read a vector, or one number, of the others.
      let columns = product.resultTypes[0].shape.columnCount
      let others = application.operands.indices.filter { $0 != index }
      let fits = others.allSatisfy {
        switch formula.reads[$0] {
        case .full, .scalar: true
        case .suffix(let count): count % columns == 0
        case .prefix(let divisor): divisor % columns == 0
        }
      }
      if !fits { continue }
      let place = [index] + others
      matmul.epilogue = MatMul.Epilogue(
        expression: formula.expression.substituting { old in
          .operand(place.firstIndex(of: old) ?? old)
        },
        reads: place.map { formula.reads[$0] })
      let fused = Application(matmul, product.operands + others.map { application.operands[$0] })
      return [fused.result(0).reshaped(to: formula.shape)]
    }
    return nil
  }
}

extension Elementwise {
  /// The same computation with views seen through, numbers inlined, and each operand read once.
  fileprivate func normalized(_ expression: Expression, _ operands: [(Tensor, Read)]) -> Tensor {
    var kept: [(tensor: Tensor, read: Read)] = []
    var place: [Int: Expression] = [:]
    let used = expression.operandIndices
    for (index, (tensor, read)) in operands.enumerated() where used.contains(index) {
      var source = tensor
      while case .result(let view, _) = source.origin, view.op.isView { source = view.operands[0] }
      if case .constant(let data) = source.origin, data.type.elementType == .float32,
        let first = data.floats.first, data.floats.allSatisfy({ $0 == first })
      {
        place[index] = .constant(first)
      } else if let known = kept.firstIndex(where: {
        $0.tensor.identity == source.identity && $0.read == read
      }) {
        place[index] = .operand(known)
      } else {
        place[index] = .operand(kept.count)
        kept.append((source, read))
      }
    }
    let formula = expression.substituting { place[$0] ?? .operand($0) }.simplified()
    if formula == .operand(0), kept[0].read == .full { return kept[0].tensor.reshaped(to: shape) }
    if formula.operandIndices.count < kept.count {
      return normalized(formula, kept.map { ($0.tensor, $0.read) })
    }
    let op = Elementwise(formula, kept.map(\.read), shape)
    return Application(op, kept.map(\.tensor)).result(0)
  }
}

extension Graph {
  /// The graph after all rules. Its outputs and assignments stand in the same order.
  package func rewritten() -> Graph {
    Rewrites.passes.reduce(self) { graph, pass in graph.rebuilt(pass.rule) }.withoutUnusedResults()
  }

  /// The graph without results that nothing reads, of ops that save something then.
  private func withoutUnusedResults() -> Graph {
    let read = Set(
      (applications.flatMap(\.operands) + outputs + assignments.map(\.value) + forward).map(
        \.identity))
    func less(_ application: Application) -> (any Op)? {
      let used = application.results.lastIndex { read.contains($0.identity) }.map { $0 + 1 } ?? 0
      return used < application.results.count ? application.op.giving(first: used) : nil
    }
    guard applications.contains(where: { less($0) != nil }) else { return self }
    var replacement: [Tensor.Identity: Tensor] = [:]
    func replaced(_ tensor: Tensor) -> Tensor { replacement[tensor.identity] ?? tensor }
    for old in applications {
      let new = Application(less(old) ?? old.op, old.operands.map(replaced))
      for (from, to) in zip(old.results, new.results) { replacement[from.identity] = to }
    }
    return Graph(
      outputs: outputs.map(replaced),
      assignments: assignments.map { Assignment($0.variable, replaced($0.value)) },
      forward: forward.map(replaced))
  }

  /// The applications in an order, operands first, in which each one that another completes can be
  /// replaced by that other one, and the replacements.
  private func completed() -> (
    order: [Application], replacements: [ObjectIdentifier: Application]
  ) {
    var order = applications
    var replacements: [ObjectIdentifier: Application] = [:]
    for small in applications {
      guard let op = small.op.completion else { continue }
      let count = small.operands.count
      let full = applications.first {
        AnyHashable($0.op) == AnyHashable(op)
          && $0.operands.prefix(count).map(\.identity) == small.operands.map(\.identity)
      }
      guard let full else { continue }
      // What the other one needs besides must not come from this one; it is then computed before.
      let needed = Self.ancestors(of: Array(full.operands.dropFirst(count)))
      if needed.contains(ObjectIdentifier(small)) { continue }
      guard let place = order.firstIndex(where: { $0 === small }) else { continue }
      let late = order[place...].filter { needed.contains(ObjectIdentifier($0)) }
      let rest = order[place...].filter { !needed.contains(ObjectIdentifier($0)) }
      order = order[..<place] + late + rest
      replacements[ObjectIdentifier(small)] = full
    }
    return (order, replacements)
  }

  /// Every application that some tensors are computed from.
  static func ancestors(of tensors: [Tensor]) -> Set<ObjectIdentifier> {
    Set(Graph(outputs: tensors).applications.map { ObjectIdentifier($0) })
  }

  /// Applies a rule to every application, operands first; equal applications become one.
  private func rebuilt(_ rule: Rewrites.Rule) -> Graph {
    struct Key: Hashable {
      let op: AnyHashable
      let operands: [Tensor.Identity]
    }
    var uses: [Tensor.Identity: Int] = [:]
    for tensor in applications.flatMap(\.operands) + outputs + assignments.map(\.value) {
      uses[tensor.identity, default: 0] += 1
    }
    var replacement: [Tensor.Identity: Tensor] = [:]
    func rebuilt(_ tensor: Tensor) -> Tensor { replacement[tensor.identity] ?? tensor }
    var known: [Key: Application] = [:]
    func unique(_ application: Application) -> Application {
      let key = Key(op: AnyHashable(application.op), operands: application.operands.map(\.identity))
      if let same = known[key] { return same }
      known[key] = application
      return application
    }
    let (order, completions) = completed()
    for old in order {
      let whole = completions[ObjectIdentifier(old)] ?? old
      let operands = whole.operands.map(rebuilt)
      let application = unique(Application(whole.op, operands))
      if whole !== old {
        for (from, to) in zip(old.results, application.results) {
          replacement[from.identity] = to
        }
        continue
      }
      let results = rule(application) { uses[old.operands[$0].identity] == 1 }
      for (from, to) in zip(old.results, results ?? application.results) {
        var to = to
        if case .result(let made, let index) = to.origin { to = unique(made).result(index) }
        replacement[from.identity] = to
      }
    }
    return Graph(
      outputs: outputs.map(rebuilt),
      assignments: assignments.map { Assignment($0.variable, rebuilt($0.value)) },
      forward: forward.map(rebuilt))
  }
}
