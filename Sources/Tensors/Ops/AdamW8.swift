// One parameter's step of AdamW whose moments take eight bits a number.
import Base

/// AdamW with moments in blocks of 256 numbers: a code of 8 bits for each number, of the signed dynamic map for the first moment and of the
/// unsigned one for the second, times the block's largest size (Dettmers et al., arXiv 2110.02861; bitsandbytes' `kOptimizerStatic8bit2StateBlockwise`).
/// A step uses the new moments as they are before they are rounded.
///
/// Operands: p and g of one shape; the codes of the first and the second moment, int32 [blocks, 64] with four codes a word, the first
/// in its lowest bits; scales [blocks, 2]; step [4] and clip [] as AdamW has them. Results: the new p, codes, codes and scales.
public struct AdamW8: KernelOp {
  /// The formula.
  public let rule: AdamW

  /// AdamW with these settings.
  public init(_ rule: AdamW = AdamW()) { self.rule = rule }

  static let blockLength = 256
  static let wordCount = 64

  /// What is kept for a parameter: codes, codes and scales.
  package static func stateTypes(for shape: Shape) -> [TensorType] {
    let blocks = ceilDivide(shape.elementCount, blockLength)
    let codes = TensorType([blocks, wordCount], .int32)
    return [codes, codes, TensorType([blocks, 2])]
  }

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let kept = Self.stateTypes(for: operands[0].shape)
    demand(
      operands[1] == operands[0] && Array(operands[2...4]) == kept && operands[5].shape == [4]
        && operands[6].elementCount == 1,
      "adamw of 8 bits: operands \(operands)")
    return [operands[0]] + kept
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("an optimizer's step has no gradient")
  }

  /// The numbers of codes.
  package static func moments(
    _ codes: TensorData, scales: TensorData, second: Bool, count: Int
  ) -> [Float] {
    let map = second ? DynamicMap.unsigned : DynamicMap.signed
    let (words, scales) = (codes.integers, scales.floats)
    return (0..<count).map { i in
      let word = UInt32(bitPattern: words[i / 4])
      return map[Int(word >> UInt32(i % 4 * 8) & 255)]
        * scales[i / blockLength * 2 + (second ? 1 : 0)]
    }
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let (p, scales) = (operands[0], operands[4])
    guard operands[6].floats[0] >= 0 else { return [p, operands[2], operands[3], scales] }
    let count = p.type.elementCount
    let old = [false, true].map { second in
      TensorData(
        p.shape,
        Self.moments(operands[second ? 3 : 2], scales: scales, second: second, count: count))
    }
    let new = rule.reference([p, operands[1], old[0], old[1], operands[5], operands[6]])
    let blocks = scales.shape[0]
    var newScales = [Float](repeating: 0, count: 2 * blocks)
    let codes = [false, true].map { second -> [Int32] in
      let numbers = new[second ? 2 : 1].floats
      let map = second ? DynamicMap.unsigned : DynamicMap.signed
      let borders = DynamicMap.borders(map)
      var words = [UInt32](repeating: 0, count: blocks * Self.wordCount)
      for block in 0..<blocks {
        let own = block * Self.blockLength..<min(count, (block + 1) * Self.blockLength)
        let scale = own.reduce(Float(0)) { max($0, numbers[$1].magnitude) }
        newScales[2 * block + (second ? 1 : 0)] = scale
        for i in block * Self.blockLength..<(block + 1) * Self.blockLength {
          let number = i < count && scale > 1e-37 ? numbers[i] / scale : 0
          var code = Int(DynamicMap.code(number, borders: borders))
          // A first moment keeps its sign.
          if !second, (map[code] < 0) != (number < 0) { code += number > 0 ? 1 : -1 }
          words[i / 4] |= UInt32(code) << UInt32(i % 4 * 8)
        }
      }
      return words.map { Int32(bitPattern: $0) }
    }
    return [
      new[0], TensorData(operands[2].shape, codes[0]), TensorData(operands[3].shape, codes[1]),
      TensorData(scales.shape, newScales),
    ]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool {
    operand == [0, 2, 3, 4][result]
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    var call = KernelCall.rows(
      "adamw8", file: "adamw8.cl", rowCount: operands[4].shape[0],
      arguments: (0..<7).map { .operand($0) } + (0..<4).map { .result($0) }
        + [
          .int(operands[0].elementCount), .float(rule.beta1), .float(rule.beta2),
          .float(rule.epsilon), .float(rule.decay),
        ], on: traits)
    call.prelude = "#define MAPS\n" + Self.maps
    return Launches([call])
  }

  /// Both maps and their borders as the kernel reads them.
  private static let maps = [("signed", DynamicMap.signed), ("unsigned", DynamicMap.unsigned)].map {
    func array(_ name: String, _ numbers: [Float]) -> String {
      let list = numbers.map { "\($0)f" }.joined(separator: ",")
      return "__constant float \(name)[\(numbers.count)] = {\(list)};\n"
    }
    return array("\($0)_map", $1) + array("\($0)_borders", DynamicMap.borders($1))
  }.joined()
}
