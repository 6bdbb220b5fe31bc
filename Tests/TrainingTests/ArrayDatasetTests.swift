// Arrays as data: rows, fillings, labels that do not count, values of a formula.
import Base
import Checks
import Foundation
import Layers
import Models
import Tensors
import Testing
import Training

@Suite struct ArrayDatasetTests {
  private static let numbers = Field("numbers")
  private static let classes = Field("classes", .int32)

  private static func data(labelled: Bool = true, changing last: Float = 9) -> ArrayDataset {
    ArrayDataset(
      [
        numbers: TensorData([5, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, last]),
        classes: TensorData([5], [3, 1, -1, 0, 2] as [Int32]),
      ], labels: labelled ? classes : nil, unit: "points")
  }

  @Test func batchesHoldTheirRows() throws {
    let batch = Self.data().batch(of: [4, 2])
    #expect(batch[Self.numbers] == TensorData([2, 2], [8, 9, 4, 5]))
    #expect(batch[Self.classes] == TensorData([2], [2, -1] as [Int32]))
    // A row without a label does not count.
    #expect(batch.weight == 1 && Self.data().weight(of: [4, 2]) == 1)
    #expect(Self.data(labelled: false).batch(of: [4, 2]).weight == 2)
    #expect(Self.data().fields == [Self.numbers: [2], Self.classes: []])
    // The last batch is smaller, since no row stands for none.
    let batches = Self.data().batches(of: 2)
    #expect(batches.count == 3)
    #expect(try batches[2][Self.numbers] == TensorData([1, 2], [8, 9]))
  }

  @Test func fingerprintsFollowTheContents() {
    #expect(Self.data().fingerprint == Self.data().fingerprint)
    #expect(Self.data().fingerprint != Self.data(changing: 10).fingerprint)
    #expect(Self.data().fingerprint != Self.data().rows(0..<4).fingerprint)
  }

  @Test func rowsAreADataSetOfTheirOwn() throws {
    let part = Self.data().rows(1..<4)
    #expect(part.count == 3 && part.unit == "points")
    #expect(part.batch(of: [0]) == Self.data().batch(of: [1]))
    #expect(part.weight(of: [0, 1, 2]) == 2)
  }

  /// Also where the last batch is smaller.
  @Test(arguments: [1, 2, 3, 5, 64]) func formulasGiveAValueForEachRow(batchSize: Int) throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    let sums = try Self.data().values(on: store, batchSize: batchSize) {
      $0[Self.numbers].sum(axis: -1)
    }
    #expect(sums == TensorData([5], [1, 5, 9, 13, 17] as [Float]))
    let both = try Self.data().values(on: store, batchSize: batchSize) { $0[Self.numbers] * 2 }
    #expect(both.shape == [5, 2] && both.floats[9] == 18)
  }

  private struct Line: Module {
    let slope = Linear(2, 1, hasBias: false)
  }

  /// A network and its teacher may have the same names in two stores, one of which knows the other.
  @Test func aTeacherOfTheSameShapeStandsBeside() throws {
    let (teacher, student) = (Line(), Line())
    let device = ReferenceDevice()
    func distance(_ a: Tensor, _ b: Tensor, _ inputs: Inputs) -> Loss {
      let difference = (a - b).reshaped(to: [inputs.rowCount])
      return Loss("distance", (difference * difference).sum())
    }
    var options = TrainingOptions(stepCount: 600, batchSize: 3, learningRate: 0.1)
    options.optimizer.rule = AdamW(decay: 0)
    let lesson = try Trainer(
      LossFunction("(x w - 1)^2") {
        distance(teacher.slope($0[Self.numbers]), .constant(1), $0)
      }, of: teacher, data: Self.data(labelled: false), options: options, on: device)
    try lesson.run()
    let before = try lesson.store.value(of: teacher.slope.weight)
    let trainer = try Trainer(
      LossFunction("(x w - teacher's)^2") {
        distance(
          student.slope($0[Self.numbers]), teacher.slope($0[Self.numbers]).detached(), $0)
      }, of: student, data: Self.data(labelled: false), options: options, sharing: lesson.store,
      on: device)
    try trainer.run()
    let learnt = try trainer.store.value(of: student.slope.weight).floats
    #expect(try trainer.store.value(of: teacher.slope.weight) == before)
    #expect(zip(learnt, before.floats).allSatisfy { abs($0 - $1) < 0.02 }, "\(learnt) \(before)")
  }

  private static func line(_ model: Line) -> LossFunction {
    LossFunction("(x w - 1)^2") { inputs in
      let difference = (model.slope(inputs[numbers]) - 1).reshaped(to: [inputs.rowCount])
      return Loss("distance", (difference * difference).sum())
    }
  }

  private func trainer(
    _ model: Line, validation: ArrayDataset? = nil, from earlier: VariableStore? = nil,
    sharing shared: VariableStore? = nil, data: ArrayDataset = data(labelled: false)
  ) throws -> Trainer {
    var options = TrainingOptions(stepCount: 30, batchSize: 3, learningRate: 0.1)
    options.validationInterval = 10
    return try Trainer(
      Self.line(model), of: model, data: data, validation: validation, options: options,
      from: earlier, sharing: shared, on: shared?.device ?? earlier?.device ?? ReferenceDevice())
  }

  /// What rows say is a mean over them, whatever is left for the last batch.
  @Test(arguments: 1...5) func validationRowsCountOnce(rowCount: Int) throws {
    let model = Line()
    let rows = Self.data(labelled: false).rows(0..<rowCount)
    let trainer = try trainer(model, validation: rows)
    var (told, best) = ([Double](), Double.infinity)
    try trainer.run { event in
      if case .validation(_, let loss, _) = event { told.append(loss) }
    }
    best = try #require(told.min())
    // Without a file the best weights are kept in memory.
    let found = try rows.values(on: trainer.store) { model.slope($0[Self.numbers]) }.floats
    let mean = found.reduce(0) { $0 + Double(($1 - 1) * ($1 - 1)) } / Double(rowCount)
    #expect(abs(mean - best) < 1e-6 * (1 + best), "\(mean) \(told)")
    #expect(told.count == 3 && trainer.keptStep == 10 * (1 + (told.firstIndex(of: best) ?? 9)))
  }

  @Test func noRowsToValidateByAreRefused() {
    #expect(throws: UserError.self) {
      try trainer(Line(), validation: Self.data(labelled: false).rows(0..<0))
    }
  }

  /// Where a loss loses the numbers that are none, the gradients tell, before a checkpoint holds what they moved.
  @Test(arguments: [Precision.fp32, .fp16]) func numbersThatAreNoneAreTold(precision: Precision)
    throws
  {
    let (folder, model) = (try TemporaryFolder(), Line())
    let file = folder.url.appending(path: "c.safetensors")
    var options = TrainingOptions(stepCount: 40, batchSize: 5)
    (options.precision, options.checkpointInterval) = (precision, 1)
    let lost = LossFunction("max(0, x w)") { inputs in
      Loss("larger", Tensor.constant(0).maximum(model.slope(inputs[Self.numbers])).sum())
    }
    let trainer = try Trainer(
      lost, of: model, data: Self.data(labelled: false, changing: .nan), options: options,
      on: ReferenceDevice())
    let error = #expect(throws: UserError.self) { try trainer.run(checkpoint: file) }
    #expect(error?.description.contains("gradients are no longer numbers") == true)
    if FileManager.default.fileExists(atPath: file.path) {
      let again = Line()
      let store = VariableStore(on: ReferenceDevice(), seed: 1)
      try again.load(from: file, into: store)
      #expect(try store.value(of: again.slope.weight).floats.allSatisfy(\.isFinite))
    }
  }

  @Test func aTrainingBeginsWhereAnotherEnded() throws {
    let model = Line()
    let first = try trainer(model)
    try first.run()
    let before = try first.store.value(of: model.slope.weight)
    let second = try trainer(model, from: first.store)
    #expect(try second.store.value(of: model.slope.weight) == before)
    try second.run()
    #expect(try second.store.value(of: model.slope.weight) != before)
    #expect(try first.store.value(of: model.slope.weight) == before)
  }

  /// A checkpoint belongs to a training beside the same teacher, judged by the same rows.
  @Test func checkpointsKnowTheTeacherAndTheValidation() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "c.safetensors")
    let (teacher, rows) = (try trainer(Line()), Self.data(labelled: false))
    try trainer(Line(), validation: rows.rows(0..<2), sharing: teacher.store).run(checkpoint: file)
    try trainer(Line(), validation: rows.rows(0..<2), sharing: teacher.store).run(checkpoint: file)
    #expect(throws: UserError.self) {
      try trainer(Line(), validation: rows.rows(0..<3), sharing: teacher.store)
        .run(checkpoint: file)
    }
    try teacher.run()
    #expect(throws: UserError.self) {
      try trainer(Line(), validation: rows.rows(0..<2), sharing: teacher.store)
        .run(checkpoint: file)
    }
    #expect(throws: UserError.self) {
      try trainer(Line()).run(checkpoint: folder.url.appending(path: "none/c.safetensors"))
    }
  }

  @Test func weightsGoToAFileAndBack() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "line.safetensors")
    let model = Line()
    let trainer = try trainer(model)
    try trainer.run()
    try model.save(to: file, from: trainer.store)
    let (other, store) = (Line(), VariableStore(on: ReferenceDevice(), seed: 9))
    try other.load(from: file, into: store)
    #expect(
      try store.value(of: other.slope.weight) == trainer.store.value(of: model.slope.weight))
    #expect(throws: UserError.self) {
      try Linear(2, 1).load(from: file, into: VariableStore(on: ReferenceDevice(), seed: 9))
    }
  }
}
