// The OpenCL devices that tests run on.
import Foundation
import OpenCL
import OpenCLBackend
import Tensors

/// A device together with the family of kernels that is forced on it.
package struct Target: Sendable, CustomStringConvertible {
  package let device: DeviceDescription
  package let family: DeviceTraits.Family

  package var description: String { "\(device.platformName), \(family) kernels" }

  /// What the device is like with these kernels.
  package var traits: DeviceTraits { DeviceTraits(of: device, as: family) }

  /// Opens the device, with other traits where they are given. Nobody runs a GPU's kernels on a processor but these tests:
  /// its compiler takes them as they are, in a fifth of the time. At its usual level Oclgrind's compiler inlines functions that give
  /// a structure by words that Oclgrind does not know.
  package func open(_ traits: DeviceTraits? = nil, profiling: Bool = false) throws -> OpenCLDevice {
    let isForeign = family == .gpu && device.kind == .cpu && !isInterpreter
    return try OpenCLDevice(
      device, traits: traits ?? self.traits, profiling: profiling,
      compilerOptions: isForeign ? ["-cl-opt-disable"] : isInterpreter ? ["-O1"] : [])
  }

  /// What this target tests of many settings that are alike to a compiler: PoCL and Intel's runtime every other
  /// one, so that each setting is compiled by one of them, where `RETORT_SHARED_SETTINGS` says that both are tested;
  /// any other device, such as Oclgrind, all.
  package func share<T>(of all: [T]) -> [T] {
    guard ProcessInfo.processInfo.environment["RETORT_SHARED_SETTINGS"] != nil else { return all }
    let names = ["Portable Computing Language", "Intel"]
    guard let turn = names.firstIndex(where: device.platformName.contains) else { return all }
    return all.enumerated().filter { $0.offset % names.count == turn }.map(\.element)
  }

  /// Whether the device is an interpreter that looks for races and wrong accesses: it takes a hundred times as long,
  /// and formulas matter less to it than who touches what.
  package var isInterpreter: Bool { device.platformName.contains("Oclgrind") }

  /// Both families on every device present.
  package static let all: [Target] = devices.flatMap { device in
    DeviceTraits.Family.allCases.map { Target(device: device, family: $0) }
  }

  /// One device of each platform.
  package static let devices: [DeviceDescription] = {
    let found = (try? availableDevices()) ?? []
    var seen: Set<String> = []
    return found.filter { seen.insert($0.platformName).inserted }
  }()

  /// The platforms that `RETORT_REQUIRED_DRIVERS` names (parts of names, by commas) and that are
  /// not here.
  package static let missing: [String] = {
    let required = ProcessInfo.processInfo.environment["RETORT_REQUIRED_DRIVERS"] ?? ""
    return required.split(separator: ",").map(String.init).filter { name in
      !devices.contains { $0.platformName.localizedCaseInsensitiveContains(name) }
    }
  }()
}
