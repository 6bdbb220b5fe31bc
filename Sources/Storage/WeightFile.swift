// A file of a model's weights, whatever its format.
import Foundation
import Tensors

/// A tensor of a file.
package struct StoredTensor: Sendable {
  package let name: String
  package let shape: Shape
  /// The type's name in the format, such as `BF16` or `Q4_K`.
  package let dtype: String
  /// Where its bytes lie in the file.
  package let range: Range<Int>

  package init(name: String, shape: Shape, dtype: String, range: Range<Int>) {
    (self.name, self.shape, self.dtype, self.range) = (name, shape, dtype, range)
  }

  /// The type that the tensor is read as; nil for one that Retort does not compute with.
  package var type: TensorType? {
    let plain = ElementType.plain.first { $0.dtype == dtype }
    let blocks = Quantization.allCases.first { $0.rawValue.uppercased() == dtype }
    return (plain ?? blocks.map { .quantized($0) }).map { TensorType(shape, $0) }
  }

  package var byteCount: Int { range.count }
}

/// Named tensors in a file that stays open, each of which is read when it is asked for.
package protocol WeightFile: Sendable {
  var url: URL { get }
  /// The tensors, in the order in which they lie in the file.
  var entries: [StoredTensor] { get }
  func entry(named name: String) -> StoredTensor?
  /// Reads a tensor; nil where the file has none of that name, or one of a type that Retort does not compute with.
  func tensor(named name: String) throws -> TensorData?
  /// Adds the whole file to a fingerprint.
  func add(to fingerprint: inout Fingerprint) throws
  /// Adds the whole file to a fingerprint, and gives every tensor that Retort computes with to `body` on the way, so
  /// that the file is read once.
  func readAll(
    addingTo fingerprint: inout Fingerprint, _ body: (StoredTensor, TensorData) throws -> Void
  ) throws
}

extension WeightFile {
  package func entry(named name: String) -> StoredTensor? { entries.first { $0.name == name } }
}

extension OpenFile {
  /// Adds the whole content to a fingerprint, and gives each tensor's bytes on the way. Tensors are in the order in which they lie there.
  func add(
    to fingerprint: inout Fingerprint, tensors: [StoredTensor],
    _ body: (StoredTensor, Data) throws -> Void
  ) throws {
    var waiting = tensors[...]
    var bytes = Data()
    try add(to: &fingerprint) { offset, piece in
      let end = offset + piece.count
      while let entry = waiting.first, entry.range.lowerBound < end {
        let start = max(offset, entry.range.lowerBound)
        bytes +=
          piece[
            piece.startIndex + start - offset..<piece.startIndex + min(end, entry.range.upperBound)
              - offset]
        guard entry.range.upperBound <= end else { return }
        try body(entry, bytes)
        bytes = Data()
        waiting.removeFirst()
      }
    }
  }
}
