// The losses of a head's logits, without the logits of all tokens at once.

/// With logits z = x W^T and, for a teacher, z' = x' W'^T, per row: the cross-entropy to the label;
/// a divergence of softmax(z / T) from softmax(z' / T); and KL(softmax(z') || softmax(z)) for the log.
///
/// Rows are handled in chunks, so that memory does not grow with their number (the idea of Cut
/// Cross-Entropy, Wijmans et al., arXiv 2411.09009, and of Liger Kernel, Hsu et al., arXiv
/// 2410.10989). Where gradients are wanted they are made in the same sweep, from the weights that the
/// losses have in what is minimised: the logits are computed once.
///
/// Operands: x [..., C], W [V, C], labels int32 [...] (negative: does not count), then x' [..., C'] and
/// W' [V, C'] with a teacher; with gradients the weights [...] of the cross-entropy and, with a
/// teacher, of the divergence. Results: the cross-entropy [...], with a teacher the divergence and KL
/// [...], with gradients dx and dW. Nothing flows to the teacher.
public struct LinearLoss: Op {
  struct Teaching: Sendable, Hashable {
    let kind: Divergence.Kind
    let temperature: Float
  }

  let teaching: Teaching?
  let givesGradients: Bool

  private var lossCount: Int { teaching == nil ? 1 : 3 }
  /// The first operand and the first result that only gradients need.
  private var firstWeight: Int { teaching == nil ? 3 : 5 }
  private var firstGradient: Int { lossCount }

  /// The same op with gradients, where this is without.
  public var completion: (any Op)? {
    givesGradients ? nil : LinearLoss(teaching: teaching, givesGradients: true)
  }

  public func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let (x, weight, labels) = (operands[0].shape, operands[1].shape, operands[2])
    let rows = TensorType(Shape(Array(x.extents.dropLast())))
    func fits(_ x: Shape, _ weight: Shape) -> Bool {
      weight.rank == 2 && weight[1] == x.columnCount
        && x.extents.dropLast() == rows.shape.extents[...]
    }
    let isTaught =
      teaching == nil
      || fits(operands[3].shape, operands[4].shape) && operands[4].shape[0] == weight[0]
    precondition(
      fits(x, weight) && labels == TensorType(rows.shape, .int32) && isTaught
        && operands.dropFirst(firstWeight).allSatisfy { $0 == rows },
      "linear loss: operands do not fit: \(operands)")
    return [TensorType](repeating: rows, count: lossCount)
      + (givesGradients ? [operands[0], operands[1]] : [])
  }

  public func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    precondition(!givesGradients, "linear loss: a second derivative is not defined")
    precondition(
      lossCount == 1 || resultGradients[2] == nil, "linear loss: the KL for the log has no gradient"
    )
    let weights = resultGradients.prefix(lossCount == 1 ? 1 : 2).map {
      $0 ?? .constant(TensorData(zeros: application.resultTypes[0]))
    }
    let full = Application(
      LinearLoss(teaching: teaching, givesGradients: true), application.operands + weights)
    return [full.result(firstGradient), full.result(firstGradient + 1)]
      + application.operands.dropFirst(2).map { _ in nil }
  }

  public func flopCount(_ operands: [TensorType]) -> Double {
    let rows = Double(operands[0].shape.rowCount)
    let own = Double(operands[1].elementCount) * (givesGradients ? 3 : 1)
    return 2 * rows * (own + (teaching == nil ? 0 : Double(operands[4].elementCount)))
  }

  public func products(_ operands: [TensorType]) -> [MatMulProblem] {
    let rows = chunk(operands)
    let (vocabulary, width) = (operands[1].shape[0], operands[1].shape[1])
    func head(_ width: Int) -> MatMulProblem {
      MatMulProblem(m: rows, n: vocabulary, k: width, transposeA: false, transposeB: true)
    }
    return [head(width)] + (teaching == nil ? [] : [head(operands[4].shape[1])])
      + (givesGradients
        ? [
          MatMulProblem(m: rows, n: width, k: vocabulary, transposeA: false, transposeB: false),
          MatMulProblem(m: vocabulary, n: width, k: rows, transposeA: true, transposeB: false),
        ] : [])
  }

  // MARK: Reference

  public func reference(_ operands: [TensorData]) -> [TensorData] {
    func flat(_ data: TensorData) -> TensorData {
      data.reshaped(to: [data.shape.rowCount, data.shape.columnCount])
    }
    let shape = operands[2].shape
    let labels = operands[2].reshaped(to: [shape.elementCount])
    let (x, weight) = (flat(operands[0]), operands[1])
    let head = MatMul(transposeA: false, transposeB: true)
    let logits = head.reference([x, weight])[0]
    let ce = CrossEntropy().reference([logits, labels])
    var losses = [ce[0]]
    var slopes = [
      givesGradients
        ? CrossEntropyGradient().reference([
          logits, labels, ce[1], operands[firstWeight].reshaped(to: labels.shape),
        ])[0] : logits
    ]
    if let teaching {
      let given = head.reference([flat(operands[3]), operands[4]])[0]
      func divergence(_ kind: Divergence.Kind, _ temperature: Float) -> [TensorData] {
        Divergence(kind: kind, temperature: temperature).reference([logits, given, labels])
      }
      let term = divergence(teaching.kind, teaching.temperature)
      losses += [term[0], divergence(.forwardKL, 1)[0]]
      if givesGradients {
        slopes += DivergenceGradient(kind: teaching.kind, temperature: teaching.temperature)
          .reference([
            logits, given, labels, term[1], operands[firstWeight + 1].reshaped(to: labels.shape),
          ])
      }
    }
    losses = losses.map { $0.reshaped(to: shape) }
    guard givesGradients else { return losses }
    let slope = TensorData(
      logits.shape, logits.floats.indices.map { i in slopes.reduce(0) { $0 + $1.floats[i] } })
    let dx = MatMul(transposeA: false, transposeB: false).reference([slope, weight])[0]
    let dw = MatMul(transposeA: true, transposeB: false).reference([slope, x])[0]
    return losses + [dx.reshaped(to: operands[0].shape), dw]
  }

  // MARK: Launches

  /// The logits of a chunk take about this many bytes ...
  private static let chunkBytes = 32 << 20
  /// ... but products want this many rows; also what keeps parts of operands aligned.
  private static let leastRows = 512

  /// The rows of a chunk.
  private func chunk(_ operands: [TensorType]) -> Int {
    let wanted =
      Self.chunkBytes / max(4 * operands[1].shape[0], 1) / Self.leastRows * Self.leastRows
    return min(operands[0].shape.rowCount, max(wanted, Self.leastRows))
  }

  public func mayBeNarrow(operand: Int) -> Bool {
    [0, 1].contains(operand) || teaching != nil && [3, 4].contains(operand)
  }

  public func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let rowCount = operands[0].shape.rowCount
    let (vocabulary, width) = (operands[1].shape[0], operands[1].shape[1])
    let chunk = chunk(operands)
    // Scratch: the student's logits, the teacher's, a narrow gradient, and what products need, one after
    // another.
    let logitsBytes = 4 * chunk * vocabulary
    var scratch = teaching == nil ? [logitsBytes] : [logitsBytes, logitsBytes]
    let (logits, givenLogits) = (KernelCall.Argument.scratch(0), KernelCall.Argument.scratch(1))
    // The logits' gradient is written over them or, where x is narrow, stored like x.
    let narrow = operands[0].elementType
    var slopes = logits
    if givesGradients, narrow.isNarrow {
      slopes = .stored(.scratch(scratch.count), as: narrow)
      scratch.append(logitsBytes / 2)
    }
    let shared = scratch.count
    var calls: [KernelCall] = []
    func product(
      _ op: MatMul, _ types: [TensorType], _ from: [KernelCall.Argument], _ to: KernelCall.Argument
    ) {
      let part = op.launches(types, on: traits)
      for (index, bytes) in part.scratch.enumerated() {
        if scratch.count <= shared + index { scratch.append(0) }
        scratch[shared + index] = max(scratch[shared + index], bytes)
      }
      calls += part.calls.map { $0.binding(operands: from, results: [to], firstScratch: shared) }
    }
    let head = MatMul(transposeA: false, transposeB: true)
    for first in stride(from: 0, to: rowCount, by: chunk) {
      let rows = min(chunk, rowCount - first)
      /// The rows of this chunk of an argument with `columns` numbers per row.
      func part(
        _ argument: KernelCall.Argument, _ columns: Int = 1, of type: ElementType = .float32
      ) -> KernelCall.Argument {
        let rowBytes = columns * type.byteCount
        return .part(argument, offset: first * rowBytes, byteCount: rows * rowBytes)
      }
      let xType = TensorType([rows, width], operands[0].elementType)
      let x = part(.operand(0), width, of: xType.elementType)
      product(head, [xType, operands[1]], [x, .operand(1)], logits)
      var arguments = [
        logits, part(.operand(2)), part(.result(0)), slopes, .int(rows), .int(vocabulary),
      ]
      var defines = ["TEACHER": 0, "GRADIENT": givesGradients ? 1 : 0]
      if let teaching {
        let given = operands[3].elementType
        let teacherWidth = operands[4].shape[1]
        product(
          head, [TensorType([rows, teacherWidth], given), operands[4]],
          [part(.operand(3), teacherWidth, of: given), .operand(4)], givenLogits)
        arguments += [givenLogits, part(.result(1)), part(.result(2))]
        arguments += Divergence.constants(teaching.kind, teaching.temperature)
        defines["TEACHER"] = 1
        defines["UNIT"] = teaching.temperature == 1 ? 1 : 0
        defines.merge(Divergence.define(teaching.kind)) { $1 }
      }
      if givesGradients {
        arguments += (firstWeight..<operands.count).map { part(.operand($0)) }
      }
      calls.append(
        .rows(
          "linear_loss", file: "linearloss.cl", rowCount: rows, defines: defines,
          arguments: arguments, on: traits))
      if !givesGradients { continue }
      let slopeType = TensorType([rows, vocabulary], narrow)
      product(
        MatMul(transposeA: false, transposeB: false), [slopeType, operands[1]],
        [slopes, .operand(1)], part(.result(firstGradient), width))
      // The first chunk writes the weight's gradient, the others add to it.
      let dw = KernelCall.Argument.result(firstGradient + 1)
      let isFirst = first == 0
      product(
        MatMul(transposeA: true, transposeB: false, epilogue: isFirst ? nil : .adding),
        [slopeType, xType] + (isFirst ? [] : [TensorType(operands[1].shape)]),
        [slopes, x] + (isFirst ? [] : [dw]), dw
      )
    }
    return Launches(calls, scratch: scratch)
  }
}

extension LinearLoss {
  /// The cross-entropy of the logits `hidden` W^T to labels, one number per row: hidden [..., C],
  /// weight [V, C], labels int32 [...]. Rows with a negative label give 0.
  public static func crossEntropy(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor {
    LinearLoss(teaching: nil, givesGradients: false)(hidden, weight, labels)[0]
  }

  /// The losses of a student that is taught: each head is a hidden state [..., C] and a weight [V, C].
  ///
  /// Returns, one number per row: the cross-entropy to labels, the divergence from the teacher at a
  /// temperature without the factor T^2, and KL(teacher || student) at T = 1, which has no gradient.
  public static func distillation(
    student: (hidden: Tensor, weight: Tensor), teacher: (hidden: Tensor, weight: Tensor),
    labels: Tensor, _ kind: Divergence.Kind, temperature: Float
  ) -> (crossEntropy: Tensor, divergence: Tensor, unitKL: Tensor) {
    Divergence.check(kind, temperature)
    let losses = LinearLoss(
      teaching: Teaching(kind: kind, temperature: temperature), givesGradients: false)(
        student.hidden, student.weight, labels, teacher.hidden, teacher.weight)
    return (losses[0], losses[1], losses[2])
  }
}
