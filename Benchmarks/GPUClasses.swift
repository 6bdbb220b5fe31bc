// GPUs whose compilers can be asked without one.
import Foundation
import OpenCLBackend
import SelfTest
import Tensors
import Training

/// A class of GPUs: what its driver would say of it, and what its compiler would be told.
struct GPUClass {
  let name: String
  let unit: MatrixUnit.Kind?
  let localMemory: Int
  let groupSize: Int
  let computeUnits: Int
  let options: CompilerOptions
  /// Whether kernels may use subgroups.
  var hasSubgroups = true

  private static let amd = CompilerOptions(all: ["-cl-std=CL2.0"])
  private static func intel(_ lanes: Int) -> CompilerOptions {
    CompilerOptions(manyRegisters: CompilerOptions.forIntel(lanes: lanes))
  }

  static let all = [
    GPUClass(
      name: "nvidia", unit: .nvidia, localMemory: 48 << 10, groupSize: 1024, computeUnits: 108,
      options: CompilerOptions(), hasSubgroups: false),
    GPUClass(
      name: "turing", unit: .turing, localMemory: 48 << 10, groupSize: 1024, computeUnits: 34,
      options: CompilerOptions(), hasSubgroups: false),
    GPUClass(
      name: "rdna2", unit: nil, localMemory: 64 << 10, groupSize: 256, computeUnits: 40,
      options: amd),
    GPUClass(
      name: "rdna3", unit: .rdna3, localMemory: 64 << 10, groupSize: 256, computeUnits: 48,
      options: amd),
    GPUClass(
      name: "rdna4", unit: .rdna4, localMemory: 64 << 10, groupSize: 256, computeUnits: 32,
      options: amd),
    GPUClass(
      name: "cdna", unit: .cdna, localMemory: 64 << 10, groupSize: 256, computeUnits: 104,
      options: amd),
    GPUClass(
      name: "intel8", unit: .intel8, localMemory: 64 << 10, groupSize: 1024, computeUnits: 512,
      options: intel(8)),
    GPUClass(
      name: "intel16", unit: .intel16, localMemory: 128 << 10, groupSize: 1024, computeUnits: 160,
      options: intel(16)),
  ]

  var traits: DeviceTraits {
    var traits = DeviceTraits(
      family: .gpu, vectorWidth: 4, lanes: min(128, groupSize), computeUnits: computeUnits,
      maximumWorkGroupSize: groupSize, localMemoryBytes: localMemory, memoryBytes: 1 << 40,
      maximumAllocationBytes: 1 << 40, alignmentBytes: 256)
    traits.hasSubgroups = hasSubgroups
    traits.matrixUnit = unit.map { MatrixUnit($0) }
    return traits
  }

  /// Writes every program that the self-test and the steps of the benchmarks build on such a GPU into a folder, as
  /// `NUMBER.cl` with its options in `NUMBER.options`; returns how many.
  func writePrograms(to folder: URL) throws -> Int {
    let device = RecordingDevice(name, traits: traits, options)
    // Nothing is computed, so that no check holds; what they build is the same.
    SelfTest(on: device).run { _ in }
    for precision in [Precision.fp32, .bf16, .fp16] {
      for item in StepCases(precision: precision).all { _ = try item.prepare(device) }
    }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let programs = device.programs.sorted {
      ($0.name, $0.options, $0.source) < ($1.name, $1.options, $1.source)
    }
    for (index, program) in programs.enumerated() {
      try write(program, to: folder.appending(path: String(index)))
    }
    return programs.count
  }

  /// Writes a program as `NAME.cl` and `NAME.options`.
  func write(_ program: KernelProgram, to url: URL) throws {
    try Data(program.source.utf8).write(to: url.appendingPathExtension("cl"))
    try Data(program.options.utf8).write(to: url.appendingPathExtension("options"))
  }
}
