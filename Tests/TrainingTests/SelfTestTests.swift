// The self-test: it passes on a device that is right and names what is wrong on one that is not.
import SelfTest
import Tensors
import Testing

@Suite struct SelfTestTests {
  private static func failures(on device: any Device) -> [CheckResult] {
    var failures: [CheckResult] = []
    SelfTest(on: device).run { if $0.failure != nil { failures.append($0) } }
    return failures
  }

  @Test func theReferencePasses() {
    #expect(Self.failures(on: ReferenceDevice()).map(\.claim) == [])
  }

  @Test(arguments: [
    ("Rotary", "rotary positions"), ("Softmax", "softmax"), ("LinearLoss", "three steps"),
  ]) func aWrongOpIsNamed(op: String, claim: String) {
    let claims = Self.failures(on: WrongDevice(wrongOp: op)).map(\.claim)
    #expect(claims.contains { $0.hasPrefix(claim) }, "\(claims)")
    #expect(claims.count < 12 && !claims.contains { $0.hasPrefix("GELU") }, "\(claims)")
  }
}

/// The reference, but for one op whose results come out a little larger.
private final class WrongDevice: Device {
  private let right = ReferenceDevice()
  private let wrongOp: String

  init(wrongOp: String) { self.wrongOp = wrongOp }

  var name: String { "a device with a wrong \(wrongOp)" }
  var traits: DeviceTraits { right.traits }
  func allocate(byteCount: Int) throws -> any DeviceBuffer { right.allocate(byteCount: byteCount) }
  func scratch(for application: Application) -> [Int] { [] }
  func finish() {}

  func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) throws -> [any PreparedLaunch] {
    let launches = right.prepare(
      application, operands: operands, results: results, scratch: scratch)
    guard "\(type(of: application.op))" == wrongOp else { return launches }
    return launches.map { WrongLaunch($0, results[0], application.resultTypes[0]) }
  }

  func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer) throws
    -> any PreparedLaunch
  { right.prepareCopy(from: source, to: target) }
}

private final class WrongLaunch: PreparedLaunch {
  private let launch: any PreparedLaunch
  private let result: any DeviceBuffer
  private let type: TensorType

  init(_ launch: any PreparedLaunch, _ result: any DeviceBuffer, _ type: TensorType) {
    (self.launch, self.result, self.type) = (launch, result, type)
  }

  var name: String { launch.name }

  func run() throws {
    try launch.run()
    let values = try result.read(as: type)
    try result.write(
      TensorData(type.shape, values.floats.map { $0 * 1.01 }).stored(as: type.elementType))
  }

  func timedRun() throws -> () throws -> (start: UInt64, end: UInt64) { try launch.timedRun() }
}
