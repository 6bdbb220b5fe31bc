// The drivers that the loader is told of, and why one may be of no use.
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The names of the drivers that the loader is told of, whether or not they offer a device: the `.icd` files in
/// `/etc/OpenCL/vendors`, or where `OCL_ICD_VENDORS` says.
package func installedDrivers() -> [String] { driverFiles().map(\.lastPathComponent) }

private func driverFiles() -> [URL] {
  let environment = ProcessInfo.processInfo.environment
  let folder = environment["OCL_ICD_VENDORS"] ?? "/etc/OpenCL/vendors"
  if folder.hasSuffix(".icd") { return [URL(fileURLWithPath: folder)] }
  let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  return names.filter { $0.hasSuffix(".icd") }.sorted().map {
    URL(fileURLWithPath: folder).appending(path: $0)
  }
}

/// A sentence for each driver whose library does not load, and for each GPU's node that this user may not open.
package func driverProblems(devices folder: String = "/dev") -> [String] {
  unloadable() + nodesWithoutRights(folder)
}

private func unloadable() -> [String] {
  driverFiles().compactMap { file in
    guard let text = try? String(contentsOf: file, encoding: .utf8) else {
      return "The driver file \(file.path) cannot be read."
    }
    // The loader reads one line.
    let library = text.split(whereSeparator: \.isNewline).first.map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard let library, !library.isEmpty else {
      return "The driver file \(file.path) names no library."
    }
    if let handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL) {
      dlclose(handle)
      return nil
    }
    let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
    return "The driver \(library), named by \(file.path), does not load: \(reason)."
  }
}

private func nodesWithoutRights(_ folder: String) -> [String] {
  let nodes =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/dri")) ?? [])
    .filter { $0.hasPrefix("renderD") }.sorted().map { folder + "/dri/" + $0 }
  let closed = (nodes + [folder + "/kfd"]).filter {
    access($0, F_OK) == 0 && access($0, R_OK | W_OK) != 0
  }
  guard !closed.isEmpty else { return [] }
  let groups = Set(closed.compactMap(group)).sorted()
  let advice =
    switch groups {
    case []: ""
    case ["root"]:
      " They are root's alone: the driver's package, or a rule of udev, gives them to the group `render`."
    default:
      " Join their group with `sudo usermod -aG \(groups.filter { $0 != "root" }.joined(separator: ",")) $USER`, then log in again."
    }
  return [
    "A GPU is here whose devices this user may not open (\(closed.joined(separator: ", "))).\(advice)"
  ]
}

/// The name of the group that a file belongs to.
private func group(_ path: String) -> String? {
  (try? FileManager.default.attributesOfItem(atPath: path))?[.groupOwnerAccountName] as? String
}
