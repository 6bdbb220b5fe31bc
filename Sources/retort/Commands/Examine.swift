// `retort examine`, which other commands start.
import ArgumentParser
import OpenCL
import OpenCLBackend
import SelfTest
import Tensors

struct Examine: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer one question about a device; may die of it.", shouldDisplay: false)

  /// The last line of the answer where all is well; else it is what was wrong.
  static let good = "good"
  /// What begins the last line where the answer may be another one next time.
  static let notNow = "not now: "

  @Argument(help: "PLATFORM:INDEX")
  var device: String

  @Option(help: "Whether this matrix unit is there; else whether the device computes rightly.")
  var unit: String?

  func run() throws {
    guard let found = try availableDevices().first(where: { $0.identifier == device }) else {
      throw ValidationError("There is no device \(device).")
    }
    try tell(answer(found) ?? Self.good)
  }

  private func answer(_ device: DeviceDescription) -> String? {
    do {
      guard let unit else { return try SelfTest(on: OpenCLDevice(device)).briefly() }
      guard let kind = MatrixUnit.Kind.allCases.first(where: { "\($0)" == unit }) else {
        return "there is no matrix unit \(unit)"
      }
      return try MatrixUnit(kind).multipliesRightly(on: device) ? nil : "wrong products"
    } catch let error as MemoryError {
      return Self.notNow + "\(error)"
    } catch { return "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ") }
  }
}
