// `retort examine`, which other commands start.
import ArgumentParser
import OpenCL
import OpenCLBackend
import SelfTest
import Tensors

struct Examine: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer one question about a device; may die of it.", shouldDisplay: false)

  /// The line of the answer where all is well.
  static let good = "good"
  /// What begins the line that says what was computed wrongly, or that the device has no such unit.
  static let wrong = "wrong: "
  /// What begins it where the answer may be another one next time.
  static let notNow = "not now: "

  @Argument(help: "PLATFORM:INDEX")
  var device: String

  @Option(help: "Whether this matrix unit is there; else whether the device computes rightly.")
  var unit: String?

  func run() throws {
    try tell(answer(.named(device)) ?? Self.good)
  }

  private func answer(_ device: DeviceDescription) -> String? {
    do {
      guard let unit else {
        return try SelfTest(on: OpenCLDevice(device)).briefly().map { Self.wrong + $0 }
      }
      guard let kind = MatrixUnit.Kind.allCases.first(where: { "\($0)" == unit }) else {
        return Self.wrong + "there is no matrix unit \(unit)"
      }
      return try MatrixUnit(kind).multipliesRightly(on: device) ? nil : Self.wrong + "products"
    } catch {
      let text = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
      // A unit whose kernel does not build is not there; a kernel of everybody's may build with another library.
      let isAnswer = unit != nil && (error as? OpenCLError)?.code == -11
      return (isAnswer ? Self.wrong : Self.notNow) + text.prefix(400)
    }
  }
}
