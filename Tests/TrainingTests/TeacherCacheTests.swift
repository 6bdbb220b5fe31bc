// Caches of teachers: the same losses as with the teacher, the right rows or none.
import Base
import Checks
import Foundation
import Models
import Storage
import Tensors
import Testing
import Training

@testable import Distillation
@testable import Text

@Suite struct TeacherCacheTests {
  private let teacher = Llama(
    LlamaConfiguration(
      vocabularySize: 26, width: 24, intermediateWidth: 24, layerCount: 1, headCount: 2,
      keyValueHeadCount: 2, contextLength: 8))
  private let student = Llama(InvarianceTests.configuration)
  private let folder: TemporaryFolder
  /// The teacher has three rows of padding.
  private let classCount = 23
  private let data: TokenWindows

  init() throws {
    folder = try TemporaryFolder()
    data = TokenWindows(
      InvarianceTests.text.tokens.prefix(400).map { $0 }, length: 8, shifts: false)
  }

  private func store(_ device: any Device = ReferenceDevice()) throws -> VariableStore {
    let store = VariableStore(on: device, seed: 3)
    try teacher.declare(in: store, prefix: "teacher")
    try student.declare(in: store, prefix: "student")
    return store
  }

  private func writer(_ codec: TeacherCodec, fingerprint: String = "t", batchSize: Int = 4) throws
    -> TeacherCacheWriter
  {
    try TeacherCacheWriter(
      folder.url.appending(path: "cache"), codec, teacher: teacher, fingerprint: fingerprint,
      path: "somewhere", store: store(), length: 8, classCount: classCount, temperatures: [2],
      batchSize: batchSize)
  }

  private func fill(_ codec: TeacherCodec) throws -> TeacherCache {
    let writer = try writer(codec)
    let rows = try writer.missing([data])
    for first in stride(from: 0, to: rows.count, by: 4) {
      try writer.write(rows[first..<min(rows.count, first + 4)])
    }
    try writer.finish()
    return try TeacherCache(folder.url.appending(path: "cache"), expecting: "t")
  }

  /// Losses, and the gradient of the student's head, for a batch.
  private func values(
    _ teacher: Teacher, on data: any TokenData, at place: TrainingPlace, _ store: VariableStore,
    _ kind: DivergenceLoss.Kind = .forwardKL
  ) throws -> [TensorData] {
    if case .cache(let cache) = teacher { try cache.declare(in: store) }
    let objective = DistillationObjective(
      student: student, teacher: teacher, DivergenceLoss(kind, temperature: 2, alpha: 0.3),
      classCount: classCount)
    let values = try lossValues(
      objective, on: try objective.data(over: data).batch(at: place), store: store,
      gradientsFor: [student.head.weight])
    return ([values.total] + values.sums.map(\.value)).map { TensorData($0) } + values.slopes
  }

  @Test(arguments: [
    (TeacherCodec.hidden, 3e-3), (.hidden8, 3e-2), (.logits, 3e-3), (.topK(23), 1e-4),
  ])
  func aCacheGivesTheTeachersLosses(codec: TeacherCodec, tolerance: Double) throws {
    let cache = try fill(codec)
    #expect(cache.rowCount == 49 && cache.description.codec == codec)
    for step in [0, 7, 30] {
      // Other orders, other batches, a second pass: rows are found by what they hold.
      let place = TrainingPlace(step: step, microBatch: 1, of: 2, rowCount: 3, seed: 8)
      let expected = try values(.model(teacher), on: data, at: place, store())
      let got = try values(.cache(cache), on: data, at: place, store())
      for (a, b) in zip(got, expected) { #expect(relativeError(a, b) < tolerance, "\(codec)") }
    }
  }

  /// A head with a cap, which the cache of hidden states has to know.
  @Test(arguments: [TeacherCodec.hidden, .logits]) func theCapOfAHeadStays(codec: TeacherCodec)
    throws
  {
    let directory = ModelDirectory(goldenFolder("models/gemma2"))
    let teacher = try directory.languageModel()
    #expect(teacher.head.cap == 3)
    let store = VariableStore(on: ReferenceDevice(), seed: 3)
    try directory.load(teacher, into: store, prefix: "teacher")
    try student.declare(in: store, prefix: "student")
    let writer = try TeacherCacheWriter(
      folder.url.appending(path: "cache"), codec, teacher: teacher, fingerprint: "t",
      path: "somewhere", store: store, length: 8, classCount: classCount, temperatures: [2],
      batchSize: 4)
    let rows = try writer.missing([data])
    for first in stride(from: 0, to: rows.count, by: 4) {
      try writer.write(rows[first..<min(rows.count, first + 4)])
    }
    try writer.finish()
    let cache = try TeacherCache(folder.url.appending(path: "cache"), expecting: "t")
    let place = TrainingPlace(step: 0, rowCount: 4, seed: 8)
    let expected = try values(.model(teacher), on: data, at: place, store)
    let got = try values(.cache(cache), on: data, at: place, store)
    for (a, b) in zip(got, expected) { #expect(relativeError(a, b) < 3e-3, "\(codec)") }
  }

  @Test(arguments: Target.all.filter { $0.family == .cpu })
  func devicesAgreeOnLists(target: Target) throws {
    let cache = try fill(.topK(5))
    let place = TrainingPlace(step: 2, rowCount: 4, seed: 8)
    for kind in [DivergenceLoss.Kind.forwardKL, .reverseKL, .skewKL(0.1)] {
      let expected = try values(.cache(cache), on: data, at: place, store(), kind)
      let got = try values(.cache(cache), on: data, at: place, store(target.open()), kind)
      for (a, b) in zip(got, expected) { #expect(relativeError(a, b) < 1e-4) }
    }
  }

  @Test func aListIsALowerBound() throws {
    let place = TrainingPlace(step: 0, rowCount: 6, seed: 8)
    let whole = Double(try values(.model(teacher), on: data, at: place, store())[2].floats[0])
    var last = 0.0
    for count in [1, 4, 12, 23] {
      try? FileManager.default.removeItem(at: folder.url.appending(path: "cache"))
      let cached = try values(.cache(try fill(.topK(count))), on: data, at: place, store())
      let kl = Double(cached[2].floats[0])
      #expect(kl >= last - 1e-5 && kl <= whole + 1e-4)
      last = kl
    }
    #expect(abs(last - whole) < 1e-3)
  }

  @Test func anInterruptedCacheGoesOn() throws {
    let first = try writer(.topK(3))
    let rows = try first.missing([data])
    #expect(rows.count == 49)
    try first.write(rows[0..<4])
    try first.write(rows[4..<6])
    try first.finish()
    // A row that was cut off while it was written is asked for again.
    let file = folder.url.appending(path: "cache/rows.bin")
    let handle = try FileHandle(forUpdating: file)
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(repeating: 7, count: 33))
    try handle.close()
    let second = try writer(.topK(3))
    let rest = try second.missing([data, data])
    #expect(rest == Array(rows[6...]))
    for row in rest.indices { try second.write(rest[row..<row + 1]) }
    try second.finish()
    let resumed = try Data(contentsOf: file)
    try FileManager.default.removeItem(at: folder.url.appending(path: "cache"))
    _ = try fill(.topK(3))
    #expect(try Data(contentsOf: file) == resumed)
  }

  @Test func wrongRowsAreNeverGiven() throws {
    let cache = try fill(.logits)
    #expect(cache.holds(data.batch(of: [0])))
    // Other tokens
    let other = TokenWindows(data.tokens.map { ($0 + 1) % 23 }, length: 8, shifts: false)
    #expect(!cache.holds(other.batch(of: [0])))
    let place = TrainingPlace(step: 0, rowCount: 1, seed: 8)
    let missing = #expect(throws: UserError.self) {
      try values(.cache(cache), on: other, at: place, store())
    }
    #expect(missing?.description.contains("has no row for the tokens") == true)
    // Another teacher
    let wrong = #expect(throws: UserError.self) {
      try TeacherCache(cache.folder, expecting: "u")
    }
    #expect(wrong?.description.contains("another teacher (somewhere)") == true)
    #expect(throws: UserError.self) { try writer(.logits, fingerprint: "u") }
    #expect(throws: UserError.self) { try writer(.hidden) }
    // Damage
    let file = cache.folder.appending(path: "rows.bin")
    var bytes = try Data(contentsOf: file)
    bytes[3 * cache.description.rowBytes + 40] ^= 1
    try bytes.write(to: file)
    let damaged = try TeacherCache(cache.folder)
    let told = (0..<data.count).compactMap { step -> String? in
      let place = TrainingPlace(step: step, rowCount: 1, seed: 8)
      do { _ = try values(.cache(damaged), on: data, at: place, store()) } catch {
        return "\(error)"
      }
      return nil
    }
    #expect(told.count == 1 && told[0].contains("row 3 is damaged"), "\(told)")
    try Data("{}".utf8).write(to: cache.folder.appending(path: "cache.json"))
    #expect(throws: UserError.self) { try TeacherCache(cache.folder) }
  }

  @Test func listsKnowTheirTemperatures() throws {
    let cache = try fill(.topK(4))
    #expect(cache.description.temperatures == [1, 2])
    try cache.require(temperature: 2)
    #expect(throws: UserError.self) { try cache.require(temperature: 3) }
    #expect(TeacherCodec("topk:0") == nil && TeacherCodec("top") == nil)
    for text in ["hidden", "hidden:int8", "topk:50", "logits"] {
      #expect(TeacherCodec(text)?.description == text)
    }
  }

  @Test func aTeacherThatGivesNaNIsNamed() throws {
    let store = try store()
    let entry = try #require(store.entry(named: "teacher.model.norm.weight"))
    try entry.buffer.write(TensorData([24], [Float](repeating: .nan, count: 24)))
    let writer = try TeacherCacheWriter(
      folder.url.appending(path: "nan"), .hidden, teacher: teacher, fingerprint: "t", path: "p",
      store: store, length: 8, classCount: classCount, temperatures: [], batchSize: 1)
    let error = #expect(throws: UserError.self) {
      try writer.write(writer.missing([data])[0..<1])
    }
    #expect(error?.description.contains("for position 0 of the tokens") == true)
    #expect(error?.description.contains("layer 1 of 1, or the norm after it") == true)
  }

  @Test(arguments: [TeacherCodec.hidden, .logits]) func whatFloat16CannotHoldIsRefused(
    codec: TeacherCodec
  ) throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 3)
    // Norms that make numbers of a million.
    for (name, tensor) in teacher.parameters() where tensor.shape == [24] {
      let large = TensorData([24], Array(repeating: Float(4e6), count: 24))
      try store.declare("teacher." + name, tensor, value: large)
    }
    try teacher.declare(in: store, prefix: "teacher")
    let writer = try TeacherCacheWriter(
      folder.url.appending(path: "cache"), codec, teacher: teacher, fingerprint: "t", path: "",
      store: store, length: 8, classCount: classCount, temperatures: [1], batchSize: 4)
    let error = #expect(throws: UserError.self) {
      try writer.write(writer.missing([data]).prefix(4))
    }
    #expect(error?.description.contains("hidden:int8") == true, "\(error as Any)")
  }

  @Test func evaluationByACacheIsThatByTheTeacher() throws {
    let store = try store()
    let expected = try evaluate(
      student, teacher: .model(teacher), on: data, batchSize: 6, classCount: classCount,
      store: store)
    for codec in [TeacherCodec.hidden, .topK(23)] {
      try? FileManager.default.removeItem(at: folder.url.appending(path: "cache"))
      let cache = try fill(codec)
      let own = try self.store()
      try cache.declare(in: own)
      let got = try evaluate(
        student, teacher: .cache(cache), on: data, batchSize: 6, classCount: classCount, store: own)
      #expect(got.nats == expected.nats && got.calibrationError == expected.calibrationError)
      #expect(abs((got.klToTeacher ?? 0) - (expected.klToTeacher ?? 1)) < 1e-3)
      #expect(abs((got.agreement ?? 0) - (expected.agreement ?? 1)) < 0.02)
    }
  }
}
