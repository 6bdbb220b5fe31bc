// Numbers that PyTorch wrote (Tests/Golden/make_golden.py).
import Base
import Foundation
import Storage
import Tensors

/// A file or folder that a script in `Tests/Golden` wrote.
package func goldenFolder(_ path: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden").appending(path: path)
}

/// The strings that tokenizers are compared on.
package let goldenStrings: [String] = {
  let file = try? JSON(contentsOf: goldenFolder("tokenizers/strings.json"))
  return file?.array?.compactMap(\.string) ?? []
}()

/// A golden file by name.
package func golden(_ name: String) throws -> Safetensors {
  try Safetensors(contentsOf: goldenFolder("\(name).safetensors"))
}

/// The largest relative error between a formula on the reference device and PyTorch: of the result,
/// and of the gradients of sum(result * weight) with respect to every float operand.
package func goldenError(
  _ name: String, _ operandNames: [String], _ formula: ([Tensor]) -> Tensor
) throws -> Double {
  let file = try golden("ops")
  func data(_ key: String) throws -> TensorData {
    guard let found = try file["\(name).\(key)"] else {
      throw UserError("the golden file has no \(name).\(key)")
    }
    return found
  }
  let feeds = inputs(try operandNames.map(data))
  let result = formula(feeds.map(\.tensor))
  let loss = (result * .constant(try data("weight"))).sum()
  let varied = operandNames.indices.filter { feeds[$0].data.type.elementType == .float32 }
  let slopes = gradients(of: loss, withRespectTo: varied.map { feeds[$0].tensor })
  let got = try evaluate([result] + slopes, feeds)
  let expected = try ["result"].map(data) + varied.map { try data("d_" + operandNames[$0]) }
  return zip(got, expected).map { relativeError($0, $1) }.max() ?? .infinity
}
