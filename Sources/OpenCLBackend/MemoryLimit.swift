// How much memory a process may have.
import Base
import Foundation

package enum MemoryLimit {
  /// `RETORT_MEMORY_LIMIT` in bytes, for sharing a device; nil where it is not set. Anything but a number of MiB
  /// is an error.
  package static func given() throws -> Int? {
    guard let text = ProcessInfo.processInfo.environment["RETORT_MEMORY_LIMIT"], !text.isEmpty
    else { return nil }
    guard let mebibytes = Int(text), (1...1 << 30).contains(mebibytes) else {
      throw UserError(
        "RETORT_MEMORY_LIMIT must be a number of MiB from 1 to \(1 << 30); it is \(text.prefix(40))."
      )
    }
    return mebibytes << 20
  }

  /// What this process may have of the host's memory, in bytes: that of the machine, or of the container (control
  /// group) it runs in, if that is less. nil where it is not known.
  package static var ofHost: Int? {
    var limits = controlGroups.compactMap { file -> Int? in
      guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
      // "max", or a number near 2^63, is no limit.
      return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)).flatMap {
        $0 > 0 && $0 < 1 << 50 ? $0 : nil
      }
    }
    let machine = ProcessInfo.processInfo.physicalMemory
    if machine > 0, machine < 1 << 50 { limits.append(Int(machine)) }
    return limits.min()
  }

  /// The files that may hold a limit: of the group that `/proc/self/cgroup` names and of all above it, in both
  /// versions of control groups.
  private static var controlGroups: [String] {
    let lines = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
    return lines.split(separator: "\n").flatMap { line -> [String] in
      // NUMBER:CONTROLLERS:PATH, with no controllers in version 2
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return [] }
      let isNew = parts[1].isEmpty
      guard isNew || parts[1].split(separator: ",").contains("memory") else { return [] }
      let root = isNew ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let name = isNew ? "memory.max" : "memory.limit_in_bytes"
      var folders = [""]
      for part in parts[2].split(separator: "/") where part != ".." {
        folders.append("\(folders[folders.count - 1])/\(part)")
      }
      return folders.map { "\(root)\($0)/\(name)" }
    }
  }
}
