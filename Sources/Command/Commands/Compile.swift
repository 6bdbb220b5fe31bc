// `retort compile`, which other commands start.
import ArgumentParser
import OpenCL
import OpenCLBackend

struct Compile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have a device's driver compile kernels that standard input describes.",
    shouldDisplay: false)

  @Argument(help: "PLATFORM:INDEX")
  var device: String

  func run() throws { try CompilationAhead.serve(on: .named(device)) }
}
