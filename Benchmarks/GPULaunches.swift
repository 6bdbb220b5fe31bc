// What GPUs would run, with numbers, for an interpreter of what their compilers made.
import Foundation
import OpenCL
import OpenCLBackend
import SelfTest
import Tensors

extension GPUClass {
  /// Writes the launches of the self-test and of some products and attentions at odd sizes, as such a GPU would do
  /// them, into a folder; returns how many. Those that are alike but for what memory holds are written once, copies
  /// not at all. A processor computes what they must leave.
  ///
  /// `NUMBER.cl` and `NUMBER.options` are a program; `NUMBER-LAUNCH.json` is a launch of one of its kernels, and
  /// `NUMBER-LAUNCH.before` and `.after` are the memories that it names, one after another.
  func writeLaunches(to folder: URL, computedOn processor: DeviceDescription) throws -> Int {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var programs: [KernelProgram: Int] = [:]
    var launchCount = 0
    func keep(_ launch: RecordedLaunch) throws {
      let number = programs[launch.program] ?? programs.count
      if programs.updateValue(number, forKey: launch.program) == nil {
        try write(launch.program, to: folder.appending(path: "\(number)"))
      }
      try LaunchFile(launch).write(
        launch, to: folder.appending(path: "\(number)-\(launchCount)"))
      launchCount += 1
    }
    let device = try OpenCLDevice(processor, traits: traits, compilerOptions: ["-cl-opt-disable"])
    let recorder = LaunchRecorder(traits, options, on: device, record: keep)
    // Large blocks where a GPU has one unit, small ones and divided sums where it has many.
    for computeUnits in [1, computeUnits] {
      recorder.traits.computeUnits = computeUnits
      var failures: [String] = []
      SelfTest(on: recorder).run { result in
        if let failure = result.failure { failures.append("\(result.claim): \(failure)") }
      }
      guard failures.isEmpty else { throw LaunchError(failures: failures) }
      for storage in unit?.types ?? [] {
        for (inputs, outputs) in Self.oddCases(storage) {
          let executor = try GraphExecutor(
            Graph(outputs: outputs), on: VariableStore(on: recorder, seed: 1),
            options: .init(storage: storage))
          for (salt, input) in inputs.enumerated() {
            try executor.set(input, to: someData(input.type, 1, salt: salt))
          }
          try executor.run()
        }
      }
    }
    return launchCount
  }

  /// Products of every layout and attention with gradients, across the edges of blocks.
  private static func oddCases(_ storage: ElementType) -> [(inputs: [Tensor], outputs: [Tensor])] {
    func input(_ name: String, _ extents: [Int]) -> Tensor {
      .input(name, TensorType(Shape(extents), storage))
    }
    let products = [(72, 56, 104), (137, 130, 50), (9, 11, 600), (136, 264, 104)].flatMap {
      m, n, k in
      [(false, false), (false, true), (true, false), (true, true)].map { ta, tb in
        let (a, b) = (input("a", ta ? [k, m] : [m, k]), input("b", tb ? [n, k] : [k, n]))
        return (inputs: [a, b], outputs: [a.matmul(b, transposeSelf: ta, transposeOther: tb)])
      }
    }
    let masks: [(Int, AttentionMask)] = [
      (16, .causal), (40, .full), (64, .causal), (80, .causal(window: 9)), (128, .causal),
      (256, .causal),
    ]
    let attentions = masks.map { size, mask in
      let (q, slope) = (input("q", [1, 70, 4, size]), input("slope", [1, 70, 4, size]))
      let (k, v) = (input("k", [1, 81, 2, size]), input("v", [1, 81, 2, size]))
      let out = q.attention(keys: k, values: v, mask: mask)
      return (
        inputs: [q, k, v, slope],
        outputs: [out] + slopes(of: out, given: slope, withRespectTo: [q, k, v])
      )
    }
    return products + attentions
  }
}

/// What a device found otherwise than the reference while its launches were recorded.
private struct LaunchError: Error, CustomStringConvertible {
  let failures: [String]
  var description: String { "The launches compute wrongly: " + failures.joined(separator: "; ") }
}

/// What an interpreter must know of a launch.
private struct LaunchFile: Encodable {
  struct Argument: Encodable {
    var memory: Int?
    var type: String?
    var int: Int?
    var float: Float?
  }

  let function: String
  let global: [Int]
  let local: [Int]
  let arguments: [Argument]
  let byteCounts: [Int]

  init(_ launch: RecordedLaunch) {
    function = launch.function
    global = launch.global
    local = launch.local
    arguments = launch.arguments.map {
      switch $0 {
      case .memory(let index, let type): Argument(memory: index, type: type.name)
      case .int(let number): Argument(int: number)
      case .float(let number): Argument(float: number)
      }
    }
    byteCounts = launch.before.map(\.count)
  }

  func write(_ launch: RecordedLaunch, to url: URL) throws {
    try JSONEncoder().encode(self).write(to: url.appendingPathExtension("json"))
    try Data(launch.before.joined()).write(to: url.appendingPathExtension("before"))
    try Data(launch.after.joined()).write(to: url.appendingPathExtension("after"))
  }
}
