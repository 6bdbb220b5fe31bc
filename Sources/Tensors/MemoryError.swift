// Memory that a device does not have, as sentences.

import Base

package enum MemoryError: Error, CustomStringConvertible {
  case valueTooLarge(byteCount: Int, limit: Int, device: String)
  /// A variable is one buffer.
  case variableTooLarge(name: String, byteCount: Int, limit: Int, device: String)
  case planTooLarge(
    byteCount: Int, limit: Int, device: String, classes: [(name: String, byteCount: Int)])
  /// The driver refused what the device should have had, for `what`, once it is known.
  case refused(byteCount: Int, device: String, what: String)

  /// Does what allocates, and says for what memory was refused.
  static func naming<T>(_ what: String, _ body: () throws -> T) throws -> T {
    do { return try body() } catch MemoryError.refused(let byteCount, let device, _) {
      throw refused(byteCount: byteCount, device: device, what: what)
    }
  }

  package var description: String {
    let advice =
      "Use fewer sequences per batch, more micro-batches, shorter sequences or a smaller model."
    switch self {
    case .valueTooLarge(let bytes, let limit, let device):
      return "One tensor needs \(mebibytes(bytes)), but \(device) allocates at most "
        + "\(mebibytes(limit)) at once. \(advice)"
    case .variableTooLarge(let name, let bytes, let limit, let device):
      return "\(name) needs \(mebibytes(bytes)) in one piece, but \(device) allocates at most "
        + "\(mebibytes(limit)) at once. Use a smaller model or vocabulary, or another device or driver."
    case .planTooLarge(let bytes, let limit, let device, let classes):
      let parts = classes.filter { $0.byteCount > 0 }
        .map { "\($0.name) \(mebibytes($0.byteCount))" }
      return "This needs \(mebibytes(bytes)), but \(device) has \(mebibytes(limit)): "
        + "\(mebibytes(bytes - limit)) too much (\(parts.joined(separator: ", "))). \(advice)"
    case .refused(let bytes, let device, let what):
      return
        "\(device) has no room left for \(mebibytes(bytes)) of \(what.isEmpty ? "memory" : what), although "
        + "the plan fits what it says it has; other programs or a display may use the rest. \(advice)"
    }
  }
}
