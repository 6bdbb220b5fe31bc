// The kernels of the loss of a head's logits: chunk by chunk, so that the logits are never all there.
import Base

extension LinearLoss {
  /// The logits of a chunk take about this many bytes ...
  private static let chunkBytes = 32 << 20
  /// ... but products want this many rows, of which a small device has fewer.
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

  package func mayBeNarrow(operand: Int) -> Bool {
    [0, 1].contains(operand) || teaching?.source == .head && [3, 4].contains(operand)
  }

  package func mayBeQuantized(operand: Int) -> Bool {
    operand == 1 || teaching?.source == .head && operand == 4
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let rowCount = operands[0].shape.rowCount
    let (vocabulary, width) = (classCount, operands[1].shape[1])
    let chunk = chunk(operands, memoryBytes: traits.memoryBytes)
    // Scratch: the student's logits, what the teacher needs, a narrow gradient, the rows of a chunk, and what
    // products need, one after another.
    var scratch: [Int] = []
    func reserve(_ byteCount: Int) -> KernelCall.Argument {
      scratch.append(byteCount)
      return .scratch(scratch.count - 1)
    }
    let logitsBytes = 4 * chunk * vocabulary
    let logits = reserve(logitsBytes)
    let ofTeacher: KernelCall.Argument? =
      switch teaching?.source {
      case .head: reserve(logitsBytes)
      case .list(let count): reserve(4 * chunk * count)
      case .logits, nil: nil
      }
    // The logits' gradient is written over them or, where x is narrow, stored like x.
    let narrow = operands[0].elementType
    let slopes =
      givesGradients && narrow.isNarrow
      ? KernelCall.Argument.stored(reserve(logitsBytes / 2), as: narrow) : logits
    var calls: [KernelCall] = []
    /// Where a chunk's rows of an operand or a result lie: there, or copied, since products know only whole buffers.
    func rows(of argument: KernelCall.Argument, _ type: TensorType) -> KernelCall.Argument {
      if chunk == rowCount { return argument }
      let place = reserve(TensorType([chunk, type.shape.columnCount], type.elementType).byteCount)
      return type.elementType.isNarrow ? .stored(place, as: type.elementType) : place
    }
    let x = rows(of: .operand(0), operands[0])
    let dx =
      givesGradients
      ? rows(of: .result(firstGradient), TensorType(operands[0].shape)) : nil
    let teacherX = teaching?.source == .head ? rows(of: .operand(3), operands[3]) : nil
    let shared = scratch.count
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
    // The heads' rows that are classes come first.
    func classes(_ operand: Int) -> TensorType {
      TensorType([vocabulary, operands[operand].shape[1]], operands[operand].elementType)
    }
    let head = MatMul(transposeA: false, transposeB: true)
    for first in stride(from: 0, to: rowCount, by: chunk) {
      let rows = min(chunk, rowCount - first)
      func copy(
        _ source: KernelCall.Argument, _ from: Int, _ target: KernelCall.Argument, _ to: Int,
        _ columns: Int
      ) {
        if chunk == rowCount { return }
        calls.append(.copyRows(source, from, target, to, rows, columns, on: traits))
      }
      let xType = TensorType([rows, width], operands[0].elementType)
      copy(.operand(0), first, x, 0, width)
      product(head, [xType, classes(1)], [x, .operand(1)], logits)
      if let cap { calls.append(Self.capping(logits, rows * vocabulary, cap, on: traits)) }
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
          copy(.operand(3), first, teacherX, 0, columns)
          product(
            head, [TensorType([rows, columns], operands[3].elementType), classes(4)],
            [teacherX, .operand(4)], ofTeacher)
          if let cap = teaching.cap {
            calls.append(Self.capping(ofTeacher, rows * vocabulary, cap, on: traits))
          }
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
      calls.append(loss)
      guard let dx else { continue }
      let slopeType = TensorType([rows, vocabulary], narrow)
      product(
        MatMul(transposeA: false, transposeB: false), [slopeType, classes(1)],
        [slopes, .operand(1)], dx)
      copy(dx, 0, .result(firstGradient), first, width)
      if skipsWeight { continue }
      // The first chunk writes the weight's gradient, the others add to it.
      let dw = KernelCall.Argument.result(firstGradient + 1)
      let isFirst = first == 0
      if isFirst, operands[1].shape[0] > vocabulary {
        calls.append(Self.clearing(dw, operands[1].elementCount, on: traits))
      }
      product(
        MatMul(transposeA: true, transposeB: false, epilogue: isFirst ? nil : .adding),
        [slopeType, xType] + (isFirst ? [] : [TensorType([vocabulary, width])]),
        [slopes, x] + (isFirst ? [] : [dw]), dw
      )
    }
    return Launches(calls, scratch: scratch)
  }

  /// Keeps logits within a cap.
  private static func capping(
    _ logits: KernelCall.Argument, _ count: Int, _ cap: Float, on traits: DeviceTraits
  ) -> KernelCall {
    each("linear_loss_cap", [logits, .int(count), .float(cap)], count, ["CAPPED": 1], on: traits)
  }

  /// Writes zeros: padding has no gradient.
  private static func clearing(
    _ argument: KernelCall.Argument, _ count: Int, on traits: DeviceTraits
  ) -> KernelCall {
    each("linear_loss_clear", [argument, .int(count)], count, [:], on: traits)
  }

  private static func each(
    _ function: String, _ arguments: [KernelCall.Argument], _ count: Int,
    _ defines: [String: Int], on traits: DeviceTraits
  ) -> KernelCall {
    .items(
      function, file: "linearloss.cl", count: min(ceilDivide(count, 1024), 1 << 14),
      defines: traits.rowDefines.merging(defines) { $1 }, arguments: arguments, on: traits)
  }
}
