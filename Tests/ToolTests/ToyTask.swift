// A kind of model that Retort does not have: classes of rows of numbers, by a network of one hidden layer.
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Storage
import Tensors
import Training

/// Numbers [D] and a class for each row of a table.
struct NumberTable: Dataset {
  static let numbers = Field("numbers")
  static let classes = Field("classes", .int32)
  let rows: [(numbers: [Float], label: Int32)]

  var unit: String { "rows" }
  var count: Int { rows.count }
  var fields: [Field: Shape] { [Self.numbers: [2], Self.classes: []] }
  var fingerprint: String {
    var fingerprint = Fingerprint()
    for row in rows { fingerprint.add("\(row)") }
    return fingerprint.description
  }

  func batch(of numbers: [Int?]) -> Batch {
    let chosen = numbers.map { $0.map { rows[$0] } }
    return Batch(
      [
        Self.numbers: TensorData([numbers.count, 2], chosen.flatMap { $0?.numbers ?? [0, 0] }),
        Self.classes: TensorData([numbers.count], chosen.map { $0?.label ?? -1 }),
      ], weight: chosen.count { $0 != nil })
  }

  /// Points of a square; the class says in which of four quarters of a ring they lie.
  static func points(_ count: Int, seed: UInt32) -> NumberTable {
    NumberTable(
      rows: (0..<count).map { index in
        let words = Philox.block(counter: [UInt32(index), seed, 0, 0], key: [7, 9])
        let (x, y) = (2 * Philox.uniform(words[0]) - 1, 2 * Philox.uniform(words[1]) - 1)
        return ([x, y], (x * y > 0 ? 1 : 0) + (x * x + y * y > 0.6 ? 2 : 0))
      })
  }
}

/// Numbers [B, 2] -> logits [B, 4].
struct ToyModel: PretrainedModel {
  let hidden: Linear
  let head: Linear
  let width: Int

  init(width: Int) {
    self.width = width
    hidden = Linear(2, width, hasBias: true, standardDeviation: 1)
    head = Linear(width, 4, hasBias: true, standardDeviation: 0.3)
  }

  func logits(_ numbers: Tensor) -> Tensor { head(hidden(numbers).tanh()) }

  var configurationFields: [(key: String, value: JSON)] { [("width", JSON(width))] }
}

struct ToyObjective: Objective {
  let student: ToyModel
  let teacher: ToyModel?

  var formula: String { teacher == nil ? "CE" : "CE and KL" }

  func loss(_ inputs: Inputs) -> Loss {
    let labels = inputs[NumberTable.classes]
    let logits = student.logits(inputs[NumberTable.numbers])
    guard let teacher else {
      let ce = logits.crossEntropy(labels: labels).sum()
      return Loss(total: ce, logged: [("ce", ce), ("sparkle", ce * 2)])
    }
    return DivergenceLoss(.forwardKL, temperature: 2, alpha: 0.3).loss(
      student: logits, teacher: teacher.logits(inputs[NumberTable.numbers]).detached(),
      labels: labels)
  }

  func validationLoss(_ inputs: Inputs) -> Loss {
    ToyObjective(student: student, teacher: nil).loss(inputs)
  }
}

/// The keys that the toy task adds to a recipe.
struct ToyRecipe: RecipePart {
  struct Student: RecipeSection {
    enum Shape: String, Codable, CaseIterable { case round, square }

    @Key("The width of students.", .from(1, to: 64))
    var width = 6
    @Key("A word, which means nothing.")
    var shape = Shape.round
    init() {}
  }

  @Key("The student.")
  var student = Student()
  init() {}
}

final class ToyTask: LearningTask {
  let folder: RunFolder
  let known: Arm
  let student: Arm
  private let heldOut = NumberTable.points(200, seed: 2)
  /// Whether models are compared by a measure that is no mean over rows.
  private let resamples: Bool

  /// The width of students.
  private let width: Int

  static var recipeParts: [any RecipePart] { [ToyRecipe()] }

  init(_ recipe: DistillRecipe, in folder: RunFolder, resamples: Bool = false, width: Int? = nil) {
    (self.folder, self.resamples) = (folder, resamples)
    self.width = width ?? recipe.part(ToyRecipe.self).student.width
    known = Arm("teacher", new: ToyModel(width: 24), in: folder)
    student = Arm("student", new: ToyModel(width: self.width), in: folder)
  }

  var teacher: Arm? { known }
  func arm(_ name: String) -> Arm { Arm(name, new: ToyModel(width: width), in: folder) }
  var export: ModelExport {
    ModelExport(
      precision: .fp32,
      use: ModelUse(
        library: "retort", pipelineTag: "tabular-classification", snippet: "", rows: "rows",
        unitsPerRow: 1, unit: "rows"))
  }

  private func model(_ arm: Arm) -> ToyModel { arm.layers(as: ToyModel.self) }

  func readData() throws -> TaskData {
    TaskData(
      description: "numbers", fingerprint: NumberTable.points(40, seed: 1).fingerprint,
      training: NumberTable.points(2000, seed: 1), slice: NumberTable.points(40, seed: 1),
      judgedRows: heldOut.count, sample: DataSample(entry: "1, 2", row: "1, 2"))
  }

  func findings(_ weights: FrozenWeights) -> [Finding] { [.fine("toys are fine")] }

  private func setup(_ objective: ToyObjective, _ data: NumberTable) -> TrainingSetup {
    TrainingSetup(
      objective: objective, data: data, validation: NumberTable.points(64, seed: 3))
  }

  func teacherSetup() -> TrainingSetup {
    setup(ToyObjective(student: model(known), teacher: nil), .points(2000, seed: 1))
  }
  func controlSetup(_ arm: Arm) -> TrainingSetup {
    setup(ToyObjective(student: model(arm), teacher: nil), .points(40, seed: 1))
  }
  func studentSetup(_ arm: Arm, in store: VariableStore?) -> TrainingSetup {
    setup(ToyObjective(student: model(arm), teacher: model(known)), .points(40, seed: 1))
  }

  var measure: Measure {
    Measure(quality: "purity", unit: "nats/row", rows: "points", gap: "nats_per_row")
  }

  func evaluate(
    _ arm: Arm, isTeacher: Bool, _ store: VariableStore, _ report: @escaping ProgressReport
  ) throws -> ArmEvaluation {
    let batch = heldOut.batch(of: Array(0..<heldOut.count))
    let inputs = Inputs(like: batch)
    let logits = model(arm).logits(inputs[NumberTable.numbers])
    let losses = logits.crossEntropy(labels: inputs[NumberTable.classes])
    let best = logits.argMax()
    let executor = try GraphExecutor(Graph(outputs: [losses, best]), on: store)
    try inputs.set(batch, on: executor)
    try executor.run()
    let found = try executor.value(of: losses).floats.map(Double.init)
    let right = zip(try executor.value(of: best).integers, batch[NumberTable.classes].integers)
      .map { $0 == $1 }
    return ArmEvaluation(
      metrics: [
        Metric(
          "nats_per_row", "nats/row", found.reduce(0, +) / Double(found.count), .decimals,
          better: .lower),
        Metric(
          "purity", "purity", Double(right.count { $0 }) / Double(found.count), .share,
          better: .higher),
      ],
      resamples
        ? .measure(rowCount: found.count) { rows in
          // A ratio of sums: errors per row that is no error.
          let errors = Double(rows.count { !right[$0] })
          return errors / max(1, Double(rows.count) - errors)
        } : .losses(found))
  }
}
