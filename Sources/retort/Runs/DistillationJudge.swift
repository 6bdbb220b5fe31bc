// The end of a distillation: what came of it.
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Training

/// Evaluates the arms, prints the table and the continuations, writes verdict and report.
struct DistillationJudge {
  let arms: DistillationArms
  let text: RunText
  let recipe: DistillRecipe
  let device: any Device
  let folder: RunFolder

  private var hasControl: Bool { recipe.distillation.withoutControl.isEmpty }

  func judge() throws {
    var rows: [VerdictRow] = []
    var continuations: [(arm: String, text: String)] = []
    /// Adds a row for the arms of one name, one for each seed, and a continuation of the first.
    func add(_ name: String, _ models: [Arm], isTeacher: Bool = false) throws -> [Evaluation] {
      var evaluations: [Evaluation] = []
      var speed: Double?
      for (index, arm) in models.enumerated() {
        let store = VariableStore(on: device, seed: recipe.seed)
        try arm.load(into: store)
        let progress = JudgingProgress(arm.name, in: folder, command: "distill")
        let teacher = isTeacher ? nil : try arms.loadTeacher(into: store)
        evaluations.append(
          try evaluate(
            try arm.languageModel(), teacher: teacher,
            on: text.heldOut.evaluationBatches(size: recipe.training.batchSize),
            classCount: arms.classCount, store: store
          ) { try progress.show(done: $0, of: $1, "batches") })
        if index == 0 {
          let (continuation, seconds) = try self.continuation(arm, store)
          try progress.check()
          continuations.append((name, text.prompt + continuation))
          try tell("\(name): \(text.prompt)|\(continuation)\n")
          speed = seconds
        }
      }
      var row = VerdictRow(
        arm: name, parameterCount: models[0].model.parameterCount, evaluations,
        bytesPerToken: text.bytesPerToken)
      row.secondsPerToken = speed
      row.cost = folder.cost(of: models[0].name)
      rows.append(row)
      return evaluations
    }
    try tell()
    if let teacher = arms.teacher { _ = try add("teacher", [teacher], isTeacher: true) }
    let students = try add("student", arms.pairs.map(\.student))
    var verdict: Verdict?
    if hasControl {
      let controls = try add("control", arms.pairs.map(\.control))
      verdict = Verdict(
        zip(students, controls).map { ($0.windowLosses, $1.windowLosses) })
    }
    let result = VerdictTable(
      rows: rows, verdict: verdict, declined: recipe.distillation.withoutControl)
    try tell(table(result.cells) + "\n\n" + result.sentence + "\n")
    for reason in folder.forced { try tell("This run was forced although \(reason).\n") }
    try folder.write(
      result.json(device: device.name, forced: folder.forced), to: "verdict.json")
    try folder.writeReport(
      title: "Distillation run", table: result.cells,
      sentence: result.sentence, device: device.name,
      continuations: continuations)
    try tell("Everything is in \(folder.name); open report.html there.")
  }

  /// What a model makes of the prompt, and the seconds that each new token took.
  private func continuation(_ arm: Arm, _ store: VariableStore) throws -> (String, Double?) {
    var sampling = Sampling()
    sampling.temperature = 0.7
    sampling.seed = UInt32(truncatingIfNeeded: recipe.seed)
    let tokenizer = arms.tokenizer
    let generator = Generator(
      try arm.languageModel(), vocabularySize: arms.classCount, store: store,
      capacity: text.promptTokens.count + 120)
    let ids = try generator.generate(
      [text.promptTokens], count: 120, sampling: sampling, ends: [tokenizer.endOfText])[0]
    let timing = generator.timing
    return (
      tokenizer.tokenizer.decode(ids),
      timing.newTokens > 0 ? timing.newSeconds / Double(timing.newTokens) : nil
    )
  }
}
