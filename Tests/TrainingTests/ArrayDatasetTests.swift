// Arrays as data: rows, fillings, labels that do not count, values of a formula.
import Layers
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
    let batch = Self.data().batch(of: [4, nil, 2])
    #expect(batch[Self.numbers] == TensorData([3, 2], [8, 9, 0, 0, 4, 5] as [Float]))
    #expect(batch[Self.classes] == TensorData([3], [2, -1, -1] as [Int32]))
    #expect(batch[.counts] == TensorData([3], [1, 0, 1] as [Float]))
    // A row without a label does not count, nor does a filling.
    #expect(batch.weight == 1 && Self.data().weight(of: [4, nil, 2]) == 1)
    let plain = Self.data(labelled: false).batch(of: [4, nil, 2])
    #expect(plain.weight == 2 && plain[Self.classes].integers == [2, 0, -1])
    #expect(Self.data().fields == [Self.numbers: [2], Self.classes: [], .counts: []])
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

  /// The last batch is filled up; its filling is not among the values.
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
      return Loss("distance", (difference * difference * inputs[.counts]).sum())
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
}
