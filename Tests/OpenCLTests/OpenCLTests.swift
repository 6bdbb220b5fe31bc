// OpenCL in Swift: devices, errors, the binary cache.
import Checks
import Foundation
import OpenCL
import Testing

@testable import OpenCLBackend
@testable import Tensors

@Suite struct OpenCLTests {
  @Test func requiredDriversAreHere() {
    #expect(Target.missing == [], "drivers that RETORT_REQUIRED_DRIVERS names and that are missing")
  }

  @Test(arguments: Target.devices) func descriptionsAreWhole(device: DeviceDescription) {
    #expect(!device.name.isEmpty && !device.platformName.isEmpty && !device.driverVersion.isEmpty)
    #expect(device.identifier.split(separator: ":").count == 2)
    #expect(device.computeUnits > 0 && device.memoryBytes > 0)
    // The specification counts the alignment in bits; read as bytes it would be 8 times as large.
    #expect((1...4096).contains(device.alignmentBytes))
  }

  @Test(arguments: Target.devices) func buffersHoldWhatIsWritten(device: DeviceDescription) throws {
    let opened = try OpenCLDevice(device)
    let whole = try opened.allocate(byteCount: 1 << 16)
    let offset = 2 * opened.traits.alignmentBytes
    let part = try whole.region(offset: offset, byteCount: 40)
    let data = TensorData([10], (0..<10).map { Float($0) })
    try part.write(data)
    #expect(try part.read(as: data.type) == data)
    let all = try whole.read(as: TensorType([1 << 14]))
    #expect(Array(all.floats[offset / 4..<offset / 4 + 10]) == data.floats)
  }

  @Test(arguments: Target.devices) func aBrokenKernelShowsLogAndOptions(device: DeviceDescription)
    throws
  {
    let context = try Context(device)
    do {
      _ = try Program(
        context, source: "__kernel void f() { undeclared = 1; }", options: "-DX=1", name: "test.cl")
      Issue.record("a broken kernel was built")
    } catch let error as OpenCLError {
      #expect(error.description.contains("building test.cl"))
      #expect(error.description.contains("-DX=1"))
      #expect(error.description.contains("undeclared"))
    }
  }

  @Test func kernelsThatCannotBeReadAreNamed() {
    let sources = KernelSources(folder: "/no/such/folder")
    let error = #expect(throws: OpenCLError.self) {
      try sources.expanded("#include \"softmax.cl\"")
    }
    #expect(error?.description.contains("/no/such/folder/softmax.cl") == true)
  }

  @Test(arguments: Target.devices) func aTooLargeBufferSaysHowLarge(device: DeviceDescription)
    throws
  {
    let context = try Context(device)
    let error = #expect(throws: OpenCLError.self) {
      _ = try Buffer(context, byteCount: 1 << 50)
    }
    #expect(error?.description.contains("\(1 << 50) bytes") == true)
  }

  @Test(arguments: Target.devices) func theCacheSurvivesDamage(device: DeviceDescription) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "retort-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cache = KernelCache(folder: folder, minimumBuildTime: .zero)
    let x = Tensor.input("x", TensorType([3, 5]))
    let data = TensorData(x.shape, (0..<15).map { Float($0) })
    func run() throws -> TensorData {
      try evaluate([x.softmax()], [(x, data)], on: OpenCLDevice(device, cache: cache))[0]
    }
    let first = try run()
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    #expect(files.count == 1)
    #expect(try run() == first)
    // Cut short, then one byte changed, then something else altogether.
    let whole = try Data(contentsOf: files[0])
    var changed = whole
    changed[changed.count - 9] ^= 0xFF
    for damaged in [whole.prefix(whole.count / 2), changed, Data("not a binary".utf8)] {
      try damaged.write(to: files[0])
      #expect(try run() == first)
      // Binaries of one program may differ from build to build.
      let again = try Data(contentsOf: files[0])
      #expect(again != damaged && again.count > 200)
    }
  }

  @Test(arguments: Target.all) func profilesNameEveryLaunch(target: Target) throws {
    let device = try target.open(profiling: true)
    let x = Tensor.input("x", TensorType([64, 64]))
    let executor = try GraphExecutor(
      Graph(outputs: [x.matmul(x).softmax()]), on: VariableStore(on: device, seed: 1))
    try executor.set(x, to: TensorData(zeros: x.type))
    let profile = try executor.profiledRun()
    #expect(profile.launches.count == executor.launchCount)
    #expect(profile.launches.allSatisfy { $0.end >= $0.start })
    #expect(profile.table().contains("MatMul NN"))
    // By kernel, every launch is counted once.
    let kinds = profile.kinds()
    #expect(kinds.reduce(0) { $0 + $1.launchCount } == executor.launchCount)
    #expect(abs(kinds.reduce(0) { $0 + $1.seconds } - profile.seconds) < 1e-9)
    // A trace has every launch of each run, and the run's name.
    let text = Profile.chromeTrace([("teacher", profile), ("student", profile)])
    let trace = try JSONSerialization.jsonObject(with: Data(text.utf8))
    let events = try #require((trace as? [String: Any])?["traceEvents"] as? [[String: Any]])
    #expect(events.count { $0["ph"] as? String == "X" } == 2 * executor.launchCount)
    #expect(events.count { $0["ph"] as? String == "M" } == 2)
    #expect(text.contains("\"teacher\"") && text.contains("\"student\""))
  }
}
