// What tells a damaged safetensors file from a whole one.
import Base
import Foundation

/// Checksums of a file's tensors and of its header, kept among the metadata, which other readers pass over.
/// Files of other writers have none.
struct SafetensorsChecksums: Sendable {
  private var sums: [String: String] = [:]
  private var headerSum: String?

  private static let prefix = "retort.checksum."
  private static let headerKey = "retort.header"

  /// Room for checksums that are not known yet.
  init(for names: [String]) {
    let unknown = Fingerprint().description
    sums = Dictionary(names.map { ($0, unknown) }) { first, _ in first }
  }

  /// Those of a file; they are taken out of its metadata.
  init(takenFrom metadata: inout [String: String]) {
    headerSum = metadata.removeValue(forKey: Self.headerKey)
    for (key, value) in metadata where key.hasPrefix(Self.prefix) {
      sums[String(key.dropFirst(Self.prefix.count))] = value
      metadata[key] = nil
    }
  }

  mutating func add(_ bytes: Data, _ name: String) {
    sums[name] = Fingerprint(of: bytes).description
  }

  /// Whether a tensor has its checksum, or none was written.
  func fits(_ bytes: Data, _ name: String) -> Bool {
    sums[name].map { $0 == Fingerprint(of: bytes).description } ?? true
  }

  /// Whether a header has its checksum, or none was written.
  func fit(_ metadata: [String: String], _ entries: [StoredTensor], dataStart: Int) -> Bool {
    guard let headerSum else { return sums.isEmpty }
    return headerSum == headerChecksum(metadata, entries, dataStart)
  }

  /// What is written beside other metadata.
  func metadata(_ metadata: [String: String], _ entries: [StoredTensor], dataStart: Int)
    -> [String: String]
  {
    var all = Dictionary(uniqueKeysWithValues: sums.map { (Self.prefix + $0.key, $0.value) })
    all[Self.headerKey] = headerChecksum(metadata, entries, dataStart)
    return all
  }

  /// Of all that a header says, checksums among it.
  private func headerChecksum(
    _ metadata: [String: String], _ entries: [StoredTensor], _ dataStart: Int
  ) -> String {
    var sum = Fingerprint()
    for part in [metadata, sums] {
      for (key, value) in part.sorted(by: { $0.key < $1.key }) {
        sum.add(key)
        sum.add(value)
      }
    }
    for entry in entries.sorted(by: { $0.name < $1.name }) {
      sum.add("\(entry.name) \(entry.dtype) \(entry.shape)")
      sum.add("\(entry.range.lowerBound - dataStart) \(entry.range.upperBound - dataStart)")
    }
    return sum.description
  }
}
