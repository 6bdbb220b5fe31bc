// GPUs with little, strange or broken drivers, posed by PoCL: what a person is told, and that work goes on.
import Checks
import Experiments
import Foundation
import OpenCL
import OpenCLBackend
import Testing

/// PoCL alone, where it is here: the library that poses stands before its functions.
private let pocl = Target.devices.filter(\.isPoCL)

@Suite struct PoseTests {
  /// The library that poses, built by the compiler that comes with Swift.
  private static let library = Result<String, any Error> {
    let library = products.appending(path: "retort-pose.so").path
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = [
      "clang", "-O1", "-shared", "-fPIC", "-w", "-o", library,
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Pose/pose.c").path, "-ldl",
    ]
    try compiler.run()
    compiler.waitUntilExit()
    #expect(compiler.terminationStatus == 0)
    return library
  }

  /// Runs the tool with a posing driver. Its findings are in the workshop.
  private func run(
    _ shop: Workshop, _ arguments: [String], as pose: [String: String]
  ) throws -> Finished {
    // Kernels of GPUs are compiled as they are, which takes PoCL a fifth of the time.
    let environment = [
      "LD_PRELOAD": try Self.library.get(), "RETORT_CACHE": shop.path("cache"),
      "POSE_OPTIONS": "-cl-opt-disable",
    ]
    return try shop.run(
      arguments, environment.merging(pose.map { ("POSE_" + $0.key, $0.value) }) { $1 })
  }

  /// A few products and an attention with heads of 16: a golden model on three tokens.
  private func logits(_ shop: Workshop, _ more: [String] = [], as pose: [String: String]) throws
    -> Finished
  {
    try run(
      shop,
      [
        "logits", "--overwrite", "--model", goldenFolder("models/llama-untied").path, "--tokens",
        "1,2,3", "--output", shop.path("logits.safetensors"),
      ] + more, as: pose)
  }

  private func findings(_ shop: Workshop) throws -> DeviceFindings {
    let names = try FileManager.default.contentsOfDirectory(atPath: shop.path("cache"))
    let name = try #require(names.first { $0.hasPrefix("findings-") })
    let data = try Data(contentsOf: URL(fileURLWithPath: shop.path("cache/" + name)))
    return try JSONDecoder().decode(DeviceFindings.self, from: data)
  }

  @Test(arguments: pocl) func aCompilerThatDiesIsAnAnswer(device: DeviceDescription) throws {
    let shop = try Workshop()
    let gpu = ["TYPE": "gpu", "EXTENSIONS": "cl_amd_device_attribute_query", "EMULATE": "1"]
    let first = try logits(shop, as: gpu.merging(["DIE": "-DUNIT=5"]) { $1 })
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.errors.contains("A short check of"))
    #expect(try findings(shop) == DeviceFindings(matrixUnit: .rdna3))
    // The second time nothing is asked.
    let second = try logits(shop, as: gpu.merging(["DIE": "-DUNIT="]) { $1 })
    #expect(second.status == 0 && !second.errors.contains("A short check"), "\(second.errors)")
  }

  /// NVIDIA's driver ends the process over regions of buffers.
  @Test(arguments: pocl) func nvidiasDriverIsAskedForWholeBuffersAlone(device: DeviceDescription)
    throws
  {
    let shop = try Workshop()
    let command = ["examine", device.identifier]
    let pose = ["WHOLE": "1", "PLATFORM": "NVIDIA CUDA"]
    let whole = try run(shop, command, as: pose)
    #expect(whole.status == 0 && whole.output.contains("good"), "\(whole.output) \(whole.errors)")
    // Others are asked for regions.
    let other = try run(shop, command, as: ["WHOLE": "1"])
    #expect(other.output.contains("of a buffer of"), "\(other.output)")
  }

  @Test(arguments: pocl) func aDeviceThatComputesWronglyIsRefusedByName(device: DeviceDescription)
    throws
  {
    let shop = try Workshop()
    let wrong = try logits(shop, ["--device", "0:0"], as: ["WRONG": "1"])
    #expect(wrong.status == 1)
    #expect(wrong.errors.contains(device.name) && wrong.errors.contains("did not pass the check"))
    // Where none was named, the run goes on elsewhere.
    let auto = try logits(shop, as: ["WRONG": "1"])
    #expect(auto.status == 0, "\(auto.errors)")
    #expect(auto.errors.contains("No device can be used"))
  }

  @Test(arguments: pocl) func aLostDeviceIsNamedAndTheRunGoesOn(device: DeviceDescription) throws {
    let shop = try Workshop()
    let train = ["train", "--run", shop.path("run")]
    let gpu = ["TYPE": "gpu"]
    let lost = try run(
      shop, train + shop.tiny(["model"], steps: 12), as: gpu.merging(["LOSE": "adamw"]) { $1 })
    #expect(lost.status == 1)
    #expect(lost.errors.contains("watchdog") && lost.errors.contains("--resume"), "\(lost.errors)")
    let resumed = try run(shop, train + ["--resume"], as: gpu)
    #expect(resumed.status == 0, "\(resumed.errors)")
  }

  @Test(arguments: pocl) func littleLocalMemoryAndSmallGroupsAreEnough(device: DeviceDescription)
    throws
  {
    let shop = try Workshop()
    for pose in [["LOCAL": "4096", "GROUP": "64"], ["KERNEL_GROUP": "32"]] {
      let done = try logits(shop, as: pose.merging(["TYPE": "gpu"]) { $1 })
      #expect(done.status == 0 && !done.errors.contains("reference"), "\(pose): \(done.errors)")
      // The first check has products of all layouts, a loss and gradients.
      #expect(try findings(shop).fault == nil)
      try FileManager.default.removeItem(atPath: shop.path("cache"))
    }
  }

  @Test(arguments: pocl) func memoryThatIsNotThereIsToldBeforeTheFirstStep(
    device: DeviceDescription
  ) throws {
    let shop = try Workshop()
    let full = try logits(shop, ["--device", "0:0"], as: ["TYPE": "gpu", "FULL": "1"])
    #expect(full.status == 1)
    #expect(full.errors.contains("activations and scratch"), "\(full.errors)")
    // What lacked memory is no fault of the device.
    #expect(throws: (any Error).self) { try findings(shop) }
    let small = try logits(shop, ["--device", "0:0"], as: ["TYPE": "gpu", "ALLOCATION": "1024"])
    #expect(small.status == 1)
    #expect(small.errors.contains("in one piece"), "\(small.errors)")
  }

  @Test(arguments: pocl) func aBrokenDeviceIsListedWithItsFault(device: DeviceDescription) throws {
    let shop = try Workshop()
    let listed = try run(shop, ["devices"], as: ["BROKEN": "1"])
    #expect(listed.status == 0)
    #expect(listed.errors.contains("Device 0:0") && listed.errors.contains("cannot be used"))
  }
}
