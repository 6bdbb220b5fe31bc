// The end of a distillation: what came of it.
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Text

/// Evaluates the arms, prints the table and the continuations, writes verdict and report.
struct DistillationJudge {
  let arms: DistillationArms
  let text: RunText
  let trials: [Trial]
  let plan: DistillationPlan
  let recipe: DistillRecipe
  let weights: FrozenWeights
  let folder: RunFolder

  func judge() throws {
    let start = ContinuousClock.now
    let speeds = try self.speeds()
    var results: [ArmResult] = []
    var samples: [Outcome.Sample] = []
    /// Adds what is found of the arms of one name, one for each seed, and a continuation of the first.
    func add(_ name: String, _ models: [Arm], isTeacher: Bool = false) throws -> [Evaluation] {
      var evaluations: [Evaluation] = []
      for (index, arm) in models.enumerated() {
        let teacher = isTeacher ? nil : try arms.loadTeacher(into: weights)
        let store = try loaded([arm])
        let progress = JudgingProgress(arm.name, in: folder, command: "distill")
        evaluations.append(
          try evaluate(
            try arm.languageModel(), teacher: teacher,
            on: text.heldOut, batchSize: recipe.training.batchSize,
            classCount: arms.classCount, store: store
          ) { try progress.show(done: $0, of: $1, "batches") })
        if index == 0 {
          let continuation = try self.continuation(arm, store)
          try progress.check()
          samples.append(.init(arm: name, prompt: text.prompt, text: continuation))
          try tell("\(Question.title(ofArm: name)): \(text.prompt)|\(continuation)\n")
        }
      }
      results.append(
        ArmResult(
          name, parameterCount: models[0].model.parameterCount, evaluations,
          bytesPerToken: text.bytesPerToken, speed: isTeacher ? speeds.teacher : speeds.student,
          cost: folder.cost(of: models[0].name)))
      return evaluations
    }
    try tell()
    if let teacher = arms.teacher { _ = try add("teacher", [teacher], isTeacher: true) }
    let students = try add("student", trials.map(\.student))
    let answers = try recipe.distillation.questions.map { question in
      let controls = try add(question.arm, trials.compactMap { $0.control(question) })
      return Answers.Answer(
        question: question,
        verdict: Verdict(zip(students, controls).map { ($0.windowLosses, $1.windowLosses) }),
        controlSteps: try plan.controlSteps(question, recipe))
    }
    try Outcome(
      languageModels: results,
      Answers(
        answers: answers, unit: "nats/token", rows: "windows",
        declined: recipe.distillation.withoutControl), samples: samples,
      seconds: (ContinuousClock.now - start).seconds
    ).publish(in: folder)
  }

  /// A store that holds some models; the teacher's is shared by all.
  private func loaded(_ arms: [Arm]) throws -> VariableStore {
    let store = weights.sharing(seed: recipe.seed)
    for arm in arms {
      if arm.name == self.arms.teacher?.name {
        try arm.load(into: weights)
      } else {
        try arm.load(into: store)
      }
    }
    return store
  }

  /// The speed of the teacher, if it is a model, and of all students and controls, which have one shape.
  private func speeds() throws -> (teacher: Speed?, student: Speed) {
    let measured = [arms.teacher, trials[0].student].compactMap { $0 }
    let store = try loaded(measured)
    let batch = try text.heldOut.batches(of: recipe.training.batchSize)[0]
    let progress = JudgingProgress("speed", in: folder, command: "distill")
    let speeds = try Speed.of(
      measured.map { try $0.languageModel() }, on: batch, classCount: arms.classCount, store: store,
      check: progress.check)
    return (arms.teacher == nil ? nil : speeds[0], speeds[speeds.count - 1])
  }

  /// What a model makes of the prompt.
  private func continuation(_ arm: Arm, _ store: VariableStore) throws -> String {
    var sampling = Sampling()
    sampling.temperature = 0.7
    sampling.seed = UInt32(truncatingIfNeeded: recipe.seed)
    let tokenizer = arms.tokenizer
    let generator = Generator(
      try arm.languageModel(), vocabularySize: arms.classCount, store: store,
      capacity: text.promptTokens.count + 120)
    let ids = try generator.generate(
      [text.promptTokens], count: 120, sampling: sampling, ends: [tokenizer.endOfText])[0]
    return tokenizer.tokenizer.decode(ids)
  }
}
