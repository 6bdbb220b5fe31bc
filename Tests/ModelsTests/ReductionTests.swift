// Students cut from teachers.
import Base
import Checks
import Foundation
import Layers
import Models
import Storage
import Tensors
import Testing

@Suite struct ReductionTests {
  private func store(_ reduction: Reduction) throws -> VariableStore {
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try reduction.load(into: store, prefix: "student")
    return store
  }

  @Test(arguments: GoldenModel.all) func keepingAllIsTheTeacher(golden: GoldenModel) throws {
    let reduction = try Reduction(of: golden.directory, layers: [], width: 0)
    let store = try store(reduction)
    let file = try WeightFiles(folder: golden.directory.url)
    for (name, tensor) in reduction.model.parameters() {
      let stored = try [reduction.model.storedName(name), name].compactMap { try file[$0] }.first
      #expect(try store.value(of: tensor) == stored?.stored(as: .float32), "\(name)")
    }
    #expect(reduction.description.contains("none initialised"))
  }

  @Test(arguments: GoldenModel.all) func layersAreThoseThatWereAskedFor(golden: GoldenModel) throws
  {
    let model = try golden.directory.model()
    let whole = try #require(model as? any ReducibleModel)
    let last = whole.layerCount - 1
    let reduction = try Reduction(of: golden.directory, layers: [last], width: 0)
    #expect(reduction.model.layerCount == 1)
    let store = try store(reduction)
    let teacher = VariableStore(on: ReferenceDevice(), seed: 1)
    try golden.directory.load(model, into: teacher, prefix: "teacher")
    for (name, tensor) in reduction.model.parameters() {
      let from = name.replacing(whole.layerPrefix + "0", with: whole.layerPrefix + "\(last)")
      let entry = try #require(teacher.entry(named: "teacher." + from))
      #expect(try store.value(of: tensor) == teacher.value(of: entry.tensor), "\(name)")
    }
  }

  /// Three heads cannot be halved.
  private static let withHeadsThatCannotBeHalved: Set = ["gpt2-untied"]

  /// The largest difference of hidden states between a teacher whose channels, heads and neurons beyond
  /// the first ones do nothing, and the student that is cut to those that do.
  @Test(arguments: GoldenModel.all) func widthKeepsWhatIsHeavy(golden: GoldenModel) throws {
    let model = try golden.directory.model()
    let whole = try #require(model as? any ReducibleModel)
    let half = whole.width / 2
    if Self.withHeadsThatCannotBeHalved.contains(golden.name) {
      let error = #expect(throws: UserError.self) {
        try Reduction(of: golden.directory, layers: [], width: half)
      }
      #expect(error?.description.contains("possible are") == true)
      return
    }
    let reduction = try Reduction(of: golden.directory, layers: [], width: half)
    #expect(reduction.model.width == half)
    let store = try store(reduction)
    let teacher = VariableStore(on: ReferenceDevice(), seed: 1)
    try golden.directory.load(model, into: teacher, prefix: "teacher")
    var kept = 0.0
    var all = 0.0
    for (name, tensor) in reduction.model.parameters() {
      let entry = try #require(teacher.entry(named: "teacher." + name))
      let (small, large) = (
        try store.value(of: tensor).floats, try teacher.value(of: entry.tensor).floats
      )
      // Every number comes from the teacher's tensor, and in its order.
      var rest = large[...]
      for number in small {
        guard let place = rest.firstIndex(of: number) else {
          Issue.record("\(name): \(number) is not the teacher's")
          break
        }
        rest = rest[(place + 1)...]
      }
      guard tensor.shape != entry.tensor.shape else { continue }
      func mean(_ x: [Float]) -> Double {
        x.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(x.count)
      }
      kept += mean(small)
      all += mean(large)
    }
    #expect(kept > all, "what is kept is heavier than the mean")
  }

  @Test func whatDoesNotComeOutEvenIsTold() throws {
    let directory = ModelDirectory(goldenFolder("models/gpt2-tied"))
    for (layers, width, message) in [
      ([2], 0, "numbers from 0 to 1"), ([-1], 0, "numbers from 0 to 1"), ([], 17, "at most"),
      ([], 12, "possible are 8, 16"),
    ] {
      let error = #expect(throws: UserError.self) {
        try Reduction(of: directory, layers: layers, width: width)
      }
      #expect(error?.description.contains(message) == true, "\(error as Any)")
    }
  }

  @Test func theStudentRunsAndIsReadAgain() throws {
    for golden in GoldenModel.all {
      let reduction = try Reduction(of: golden.directory, layers: [0], width: 0)
      let folder = try TemporaryFolder()
      let target = ModelDirectory(folder.url)
      var export = ModelDirectory.Export()
      export.source = golden.directory
      try target.save(reduction.model, from: try store(reduction), prefix: "student", export)
      let again = try target.model()
      try target.check(again)
      #expect(again.parameters().map(\.name) == reduction.model.parameters().map(\.name))
    }
  }
}
