// What running on a device has shown, on disk.
import Foundation
import OpenCL
import Tensors

/// Answers that took a device to find out, for one device, driver and text of the kernels. A file that is missing,
/// damaged or for other kernels is no error: then nothing is known.
package struct DeviceFindings: Codable, Equatable, Sendable {
  /// The matrix unit that multiplies rightly; nil where there is none.
  package var matrixUnit: MatrixUnit.Kind?
  /// What the device computed wrongly in a short check; nil where it was right.
  package var fault: String?

  package init(matrixUnit: MatrixUnit.Kind? = nil, fault: String? = nil) {
    self.matrixUnit = matrixUnit
    self.fault = fault
  }

  /// What is known of a device; nil where it was never met.
  package static func kept(for device: DeviceDescription) -> DeviceFindings? {
    guard let url = url(for: device), let data = try? Data(contentsOf: url) else { return nil }
    return try? JSONDecoder().decode(DeviceFindings.self, from: data)
  }

  /// Writes them for the next process; where nothing can be written, it will ask again.
  package func keep(for device: DeviceDescription) {
    guard let url = Self.url(for: device), let data = try? JSONEncoder().encode(self) else {
      return
    }
    try? FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try? data.write(to: url, options: .atomic)
  }

  /// nil where nothing is kept, since `RETORT_CACHE` is off.
  package static func url(for device: DeviceDescription) -> URL? {
    guard let folder = KernelCache.standardFolder else { return nil }
    let key = KernelCache.Key(device, "findings 1\n" + KernelSources().everything)
    return folder.appending(path: "findings-" + key.digest + ".json")
  }
}
