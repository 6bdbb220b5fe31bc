// Times kernels on a device: `swift run -c release benchmarks --help`.
import ArgumentParser
import OpenCL
import OpenCLBackend
import Tensors

@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmarks", abstract: "Time Retort's kernels on an OpenCL device.")

  @Argument(help: "What to time: matmul, attention, rows, step, or all.")
  var group = "all"

  @Option(help: "The device, as PLATFORM:INDEX.")
  var device = "0:0"

  @Option(help: "Timed runs after one warm-up.")
  var runs = 5

  func validate() throws {
    guard ["all", "matmul", "attention", "rows", "step"].contains(group) else {
      throw ValidationError("There is no group \(group): see --help.")
    }
  }

  func run() throws {
    guard let description = try availableDevices().first(where: { $0.identifier == device }) else {
      throw ValidationError("There is no OpenCL device \(device).")
    }
    print("\(description)")
    for item in BenchmarkCase.all where group == "all" || item.group == group {
      let device = try OpenCLDevice(description)
      print(try item.measure(on: device, runs: runs))
    }
    for item in StepBenchmark.all where group == "all" || group == "step" {
      print(try item.measure(on: OpenCLDevice(description), runs: runs))
    }
  }
}
