// What a kind of model is to a distillation.
import Base
import Distillation
import Models
import Storage
import Tensors
import Training

/// What an arm is trained on: a loss, data, and rows by which its best weights are chosen.
public struct TrainingSetup {
  /// What is made small.
  public let objective: any Objective
  /// What is learnt from.
  public let data: any Dataset
  /// Rows by which the best weights are chosen; nil takes the last weights.
  public let validation: (any Dataset)?

  /// A loss, what it learns from, and rows to choose weights by.
  public init(objective: any Objective, data: any Dataset, validation: (any Dataset)?) {
    (self.objective, self.data, self.validation) = (objective, data, validation)
  }
}

/// The data of a task, once they are read.
public struct TaskData {
  /// The data in a sentence.
  public let description: String
  /// What tells these data from others.
  public let fingerprint: String
  /// What a teacher reads where the run trains it, and what student and controls read.
  public let training: any Dataset
  /// What student and controls read.
  public let slice: any Dataset
  /// How many held-out rows are judged.
  public let judgedRows: Int
  /// An entry and a row, as a person can check them.
  public let sample: DataSample
  /// What the data come from, such as names of files; empty where a run's card and report need not say.
  public let sources: [String]
  /// Hosted models whose answers are among the data.
  package var answers: [LineageSource] = []
  /// Folders of the teachers with their shares, where there are several, or where a record of what one said stands for it; empty
  /// where the task's teacher is all.
  package var teachers: [(folder: ModelDirectory, share: Double)] = []

  /// The data in a sentence, what tells them from others, what the teacher reads, what student and controls read, how many
  /// held-out rows there are, and an entry with its row.
  public init(
    description: String, fingerprint: String, training: any Dataset, slice: any Dataset,
    judgedRows: Int, sample: DataSample, sources: [String] = []
  ) {
    (self.description, self.fingerprint) = (description, fingerprint)
    (self.training, self.slice) = (training, slice)
    (self.judgedRows, self.sample, self.sources) = (judgedRows, sample, sources)
  }
}

/// What a task found of a model.
public struct ArmEvaluation {
  /// Numbers that mean something as means over seeds.
  public let metrics: [Metric]
  /// What held-out rows say, the same rows for every model.
  public let evidence: RowEvidence
  /// Bins of a reliability diagram, where the model predicts classes.
  package let reliability: [Calibration.Point]

  package init(
    metrics: [Metric], _ evidence: RowEvidence, reliability: [Calibration.Point]
  ) {
    (self.metrics, self.evidence, self.reliability) = (metrics, evidence, reliability)
  }

  /// What was found of a model: numbers, and what each held-out row says.
  public init(metrics: [Metric], _ evidence: RowEvidence) {
    self.init(metrics: metrics, evidence, reliability: [])
  }
}

/// How a task's models are compared.
public struct Measure: Sendable {
  /// The metric by which they are compared at a glance.
  public let quality: String
  /// In what a difference of losses is counted, and what held-out rows are called.
  public let unit: String
  /// What held-out rows are called, in the plural.
  public let rows: String
  /// The metric in which a student stands between its control and the teacher, the smaller the better; nil where there is none.
  public let gap: String?
  /// What the measure itself favours, and what helps where the student is no better.
  public let caveat: String?
  /// What helps where the student is no better.
  public let remedy: String?
  /// How there come to be more held-out rows, such as "give more pairs".
  public let moreRows: String?

  /// The keys of two metrics, and the words of a verdict.
  public init(
    quality: String, unit: String, rows: String, gap: String? = nil, caveat: String? = nil,
    remedy: String? = nil, moreRows: String? = nil
  ) {
    (self.quality, self.unit, self.rows) = (quality, unit, rows)
    (self.gap, self.caveat, self.remedy) = (gap, caveat, remedy)
    self.moreRows = moreRows
  }
}

/// A kind of model, as far as a distillation has to know it. `Experiment` does the rest: it settles budgets and controls, looks
/// for what would spoil the run, trains teacher, students and controls, and judges them.
public protocol LearningTask: AnyObject {
  /// The keys that this kind of model adds to recipes, with their defaults.
  static var recipeParts: [any RecipePart] { get }
  /// The teacher; nil where something stands for it.
  var teacher: Arm? { get }
  /// The first student, which shows what all students and controls are.
  var student: Arm { get }
  /// A student or control of some name.
  func arm(_ name: String) throws -> Arm
  /// How finished models are written.
  var export: ModelExport { get }

  /// Reads the data; everything below is asked for afterwards.
  func readData() throws -> TaskData
  /// Reads what exists before the run and nobody trains.
  func readTeachers(on device: any Device) throws -> FrozenWeights
  /// Declares teachers in a store that plans, where it does not know them.
  func planTeachers(in store: VariableStore) throws
  /// Notes what the models start from.
  func addOrigins(_ weights: FrozenWeights, to origins: inout RunOrigins) throws
  /// Work for the student that is in no step and so in no count of its arithmetic, such as "the teacher's passes for a cache".
  var uncountedWork: [String] { get }
  /// What the task finds before a run; costs and evidence are not its part.
  func findings(_ weights: FrozenWeights) throws -> [Finding]

  /// Asks the teacher, before students are trained, what it need not be asked in every step. `report` is called with the parts
  /// that are done.
  func askTeacher(_ weights: FrozenWeights, _ report: @escaping ProgressReport) throws

  /// The training of the teacher, of a control, and of a student. `store` is the one that it trains in, nil for a plan.
  func teacherSetup() throws -> TrainingSetup
  /// The training of a control, which has no teacher.
  func controlSetup(_ arm: Arm) throws -> TrainingSetup
  /// The training of a student; `store` is the one that it trains in, nil for a plan.
  func studentSetup(_ arm: Arm, in store: VariableStore?) throws -> TrainingSetup

  /// How models are compared.
  var measure: Measure { get }
  /// The speeds of models, in their order, whose variables are in `store`; `check` is called in between and may throw.
  func speeds(_ arms: [Arm], _ store: VariableStore, check: @escaping () throws -> Void) throws
    -> [[Metric]]
  /// What is found of a model whose variables are in `store`, beside the teacher's, which are there, too. `report` is called
  /// with the parts that are done.
  func evaluate(
    _ arm: Arm, isTeacher: Bool, _ store: VariableStore, _ report: @escaping ProgressReport
  ) throws -> ArmEvaluation
  /// What a model makes of a held-out beginning, for a person to look at; nil where there is nothing to see.
  func sample(_ arm: Arm, _ store: VariableStore) throws -> (prompt: String, text: String)?
}

extension LearningTask {
  public static var recipeParts: [any RecipePart] { [] }
  public var export: ModelExport { ModelExport() }
  public var uncountedWork: [String] { [] }

  /// Reads the teacher where it is a finished model.
  public func readTeachers(on device: any Device) throws -> FrozenWeights {
    let weights = FrozenWeights(on: device)
    if let teacher, !teacher.isTrained { try teacher.load(into: weights) }
    return weights
  }

  public func planTeachers(in store: VariableStore) throws {
    try teacher?.planFinished(in: store)
  }

  /// Notes the teacher's folder where it is a finished model.
  public func addOrigins(_ weights: FrozenWeights, to origins: inout RunOrigins) throws {
    if let teacher, !teacher.isTrained {
      origins.add("the teacher", try teacher.load(into: weights))
    }
  }

  public func findings(_ weights: FrozenWeights) throws -> [Finding] { [] }

  public func askTeacher(_ weights: FrozenWeights, _ report: @escaping ProgressReport) throws {}

  public func teacherSetup() throws -> TrainingSetup {
    fatal("this kind of task trains no teacher")
  }

  public func speeds(
    _ arms: [Arm], _ store: VariableStore, check: @escaping () throws -> Void
  ) throws -> [[Metric]] {
    arms.map { _ in [] }
  }

  public func sample(_ arm: Arm, _ store: VariableStore) throws -> (prompt: String, text: String)? {
    nil
  }
}

extension LearningTask {
  /// Whether the run trains the teacher.
  var isTeacherTrained: Bool { teacher?.isTrained ?? false }
}

/// A task that follows from a recipe: from its teacher's family, or from its data.
package protocol RecipeTask: LearningTask {
  /// The models, such as "language models".
  static var kindName: String { get }
  /// Whether a recipe, which has the keys of all kinds, is for this one.
  static func takes(_ recipe: DistillRecipe) -> Bool
  /// `folder` is where the run's models lie, or would.
  init(_ recipe: DistillRecipe, in folder: RunFolder) throws
  /// The recipe with smaller models, the largest first, for a machine that has no time for them; none where anybody chose sizes, or
  /// where models are not new.
  static func smaller(_ recipe: DistillRecipe) -> [DistillRecipe]
}

extension RecipeTask {
  package static func smaller(_ recipe: DistillRecipe) -> [DistillRecipe] { [] }

  package static var kind: RecipeKind<DistillRecipe> {
    RecipeKind(kindName, parts: recipeParts, takes: takes)
  }
}
