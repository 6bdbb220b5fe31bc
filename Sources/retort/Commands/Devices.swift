// `retort devices`
import ArgumentParser
import OpenCL
import OpenCLBackend
import Tensors

struct Devices: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the devices that Retort can compute on.",
    discussion: "The first column is what --device takes.")

  func run() throws {
    let devices = try availableDevices()
    var rows = [["device", "name", "kind", "units", "memory", "kernels", "driver"]]
    for device in devices {
      let traits = DeviceTraits(of: device)
      rows.append([
        device.identifier, device.name, device.kind.rawValue, String(device.computeUnits),
        "\(device.memoryBytes >> 20) MiB",
        "\(traits.family.rawValue), vectors of \(traits.vectorWidth)",
        "\(device.platformName) \(device.driverVersion)",
      ])
    }
    rows.append(["reference", "plain Swift", "cpu", "1", "-", "none", "always there, slow"])
    print(table(rows))
    if devices.isEmpty {
      note("No OpenCL driver is installed. On Debian and Ubuntu: apt-get install pocl-opencl-icd")
    }
  }
}
