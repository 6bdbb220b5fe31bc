// What a teacher said of held-out rows stands for it, whoever is compared with it.
import Base
import Checks
import Distillation
import Models
import Tensors
import Testing
import Training

@testable import Text

@Suite struct TeacherStatesTests {
  private let store = VariableStore(on: ReferenceDevice(), seed: 5)
  private let teacher: Llama
  private let student: Llama

  init() throws {
    func model(_ width: Int) -> Llama {
      Llama(
        LlamaConfiguration(
          vocabularySize: 23, width: width, intermediateWidth: 24, layerCount: 2, headCount: 2,
          keyValueHeadCount: 1, contextLength: 8))
    }
    (teacher, student) = (model(16), model(8))
    try teacher.declare(in: store, prefix: "teacher")
    try student.declare(in: store, prefix: "student")
  }

  /// Texts of 2 to 8 tokens, the first of which is no target.
  private func texts(packs: Bool) -> TokenExamples {
    var random = RandomData(seed: 8)
    return TokenExamples(
      (0..<11).map { index in
        let count = 2 + index % 7
        return TokenExamples.Example(
          tokens: (0..<count).map { _ in Int32(random.integer(below: 21)) },
          isTarget: (0..<count).map { $0 > 0 })
      }, length: 8, packs: packs)
  }

  /// Rows that fill the last batch, rows with short texts, rows of several texts, padding of the table.
  @Test(arguments: [true, false]) func theyStandForTheTeacher(packs: Bool) throws {
    let data = texts(packs: packs)
    let own = try evaluate(
      teacher, teacher: nil, on: data, batchSize: 4, classCount: 21, keepsStates: true,
      store: store)
    #expect(data.count % 4 != 0 && own.klToTeacher == nil)
    let states = try #require(own.states)
    // Rows are found by their numbers, whatever the batches.
    for batchSize in [4, 3] {
      let asked = try evaluate(
        student, teacher: .model(teacher), on: data, batchSize: batchSize, classCount: 21,
        store: store)
      let known = try evaluate(
        student, teacher: .states(states), on: data, batchSize: batchSize, classCount: 21,
        store: store)
      let (a, b) = (try #require(asked.klToTeacher), try #require(known.klToTeacher))
      #expect(abs(a - b) < 1e-6 * a && a > 0.01, "\(a) and \(b)")
      #expect(asked.agreement == known.agreement && asked.windowLosses == known.windowLosses)
    }
    // Beside itself a teacher is no distance away.
    let itself = try evaluate(
      teacher, teacher: .states(states), on: data, batchSize: 4, classCount: 21, store: store)
    #expect(abs(try #require(itself.klToTeacher)) < 1e-6 && itself.agreement == 1)
  }

  /// The layers of the teacher are not in the graph of who is compared with its states.
  @Test func itsLayersAreNotAskedAgain() throws {
    let data = texts(packs: false)
    let states = try #require(
      try evaluate(
        teacher, teacher: nil, on: data, batchSize: 4, keepsStates: true, store: store
      ).states)
    // Other weights of the layers, and the same head, change nothing.
    let before = try evaluate(
      student, teacher: .states(states), on: data, batchSize: 4, store: store)
    let parameters = teacher.parameters(prefix: "teacher")
    let head = ObjectIdentifier(teacher.head.weight)
    for parameter in parameters where ObjectIdentifier(parameter.tensor) != head {
      let zeros = [Float](repeating: 0, count: parameter.tensor.shape.elementCount)
      let entry = store.entry(named: parameter.name)
      try entry?.buffer.write(TensorData(parameter.tensor.shape, zeros))
    }
    let after = try evaluate(
      student, teacher: .states(states), on: data, batchSize: 4, store: store)
    #expect(before.klToTeacher == after.klToTeacher && before.agreement == after.agreement)
  }

  /// States that would fill a machine's memory are not kept.
  @Test func thereIsALimit() {
    struct Endless: TokenData {
      let length = 1 << 10
      let count = 1 << 20
      let targetCount = 1 << 30
      let fingerprint = ""
      func batch(of rows: [Int?]) throws -> Batch { fatal("nobody reads it") }
    }
    #expect(Teacher.States(teacher.head, hidden: [4, 1 << 10, 64], over: Endless()) == nil)
    #expect(Teacher.States(teacher.head, hidden: [4, 8, 64], over: texts(packs: false)) != nil)
  }
}
