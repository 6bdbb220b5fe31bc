// The kernels of the loss of a head's logits: chunk by chunk, so that the logits are never all there.

extension LinearLoss {
  /// The logits of a chunk take about this many bytes ...
  private static let chunkBytes = 32 << 20
  /// ... but products want this many rows, of which a small device has fewer; also what keeps parts of
  /// operands aligned.
  private static let leastRows = 512
  private static let leastRowsOfSmallDevice = 128
  private static let smallDeviceBytes = 4 << 30

  /// The rows of a chunk.
  func chunk(_ operands: [TensorType], memoryBytes: Int = .max) -> Int {
    let least =
      memoryBytes < Self.smallDeviceBytes ? Self.leastRowsOfSmallDevice : Self.leastRows
    let wanted = Self.chunkBytes / max(4 * classCount, 1) / least * least
    return min(operands[0].shape.rowCount, max(wanted, least))
  }

  public func mayBeNarrow(operand: Int) -> Bool {
    [0, 1].contains(operand) || teaching?.source == .head && [3, 4].contains(operand)
  }

  public func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let rowCount = operands[0].shape.rowCount
    let (vocabulary, width) = (classCount, operands[1].shape[1])
    let chunk = chunk(operands, memoryBytes: traits.memoryBytes)
    // Scratch: the student's logits, what the teacher needs, a narrow gradient, and what products need, one
    // after another.
    let logitsBytes = 4 * chunk * vocabulary
    var scratch = [logitsBytes]
    switch teaching?.source {
    case .head: scratch.append(logitsBytes)
    case .list(let count): scratch.append(4 * chunk * count)
    case .logits, nil: break
    }
    let logits = KernelCall.Argument.scratch(0)
    // The heads' rows that are classes.
    func classes(_ operand: Int) -> (KernelCall.Argument, TensorType) {
      let (columns, type) = (operands[operand].shape[1], operands[operand].elementType)
      let bytes = vocabulary * columns * type.byteCount
      return (
        .part(.operand(operand), offset: 0, byteCount: bytes),
        TensorType([vocabulary, columns], type)
      )
    }
    let (weight, weightType) = classes(1)
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
      product(head, [xType, weightType], [x, weight], logits)
      var arguments = [
        logits, part(.operand(2)), part(.result(0)), slopes, .int(rows), .int(vocabulary),
      ]
      var function = "linear_loss"
      var defines = ["TEACHER": 0, "GRADIENT": givesGradients ? 1 : 0]
      if let teaching {
        switch teaching.source {
        case .head:
          let given = operands[3].elementType
          let (columns, teacherWidth) = (
            part(.operand(3), operands[4].shape[1], of: given), classes(4)
          )
          product(
            head, [TensorType([rows, operands[4].shape[1]], given), teacherWidth.1],
            [columns, teacherWidth.0], .scratch(1))
          arguments.append(.scratch(1))
        case .logits: arguments.append(part(.operand(3), vocabulary))
        case .list(let count):
          function = "linear_loss_list"
          arguments += [
            part(.operand(3), count), part(.operand(4), count), part(.operand(5), 2), .scratch(1),
            .int(count),
          ]
        }
        arguments += (1...3).map { part(.result($0)) }
        arguments += Divergence.constants(teaching.kind, teaching.temperature)
        defines["TEACHER"] = 1
        defines["UNIT"] = teaching.temperature == 1 ? 1 : 0
        defines.merge(Divergence.define(teaching.kind)) { $1 }
      }
      if givesGradients {
        arguments += (firstWeight..<operands.count).map { part(.operand($0)) }
      }
      var loss = KernelCall.rows(
        function, file: function == "linear_loss" ? "linearloss.cl" : "linearloss_list.cl",
        rowCount: rows, defines: defines, arguments: arguments, on: traits)
      loss.wantsManyRegisters = true
      calls.append(loss)
      if !givesGradients { continue }
      let slopeType = TensorType([rows, vocabulary], narrow)
      product(
        MatMul(transposeA: false, transposeB: false), [slopeType, weightType],
        [slopes, weight], part(.result(firstGradient), width))
      // The first chunk writes the weight's gradient, the others add to it.
      let whole = KernelCall.Argument.result(firstGradient + 1)
      let dw = KernelCall.Argument.part(whole, offset: 0, byteCount: 4 * vocabulary * width)
      let isFirst = first == 0
      if isFirst, operands[1].shape[0] > vocabulary {
        calls.append(Self.clearing(whole, operands[1].elementCount, on: traits))
      }
      product(
        MatMul(transposeA: true, transposeB: false, epilogue: isFirst ? nil : .adding),
        [slopeType, xType] + (isFirst ? [] : [TensorType([vocabulary, width])]),
        [slopes, x] + (isFirst ? [] : [dw]), dw
      )
    }
    return Launches(calls, scratch: scratch)
  }

  /// Writes zeros: padding has no gradient.
  private static func clearing(
    _ argument: KernelCall.Argument, _ count: Int, on traits: DeviceTraits
  ) -> KernelCall {
    let local = traits.groupSize
    return KernelCall(
      "linear_loss_clear", file: "linearloss.cl", defines: traits.rowDefines,
      arguments: [argument, .int(count)],
      global: [roundUp(min(ceilDivide(count, 1024), 1 << 14), toMultipleOf: local)],
      local: [local])
  }
}
