// The losses of a head's logits, without the logits of all tokens at once.
import Base

/// With logits z = x W^T and, for a teacher, z' = x' W'^T, each perhaps with a cap (`Head`), per row: the cross-entropy to the label;
/// a divergence of softmax(z / T) from softmax(z' / T); and KL(softmax(z') || softmax(z)) for the log.
///
/// Rows are handled in chunks, so that memory does not grow with their number (the idea of Cut
/// Cross-Entropy, Wijmans et al., arXiv 2411.09009, and of Liger Kernel, Hsu et al., arXiv
/// 2410.10989). Where gradients are wanted they are made in the same sweep, from the weights that the
/// losses have in what is minimised: the logits are computed once.
///
/// Operands: x [..., C], W [V, C], labels int32 [...] (negative: does not count), then the teacher's, if
/// there is one; with gradients the weights [...] of the cross-entropy and, with a teacher, of the
/// divergence. Results: the cross-entropy [...]; with a teacher the divergence, KL at T = 1, and how many
/// log p were raised to the floor of the reverse KL, [...] each; with gradients dx and, unless nobody reads it, dW. Nothing flows
/// to the teacher. Rows of W and W' beyond `classCount` are padding, and no classes.
package struct LinearLoss: KernelOp {
  struct Teaching: Sendable, Hashable {
    /// What the teacher's operands are.
    enum Source: Sendable, Hashable {
      /// x' [..., C'] and W' [V', C']
      case head
      /// z' [..., classCount]
      case logits
      /// Some classes of each row, which differ, int32 [..., k], their logits [..., k], and the
      /// log-sum-exp of all logits at T and at 1, [..., 2]. The other classes count as one.
      case list(Int)

      var operandCount: Int {
        switch self {
        case .head: 2
        case .logits: 1
        case .list: 3
        }
      }
    }

    let kind: Divergence.Kind
    let temperature: Float
    var source = Source.head
    /// That of the teacher's head; logits that are given have theirs already.
    var cap: Float?
  }

  let teaching: Teaching?
  let givesGradients: Bool
  /// Whether dW is left out of them: nobody trains the head.
  var skipsWeight = false
  let classCount: Int
  /// That of the head whose losses these are.
  var cap: Float?

  var lossCount: Int { teaching == nil ? 1 : 4 }
  /// The first operand and the first result that only gradients need.
  var firstWeight: Int { 3 + (teaching?.source.operandCount ?? 0) }
  var firstGradient: Int { lossCount }

  package func giving(first count: Int) -> (any Op)? {
    guard givesGradients, !skipsWeight, count == firstGradient + 1 else { return nil }
    var op = self
    op.skipsWeight = true
    return op
  }

  /// The same op with gradients, where this is without.
  package var completion: (any Op)? {
    givesGradients
      ? nil
      : LinearLoss(teaching: teaching, givesGradients: true, classCount: classCount, cap: cap)
  }

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let (x, weight, labels) = (operands[0].shape, operands[1].shape, operands[2])
    let rows = TensorType(Shape(Array(x.extents.dropLast())))
    func fits(_ x: Shape, _ weight: Shape) -> Bool {
      weight.rank == 2 && weight[1] == x.columnCount
        && x.extents.dropLast() == rows.shape.extents[...]
    }
    func columns(_ operand: Int, _ count: Int, _ type: ElementType = .float32) -> Bool {
      operands[operand] == TensorType(Shape(rows.shape.extents + [count]), type)
    }
    let isTaught =
      switch teaching?.source {
      case nil: true
      case .head:
        fits(operands[3].shape, operands[4].shape) && operands[4].shape[0] >= classCount
      case .logits: columns(3, classCount)
      case .list(let count):
        count <= classCount && columns(3, count, .int32) && columns(4, count) && columns(5, 2)
      }
    demand(
      fits(x, weight) && weight[0] >= classCount && labels == TensorType(rows.shape, .int32)
        && isTaught
        && operands.dropFirst(firstWeight).allSatisfy { $0 == rows },
      "linear loss: operands do not fit: \(operands)")
    return [TensorType](repeating: rows, count: lossCount)
      + (givesGradients ? [operands[0]] + (skipsWeight ? [] : [operands[1]]) : [])
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    demand(!givesGradients, "linear loss: a second derivative is not defined")
    demand(
      resultGradients.dropFirst(2).allSatisfy { $0 == nil },
      "linear loss: what is only logged has no gradient")
    let weights = resultGradients.prefix(lossCount == 1 ? 1 : 2).map {
      $0 ?? .constant(TensorData(zeros: application.resultTypes[0]))
    }
    let full = Application(
      LinearLoss(teaching: teaching, givesGradients: true, classCount: classCount, cap: cap),
      application.operands + weights)
    return [full.result(firstGradient), full.result(firstGradient + 1)]
      + application.operands.dropFirst(2).map { _ in nil }
  }

  package func flopCount(_ operands: [TensorType]) -> Double {
    let rows = Double(operands[0].shape.rowCount)
    let own = classCount * operands[1].shape[1] * (givesGradients ? skipsWeight ? 2 : 3 : 1)
    let given = teaching?.source == .head ? classCount * operands[4].shape[1] : 0
    return 2 * rows * Double(own + given)
  }

  package func products(_ operands: [TensorType]) -> [MatMulProblem] {
    let rows = chunk(operands)
    let (vocabulary, width) = (classCount, operands[1].shape[1])
    func head(_ width: Int) -> MatMulProblem {
      MatMulProblem(m: rows, n: vocabulary, k: width, transposeA: false, transposeB: true)
    }
    return [head(width)] + (teaching?.source == .head ? [head(operands[4].shape[1])] : [])
      + (givesGradients
        ? [
          MatMulProblem(m: rows, n: width, k: vocabulary, transposeA: false, transposeB: false)
        ] : [])
      + (givesGradients && !skipsWeight
        ? [MatMulProblem(m: vocabulary, n: width, k: rows, transposeA: true, transposeB: false)]
        : [])
  }

  // MARK: Reference

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    func flat(_ data: TensorData) -> TensorData {
      data.reshaped(to: [data.shape.rowCount, data.shape.columnCount])
    }
    let shape = operands[2].shape
    let labels = operands[2].reshaped(to: [shape.elementCount])
    let (x, weight) = (flat(operands[0]), operands[1].prefix(classCount))
    let head = MatMul(transposeA: false, transposeB: true)
    let logits = Head.capped(head.reference([x, weight])[0], cap)
    let ce = CrossEntropy().reference([logits, labels])
    var losses = [ce[0]]
    var slopes = [
      givesGradients
        ? CrossEntropyGradient().reference([
          logits, labels, ce[1], operands[firstWeight].reshaped(to: labels.shape),
        ])[0] : logits
    ]
    if let teaching {
      let weights = givesGradients ? operands[firstWeight + 1].reshaped(to: labels.shape) : nil
      let taught: (losses: [TensorData], slope: TensorData?)
      switch teaching.source {
      case .head:
        let given = Head.capped(
          head.reference([flat(operands[3]), operands[4].prefix(classCount)])[0], teaching.cap)
        taught = teaching.reference(logits, given, labels, weights)
      case .logits: taught = teaching.reference(logits, flat(operands[3]), labels, weights)
      case .list:
        taught = teaching.listReference(
          logits, operands[3].integers, operands[4].floats, operands[5].floats, labels, weights)
      }
      losses += taught.losses
      if let slope = taught.slope { slopes.append(slope) }
    }
    losses = losses.map { $0.reshaped(to: shape) }
    guard givesGradients else { return losses }
    let parts = slopes.map(\.floats)
    let slope = TensorData(
      logits.shape,
      zip(parts[0].indices, logits.floats).map { i, z in
        parts.reduce(0) { $0 + $1[i] } * (cap.map { 1 - (z / $0) * (z / $0) } ?? 1)
      })
    let dx = MatMul(transposeA: false, transposeB: false).reference([slope, weight])[0]
    let given = losses + [dx.reshaped(to: operands[0].shape)]
    if skipsWeight { return given }
    let dw = MatMul(transposeA: true, transposeB: false).reference([slope, x])[0]
    let padding = operands[1].shape.elementCount - dw.shape.elementCount
    return given + [
      TensorData(operands[1].shape, dw.floats + [Float](repeating: 0, count: padding))
    ]
  }
}

extension LinearLoss {
  /// The cross-entropy of a head's logits to labels, one number per row: hidden [..., C], the head's
  /// weight [V, C], labels int32 [...]. Rows with a negative label give 0. Rows of the weight beyond
  /// `classCount` are padding.
  package static func crossEntropy(
    hidden: Tensor, head: Head, labels: Tensor, classCount: Int? = nil
  ) -> Tensor {
    LinearLoss(
      teaching: nil, givesGradients: false, classCount: classCount ?? head.weight.shape[0],
      cap: head.cap)(hidden, head.weight, labels)[0]
  }

  /// What is known of a teacher's distributions, of the same rows as the student's.
  package enum Teacher {
    /// A hidden state [..., C'] and the head that reads it.
    case head(hidden: Tensor, Head)
    /// Logits of all classes.
    case logits(Tensor)
    /// Some classes of each row, which differ, int32 [..., k]; their logits [..., k]; the log-sum-exp of
    /// all logits at the temperature and at 1, [..., 2]. The other classes count as one, whose
    /// probability is what is left: a lower bound of the divergence over all classes.
    case list(classes: Tensor, logits: Tensor, sums: Tensor)

    var operands: [Tensor] {
      switch self {
      case .head(let hidden, let head): [hidden, head.weight]
      case .logits(let logits): [logits]
      case .list(let classes, let logits, let sums): [classes, logits, sums]
      }
    }

    var source: LinearLoss.Teaching.Source {
      switch self {
      case .head: .head
      case .logits: .logits
      case .list(let classes, _, _): .list(classes.shape.columnCount)
      }
    }

    var cap: Float? { if case .head(_, let head) = self { head.cap } else { nil } }
  }

  /// The losses of a student that is taught, one number per row.
  package struct Distillation {
    /// The cross-entropy to labels.
    package let crossEntropy: Tensor
    /// The divergence from the teacher at the temperature, without the factor T^2.
    package let divergence: Tensor
    /// KL(teacher || student) at T = 1, which has no gradient.
    package let klAtOne: Tensor
    /// How many classes' log p were raised to the floor of the reverse KL, ln 1e-30.
    package let floored: Tensor
  }

  /// The losses of a student with hidden states [..., C] and a head, for labels int32 [...]. Of
  /// vocabularies that differ by padding, the first `classCount` rows are classes.
  package static func distillation(
    student: (hidden: Tensor, head: Head), teacher: Teacher, labels: Tensor,
    _ kind: Divergence.Kind, temperature: Float, classCount: Int? = nil
  ) -> Distillation {
    Divergence.check(kind, temperature)
    let teaching = Teaching(
      kind: kind, temperature: temperature, source: teacher.source, cap: teacher.cap)
    let op = LinearLoss(
      teaching: teaching, givesGradients: false,
      classCount: classCount ?? student.head.weight.shape[0], cap: student.head.cap)
    let operands = [student.hidden, student.head.weight, labels] + teacher.operands
    let losses = Application(op, operands).results
    return Distillation(
      crossEntropy: losses[0], divergence: losses[1], klAtOne: losses[2], floored: losses[3])
  }
}
