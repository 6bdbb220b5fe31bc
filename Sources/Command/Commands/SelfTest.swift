// `retort selftest`
import ArgumentParser
import Base
import Foundation
import OpenCL
import OpenCLBackend
import SelfTest
import Tensors

struct SelfTestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "selftest",
    abstract: "Check that a device computes what training needs.",
    discussion: """
      Every op and gradient against plain Swift, at sizes that fit no tile; losses whose values are \
      known; training steps against the reference, twice, in parts and in 16 bits. A new GPU or driver \
      that passes can be trusted with a run.
      """)

  @OptionGroup var device: DeviceOptions

  @Option(help: "Check a family of kernels on a device of the other kind: cpu or gpu.")
  var kernels: String?

  func run() throws {
    let opened = try open()
    try tell("\(opened.name), \(opened.traits.family) kernels\(Self.unit(opened.traits))")
    let clock = ContinuousClock.now
    var (passed, failed) = (0, 0)
    try SelfTest(on: opened).run { result in
      if let failure = result.failure {
        failed += 1
        try tell("FAILED  \(result.claim): \(failure)")
      } else {
        passed += 1
        try tell("ok      \(result.claim)")
      }
    }
    let seconds = (ContinuousClock.now - clock).seconds
    try tell("\(passed) passed, \(failed) failed in \(duration(seconds))")
    if failed > 0 { throw ExitCode.failure }
  }

  private func open() throws -> any Device {
    guard let kernels else { return try device.open(isOnTrial: true) }
    guard let family = DeviceTraits.Family(rawValue: kernels) else {
      throw ValidationError("--kernels takes cpu or gpu.")
    }
    return try device.open(as: family, isOnTrial: true)
  }

  private static func unit(_ traits: DeviceTraits) -> String {
    traits.matrixUnit.map { ", \($0.kind) matrix units" } ?? ""
  }
}
