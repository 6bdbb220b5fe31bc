// The kernels of the loss of a head's logits: chunk by chunk, so that the logits are never all there.
import Base

extension LinearLoss {
  /// The rows of a chunk, on a device that is not small.
  func chunk(_ operands: [TensorType]) -> Int {
    HeadChunks.size(operands[0].shape.rowCount, classCount: classCount)
  }

  package func mayBeNarrow(operand: Int) -> Bool {
    [0, 1].contains(operand) || teaching?.source == .head && [3, 4].contains(operand)
  }

  package func mayBeQuantized(operand: Int) -> Bool {
    operand == 1 || teaching?.source == .head && operand == 4
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let (vocabulary, width) = (classCount, operands[1].shape[1])
    // Scratch: the student's logits, what the teacher needs, a narrow gradient, and the rows of a chunk.
    var chunks = HeadChunks(
      rowCount: operands[0].shape.rowCount, classCount: classCount, on: traits)
    let chunk = chunks.size
    let logitsBytes = 4 * chunk * vocabulary
    let logits = chunks.reserve(logitsBytes)
    let ofTeacher: KernelCall.Argument? =
      switch teaching?.source {
      case .head: chunks.reserve(logitsBytes)
      case .list(let count): chunks.reserve(4 * chunk * count)
      case .logits, nil: nil
      }
    // The logits' gradient is written over them or, where x is narrow, stored like x.
    let narrow = operands[0].elementType
    let slopes =
      givesGradients && narrow.isNarrow
      ? KernelCall.Argument.stored(chunks.reserve(logitsBytes / 2), as: narrow) : logits
    let x = chunks.rows(of: .operand(0), operands[0])
    let dx =
      givesGradients
      ? chunks.rows(of: .result(firstGradient), TensorType(operands[0].shape)) : nil
    let teacherX = teaching?.source == .head ? chunks.rows(of: .operand(3), operands[3]) : nil
    // The heads' rows that are classes come first.
    func classes(_ operand: Int) -> TensorType {
      TensorType([vocabulary, operands[operand].shape[1]], operands[operand].elementType)
    }
    chunks.each { chunks, first, rows in
      let xType = TensorType([rows, width], operands[0].elementType)
      chunks.copy(.operand(0), first, x, 0, rows, width)
      chunks.logits([xType, classes(1)], [x, .operand(1)], cap, to: logits)
      var arguments = [
        logits, .operand(2), .result(0), .named(slopes, "slopes"), .int(rows), .int(vocabulary),
        .int(first),
      ]
      if let cap { arguments.append(.float(cap)) }
      var function = "linear_loss"
      var defines = [
        "TEACHER": 0, "GRADIENT": givesGradients ? 1 : 0, "CAPPED": cap == nil ? 0 : 1,
      ]
      if let teaching {
        defines["TEACHER"] = 1
        switch teaching.source {
        case .head:
          guard let teacherX, let ofTeacher else { fatal("a teacher's head has no memory") }
          let columns = operands[4].shape[1]
          chunks.copy(.operand(3), first, teacherX, 0, rows, columns)
          chunks.logits(
            [TensorType([rows, columns], operands[3].elementType), classes(4)],
            [teacherX, .operand(4)], teaching.cap, to: ofTeacher)
          arguments.append(ofTeacher)
        case .logits:
          arguments.append(.operand(3))
          defines["TEACHER"] = 2
        case .list(let count):
          guard let ofTeacher else { fatal("a teacher's list has no memory") }
          function = "linear_loss_list"
          defines["TAIL_PARTS"] = Divergence.tailParts
          arguments += [.operand(3), .operand(4), .operand(5), ofTeacher, .int(count)]
        }
        arguments += (1...3).map { .result($0) }
        arguments += Divergence.constants(teaching.kind, teaching.temperature)
        defines["IS_T_ONE"] = teaching.temperature == 1 ? 1 : 0
        defines.merge(Divergence.define(teaching.kind)) { $1 }
      }
      if givesGradients { arguments += (firstWeight..<operands.count).map { .operand($0) } }
      var loss = KernelCall.rows(
        function, file: function == "linear_loss" ? "linearloss.cl" : "linearloss_list.cl",
        rowCount: rows, defines: defines, arguments: arguments, on: traits)
      loss.wantsManyRegisters = true
      chunks.calls.append(loss)
      guard let dx else { return }
      let slopeType = TensorType([rows, vocabulary], narrow)
      chunks.product(
        MatMul(transposeA: false, transposeB: false), [slopeType, classes(1)],
        [slopes, .operand(1)], dx)
      chunks.copy(dx, 0, .result(firstGradient), first, rows, width)
      if skipsWeight { return }
      // The first chunk writes the weight's gradient, the others add to it.
      let dw = KernelCall.Argument.result(firstGradient + 1)
      let isFirst = first == 0
      if isFirst, operands[1].shape[0] > vocabulary {
        chunks.calls.append(Self.clearing(dw, operands[1].elementCount, on: traits))
      }
      chunks.product(
        MatMul(transposeA: true, transposeB: false, epilogue: isFirst ? nil : .adding),
        [slopeType, xType] + (isFirst ? [] : [TensorType([vocabulary, width])]),
        [slopes, x] + (isFirst ? [] : [dw]), dw
      )
    }
    return chunks.launches
  }

  /// Writes zeros: padding has no gradient.
  private static func clearing(
    _ argument: KernelCall.Argument, _ count: Int, on traits: DeviceTraits
  ) -> KernelCall {
    .items(
      "linear_loss_clear", file: "linearloss.cl", count: min(ceilDivide(count, 1024), 1 << 14),
      defines: traits.rowDefines, arguments: [argument, .int(count)], on: traits)
  }
}
