// Handwritten digits, and a small network that reads them.
import Foundation
import Retort

extension Field {
  /// 8 x 8 pixels from 0 to 1, [64] a row.
  public static let pixels = Field("pixels")
  /// The digit that they show, one a row.
  public static let digit = Field("digit", .int32)
}

/// All 1,797 pictures. Data/digits.csv has a line for each: 64 pixels from 0 to 16, and the digit.
public func digitImages() throws -> ArrayDataset {
  let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Data/digits.csv")
  let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    .map { $0.split(separator: ",").compactMap { Float($0) } }
  return ArrayDataset(
    [
      .pixels: TensorData([rows.count, 64], rows.flatMap { $0.prefix(64).map { $0 / 16 } }),
      .digit: TensorData([rows.count], rows.map { Int32($0[64]) }),
    ], labels: .digit, unit: "images")
}

/// Pixels [B, 64] -> logits [B, 10], by one hidden layer.
public struct Classifier: PretrainedModel {
  public let hidden: Linear
  public let output: Linear

  public init(width: Int) {
    hidden = Linear(64, width)
    output = Linear(width, 10)
  }

  public func logits(_ pixels: Tensor) -> Tensor { output(hidden(pixels).relu()) }

  /// -log softmax(z)[digit] for each row, [B].
  public func losses(_ inputs: Inputs) -> Tensor {
    logits(inputs[.pixels]).crossEntropy(labels: inputs[.digit])
  }
}
