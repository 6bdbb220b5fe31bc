// Which entries of some data are trained on, which choose weights, and which are held out.
import Tensors

/// Three parts of some entries. Which part an entry goes to depends on its number and the seed alone.
package struct Parts: Sendable {
  /// The place of each entry in an order that the seed gives.
  private let places: [Int]
  private let heldOutCount: Int
  private let validationCount: Int

  /// The generator's stream for this order.
  private static let stream: UInt32 = 0x7465_7874
  /// The same for slices.
  private static let sliceStream: UInt32 = 0x736C_6963

  package init(of count: Int, heldOutShare: Double, validationShare: Double, seed: UInt64) {
    heldOutCount = Int((Double(count) * heldOutShare).rounded())
    validationCount = Int((Double(count) * validationShare).rounded())
    places = (0..<count).map { Philox.permuted($0, of: count, seed: seed, stream: Self.stream) }
  }

  /// The entries in their parts, in their order.
  package func split<Entry>(_ entries: [Entry]) -> (
    training: [Entry], validation: [Entry], heldOut: [Entry]
  ) {
    func part(_ range: Range<Int>) -> [Entry] {
      zip(entries, places).filter { range.contains($0.1) }.map(\.0)
    }
    let trained = min(entries.count, heldOutCount + validationCount)
    return (
      part(trained..<entries.count), part(heldOutCount..<trained), part(0..<heldOutCount)
    )
  }

  /// A share of some entries, at least one of them, in their order.
  package static func slice<Entry>(_ entries: [Entry], share: Double, seed: UInt64) -> [Entry] {
    guard share < 1 else { return entries }
    return sample(
      entries, atMost: max(1, Int((Double(entries.count) * share).rounded())), seed: seed)
  }

  /// At most so many of some entries, from all over them, in their order.
  package static func sample<Entry>(_ entries: [Entry], atMost count: Int, seed: UInt64) -> [Entry]
  {
    guard count < entries.count else { return entries }
    return entries.enumerated().filter { index, _ in
      Philox.permuted(index, of: entries.count, seed: seed, stream: sliceStream) < count
    }.map(\.1)
  }
}
