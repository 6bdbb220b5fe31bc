// What a distillation costs, arm by arm, and what follows from that: controls, seeds, steps.
import Base
import Models
import Tensors
import Training

/// The trainings of a distillation, whatever kind of model it is for.
struct DistillationPlan {
  /// nil where the teacher is not trained by the run.
  let teacher: TrainingPhase?
  let student: TrainingPhase
  let control: TrainingPhase
  /// What the teacher reads, and what student and controls read of it.
  let whole: any Dataset
  let slice: any Dataset
  let device: any Device
  /// Whether rows are there by which best weights are chosen.
  let isValidated: Bool
  /// Work for the student that no step does.
  private let uncounted: [String]

  /// The trainings of a task with `data`, with the sizes and steps of a recipe.
  init(
    _ task: any LearningTask, _ recipe: DistillRecipe, _ data: TaskData, _ weights: FrozenWeights
  ) throws {
    func phase(
      _ name: String, _ arm: Arm, _ schedule: ArmRecipe,
      _ setup: @escaping (VariableStore) throws -> TrainingSetup
    ) -> TrainingPhase {
      TrainingPhase(
        name, options: recipe.training.options(for: schedule, seed: recipe.seed), sharing: weights
      ) { store in
        try arm.plan(in: store, prefix: "trained")
        return (arm.adapted(try setup(store)), arm.trained(prefix: "trained"))
      }
    }
    teacher =
      task.isTeacherTrained
      ? task.teacher.map { arm in
        phase(arm.name, arm, recipe.teacher) { _ in try task.teacherSetup() }
      } : nil
    student = phase("student", task.student, recipe.student) { store in
      try task.planTeachers(in: store)
      return try task.studentSetup(task.student, in: nil)
    }
    control = phase("control", task.student, recipe.student) { _ in
      try task.controlSetup(task.student)
    }
    (whole, slice, device) = (data.training, data.slice, weights.store.device)
    uncounted = task.uncountedWork
    isValidated = try task.controlSetup(task.student).validation != nil
  }

  /// What is trained, a kind of model each.
  var phases: [TrainingPhase] { [teacher, student, control].compactMap { $0 } }

  /// A student that takes less than this with its controls, about a minute on two cores, is trained with three seeds
  /// unless the recipe says how many.
  private static let fewFlops = 6e12

  /// Floating-point operations of whole trainings with one seed.
  private struct Flops {
    var teacher = 0.0
    var student: Double
    var controls: [Question: Double]

    /// The second control's share of what everything else takes.
    func share(seeds: Int) -> Double {
      let rest = teacher + (student + (controls[.data] ?? 0)) * Double(seeds)
      return (controls[.compute] ?? 0) * Double(seeds) / rest
    }
  }

  private func flops(_ recipe: DistillRecipe) throws -> Flops {
    func all(_ phase: TrainingPhase, _ steps: Int) throws -> Double {
      try phase.cost().flops * Double(steps)
    }
    return Flops(
      teacher: try teacher.map { try all($0, recipe.teacher.steps) } ?? 0,
      student: try all(student, recipe.student.steps),
      controls: try Dictionary(
        uniqueKeysWithValues: Question.allCases.map {
          ($0, try all(control, controlSteps($0, recipe)))
        }))
  }

  /// Settles what the recipe leaves to passes over the data and to costs.
  func settleCosts(_ recipe: inout DistillRecipe) throws {
    recipe.teacher.settleSteps(on: whole, recipe.training)
    recipe.student.settleSteps(on: slice, recipe.training)
    // Of a plan that does not fit the doctor tells.
    let flops: Flops?
    do { flops = try self.flops(recipe) } catch is MemoryError { flops = nil }
    if recipe.seeds == 0 {
      var asked = recipe.distillation
      if asked.controls == .auto { asked.controls = .both }
      let isSmall =
        flops.map { flops in
          asked.questions.reduce(flops.student) { $0 + (flops.controls[$1] ?? 0) } < Self.fewFlops
        } ?? false
      recipe.seeds = isSmall && asked.withoutControl.isEmpty ? 3 : 1
    }
    if recipe.distillation.controls == .auto {
      let share = flops?.share(seeds: recipe.seeds) ?? .infinity
      recipe.distillation.controls = share < 0.5 ? .both : .data
    }
  }

  /// How many steps a control takes: the student's, or as many as are the student's arithmetic.
  func controlSteps(_ question: Question, _ recipe: DistillRecipe) throws -> Int {
    guard question == .compute else { return recipe.student.steps }
    let ratio = try student.cost().flops / control.cost().flops
    return max(1, Int((Double(recipe.student.steps) * ratio).rounded()))
  }

  /// How a control is trained: as the student, its rate falling over all of its own steps.
  func controlRecipe(_ question: Question, _ recipe: DistillRecipe) throws -> ArmRecipe {
    var control = recipe.student
    control.steps = try controlSteps(question, recipe)
    let rate = recipe.distillation.controlLearningRate
    if rate > 0 {
      control.learningRate = rate
    } else if recipe.distillation.controlWeights == .random {
      control.learningRate = 1e-3 * recipe.training.optimizer.rateFactor
    }
    return control
  }

  /// A training of the run.
  struct Training {
    let arm: String
    let phase: TrainingPhase
    let stepCount: Int
  }

  /// Every training of a recipe whose seeds and controls are settled, in their order.
  func trainings(of recipe: DistillRecipe) throws -> [Training] {
    var all =
      teacher.map {
        [Training(arm: "teacher", phase: $0, stepCount: recipe.teacher.steps)]
      } ?? []
    for index in 0..<recipe.seeds {
      all.append(
        Training(
          arm: Trial.name("student", index), phase: student, stepCount: recipe.student.steps))
      all += try recipe.distillation.questions.map { question in
        Training(
          arm: Trial.name(question.arm, index), phase: control,
          stepCount: try controlSteps(question, recipe))
      }
    }
    return all
  }

  /// What judging takes for as many rows as a step has, in steps of the arm's training: the forward pass is about a third of a step,
  /// and the head of the teacher, whose last states are kept, comes to it.
  static let judgingShare = 0.5

  /// What a doctor says of the second control, and of memory and time.
  func findings(_ recipe: DistillRecipe) throws -> [Finding] {
    let flops: Flops
    do { flops = try self.flops(recipe) } catch let error as MemoryError {
      return [.refusal("\(error)")]
    }
    let phases = try trainings(of: recipe).map { (phase: $0.phase, stepCount: $0.stepCount) }
    return secondControl(recipe, flops, steps: try controlSteps(.compute, recipe))
      + [try TrainingPlan(phases: phases, device: device).cost()]
  }

  private func secondControl(_ recipe: DistillRecipe, _ flops: Flops, steps: Int) -> [Finding] {
    let questions = recipe.distillation.questions
    guard !questions.isEmpty else { return [] }
    let without = uncounted.isEmpty ? "" : " (without \(uncounted.joined(separator: " and ")))"
    let own =
      "with the student's arithmetic, \(operations(flops.student))\(without), a control takes "
      + "\(counted(steps, "step")) instead of \(grouped(recipe.student.steps))"
    let share = "\(fixed(100 * flops.share(seeds: recipe.seeds), 0)) % of the rest of the run"
    guard questions.contains(.compute) else {
      return [.fine("\(own); it is not trained (\(share)): distillation.controls=both trains it")]
    }
    // Whole steps come near to the student's arithmetic, but for very few of them.
    let ratio = (flops.controls[.compute] ?? 0) / flops.student
    return [
      abs(ratio - 1) < 0.02
        ? .fine(own)
        : .warning("\(own), which are \(fixed(100 * ratio, 0)) % of it: train more steps")
    ]
  }
}
