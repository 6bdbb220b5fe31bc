// Built programs on disk.
import Foundation
import OpenCL

/// Keeps program binaries in a folder. A missing, foreign or damaged file is no error: the program
/// is then built from source and the file replaced.
package struct KernelCache: Sendable {
  /// What a binary depends on: source, options, device, driver and the format of the file.
  struct Key {
    let text: String

    init(_ device: DeviceDescription, _ sourceAndOptions: String) {
      text = [
        "retort kernel cache 1", device.name, device.platformName, device.driverVersion,
        device.openCLVersion, sourceAndOptions,
      ].joined(separator: "\n")
    }

    /// 128 bits of FNV-1a, as two hashes with different starts.
    var digest: String {
      func hash(_ start: UInt64) -> String {
        let value = text.utf8.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
      }
      return hash(0xcbf2_9ce4_8422_2325) + hash(0x9ae1_6a3b_2f90_404f)
    }
  }

  let folder: URL
  /// Programs that build faster than this are not worth a file.
  let minimumBuildTime: Duration

  package init(folder: URL, minimumBuildTime: Duration = .milliseconds(300)) {
    self.folder = folder
    self.minimumBuildTime = minimumBuildTime
  }

  /// The user's cache, for a device whose driver gains from it. PoCL compiles a kernel when it is launched, for the
  /// size of its work-groups, and keeps the result itself; to hand out a binary it compiles every kernel a second
  /// time, for any size.
  package static func standard(for device: DeviceDescription) -> KernelCache? {
    if device.isPoCL { return nil }
    return standardFolder.map { KernelCache(folder: $0) }
  }

  /// `$RETORT_CACHE`, nil where that is `off`; else `retort/kernels` in the user's cache folder.
  static var standardFolder: URL? {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["RETORT_CACHE"], !path.isEmpty {
      return path == "off" ? nil : URL(fileURLWithPath: path)
    }
    let base =
      environment["XDG_CACHE_HOME"].map { URL(fileURLWithPath: $0) }
      ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
    return base.appending(path: "retort/kernels")
  }

  /// The stored binary, if the file holds it whole and for exactly this key.
  func binary(_ key: Key) -> [UInt8]? {
    guard let data = try? Data(contentsOf: folder.appending(path: key.digest + ".bin")) else {
      return nil
    }
    let head = Array(key.text.utf8)
    // The file: length of the key, the key, a checksum of the binary, the binary.
    guard data.count > 16 + head.count else { return nil }
    let bytes = [UInt8](data)
    guard Self.number(bytes[0..<8]) == UInt64(head.count),
      bytes[8..<8 + head.count].elementsEqual(head)
    else { return nil }
    let binary = Array(bytes[(16 + head.count)...])
    let sum = Self.number(bytes[(8 + head.count)..<(16 + head.count)])
    return sum == Self.checksum(binary) ? binary : nil
  }

  /// Writes under a temporary name and renames; a failure only means no cache.
  func store(_ binary: [UInt8], _ key: Key) {
    let head = Array(key.text.utf8)
    let file =
      Self.bytes(UInt64(head.count)) + head + Self.bytes(Self.checksum(binary)) + binary
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try? Data(file).write(to: folder.appending(path: key.digest + ".bin"), options: .atomic)
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  private static func bytes(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
