// What a display takes of a GPU's memory.
import Foundation
import OpenCL

package enum DisplayMemory {
  /// Bytes to leave to a desktop: windows and browsers take some hundred MiB, more as they open.
  private static let headroom = 400 << 20

  /// What a run should leave free on a device: something where a display is connected to it.
  package static func toLeave(on device: DeviceDescription, drm folder: String = "/sys/class/drm")
    -> Int
  {
    guard device.kind == .gpu, !device.sharesHostMemory, let address = device.pciAddress else {
      return 0
    }
    return isConnected(address, folder) ? headroom : 0
  }

  /// Whether a connector of the card at a PCI address has a display, as the kernel says.
  package static func isConnected(_ address: String, _ folder: String) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.contains { name in
      // Such as card0-DP-1, a link into the device's own folder.
      guard name.hasPrefix("card"), name.contains("-") else { return false }
      let connector = URL(fileURLWithPath: folder + "/" + name)
      let status = try? String(contentsOf: connector.appending(path: "status"), encoding: .utf8)
      return status?.hasPrefix("connected") == true
        && connector.resolvingSymlinksInPath().path.contains(":\(address)/")
    }
  }
}
