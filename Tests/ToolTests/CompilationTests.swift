// Kernels compiled ahead by a second process: all of them, what they compute, and processes that fail.
import Checks
import Foundation
import OpenCL
import OpenCLBackend
import Tensors
import Testing

@Suite struct CompilationTests {
  private static let pocl = Target.devices.filter(\.isPoCL)

  /// Sixteen formulas that no driver has met before, and a table's gradient, whose kernel follows links and is not
  /// tried.
  private static func newGraph() -> (Graph, table: Tensor, ids: Tensor, factors: [Float]) {
    let first = Float.random(in: 1..<2)
    let factors = (0..<16).map { first + Float($0) }
    let table = Tensor.variable([5, 8], .ones)
    let ids = Tensor.input("ids", TensorType([3], .int32))
    let rows = table.gathered(ids)
    let outputs = factors.map { rows * $0 }
    let gradient = gradients(of: (rows * rows).sum(), withRespectTo: [table])
    return (Graph(outputs: outputs + gradient), table, ids, factors)
  }

  private func finished(_ ahead: CompilationAhead) throws -> Int {
    for _ in 0..<600 {
      if let count = ahead.finishedCount { return count }
      Thread.sleep(forTimeInterval: 0.1)
    }
    Issue.record("compiling ahead did not end within a minute")
    return 0
  }

  /// What a device leaves after a table of ones was scaled.
  private func check(_ device: OpenCLDevice, ahead: CompilationAhead, compiles isWanted: Bool)
    throws
  {
    device.compile(ahead: ahead)
    let (graph, table, ids, factors) = Self.newGraph()
    let store = VariableStore(on: device, seed: 1)
    try store.declare("table", table)
    let executor = try GraphExecutor(graph, on: store)
    let count = try finished(ahead)
    if isWanted { #expect(count >= factors.count) } else { #expect(count == 0) }
    try executor.set(ids, to: TensorData([3], [Int32]([4, 0, 4])))
    try executor.run()
    for (output, factor) in zip(graph.outputs, factors) {
      #expect(try executor.value(of: output).floats == [Float](repeating: factor, count: 24))
    }
    let gradient = try executor.value(of: graph.outputs[16]).floats
    #expect(gradient == [2, 0, 0, 0, 4].flatMap { [Float](repeating: $0, count: 8) })
  }

  @Test(arguments: pocl) func compilesAheadWhatIsNew(_ description: DeviceDescription) throws {
    let ahead = CompilationAhead(
      executable: products.appending(path: "retort"),
      arguments: ["compile", description.identifier])
    try check(try OpenCLDevice(description), ahead: ahead, compiles: true)
  }

  /// A program that is not there, and one that answers nothing it is asked.
  @Test(arguments: pocl, ["/nowhere/retort", "/bin/true"])
  func aProcessThatFailsCostsNothing(_ description: DeviceDescription, _ program: String) throws {
    let ahead = CompilationAhead(executable: URL(fileURLWithPath: program), arguments: [])
    try check(try OpenCLDevice(description), ahead: ahead, compiles: false)
  }
}
