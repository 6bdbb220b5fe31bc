// A kind of model that Retort does not have: classifiers of pictures.
import DigitImages
import Retort

/// The keys that classifiers of digits add to a recipe.
struct DigitRecipe: RecipePart {
  struct Student: RecipeSection {
    @Key("The width of the student's hidden layer.", .from(1, to: 4096))
    var width = 32
    init() {}
  }

  struct Objective: RecipeSection {
    @Key("The temperature of both distributions.", .from(0.1, to: 100))
    var temperature = 2.0
    init() {}
  }

  @Key("The student. Controls are the same model.")
  var student = Student()
  @Key("The loss of the student.")
  var distillation = Objective()
  init() {}
}

/// What an experiment has to know of classifiers of digits. The teacher has read 1,200 pictures, students and controls 60.
final class DigitTask: LearningTask {
  let known: Arm
  let student: Arm
  private let folder: RunFolder
  private let images: ArrayDataset
  private let own: DigitRecipe

  static var recipeParts: [any RecipePart] { [DigitRecipe()] }

  init(_ recipe: DistillRecipe, in folder: RunFolder) throws {
    self.folder = folder
    own = recipe.part(DigitRecipe.self)
    images = try digitImages()
    known = Arm("teacher", new: Classifier(width: 128), in: folder)
    student = Arm("student", new: Classifier(width: own.student.width), in: folder)
  }

  var teacher: Arm? { known }
  func arm(_ name: String) -> Arm {
    Arm(name, new: Classifier(width: own.student.width), in: folder)
  }

  // MARK: Data

  private var many: ArrayDataset { images.rows(0..<1200) }
  private var few: ArrayDataset { images.rows(0..<60) }
  private var validation: ArrayDataset { images.rows(1200..<1264) }
  private var heldOut: ArrayDataset { images.rows(1264..<images.count) }

  func readData() -> TaskData {
    TaskData(
      description: "\(few.count) pictures for students, \(many.count) for the teacher",
      fingerprint: images.fingerprint, training: many, slice: few, judgedRows: heldOut.count,
      sample: DataSample(entry: "8 x 8 pixels and a digit", row: "64 numbers -> one of 10 classes"))
  }

  // MARK: Training

  /// Labels alone.
  private func alone(_ arm: Arm, _ data: ArrayDataset) -> TrainingSetup {
    let model = classifier(arm)
    let loss = LossFunction("CE = -log softmax(z)[digit]") { Loss("ce", model.losses($0).sum()) }
    return TrainingSetup(objective: loss, data: data, validation: validation)
  }

  func teacherSetup() throws -> TrainingSetup { alone(known, many) }
  func controlSetup(_ arm: Arm) -> TrainingSetup { alone(arm, few) }

  /// Labels, and the teacher's probabilities.
  func studentSetup(_ arm: Arm, in store: VariableStore?) throws -> TrainingSetup {
    let (student, teacher) = (classifier(arm), classifier(known))
    let divergence = DivergenceLoss(
      .forwardKL, temperature: Float(own.distillation.temperature), alpha: 0.3)
    let loss = LossFunction(divergence.formula) { inputs in
      divergence.loss(
        student: student.logits(inputs[.pixels]),
        teacher: teacher.logits(inputs[.pixels]).detached(), labels: inputs[.digit])
    }
    return TrainingSetup(objective: loss, data: few, validation: validation)
  }

  private func classifier(_ arm: Arm) -> Classifier { arm.layers(as: Classifier.self) }

  // MARK: Judging

  var measure: Measure {
    Measure(quality: "accuracy", unit: "nats/image", rows: "pictures", gap: "nats_per_image")
  }

  func evaluate(
    _ arm: Arm, isTeacher: Bool, _ store: VariableStore, _ report: @escaping ProgressReport
  ) throws -> ArmEvaluation {
    let model = classifier(arm)
    let losses = try heldOut.values(on: store, model.losses).floats.map(Double.init)
    let answers = try heldOut.values(on: store) { model.logits($0[.pixels]).argMax() }.integers
    let digits = heldOut.batch(of: Array(0..<heldOut.count))[.digit].integers
    let right = zip(answers, digits).count { $0 == $1 }
    return ArmEvaluation(
      metrics: [
        Metric(
          "nats_per_image", "nats/image", losses.reduce(0, +) / Double(losses.count), .decimals,
          better: .lower),
        Metric(
          "accuracy", "accuracy", Double(right) / Double(losses.count), .share, better: .higher),
      ], .losses(losses))
  }
}
