// What would spoil a distillation silently, found before it begins.
import Distillation
import Foundation
import Models
import Tensors
import Tokenizers
import Training

/// Looks at a distillation of language models before it begins.
struct DistillationDoctor {
  let arms: DistillationArms
  let text: RunText
  let recipe: DistillRecipe
  let device: any Device

  private var common: TextDoctor { TextDoctor(text: text, classCount: arms.classCount) }

  func findings() throws -> [Finding] {
    let plan = try plan()
    return try vocabulary() + conversations() + common.targets()
      + [plan.passes(of: recipe.training.options(for: recipe.student, seed: recipe.seed))]
      + rowsOfCache() + teacherOnText()
      + recipe.evidence(text.heldOut.count, "windows") + [plan.cost(on: device)]
  }

  private func vocabulary() throws -> [Finding] {
    let student = arms.pairs[0].student.model
    let rows = [arms.teacher?.model.vocabularySize, student.vocabularySize].compactMap { $0 }
    let padded = rows.contains { $0 > arms.classCount }
    return [
      .fine(
        "one tokenizer of \(grouped(arms.classCount)) tokens for all models"
          + (padded
            ? "; tables have \(rows.map(grouped).joined(separator: " and ")) rows, the rest is padding"
            : ""))
    ]
  }

  /// Whether teacher and student write conversations alike.
  private func conversations() throws -> [Finding] {
    guard !recipe.data.completions.isEmpty, let own = arms.tokenizer.directory else { return [] }
    let sample = [
      ChatMessage(role: "user", content: "One?"), ChatMessage(role: "assistant", content: "Two."),
    ]
    guard own.chatTemplateSource() != nil else { return [] }
    let mine: String
    do { mine = try own.chatTemplate().render(sample, startsAnswer: false) } catch {
      return [.warning("the teacher's chat template does not write a short conversation: \(error)")]
    }
    guard !recipe.student.path.isEmpty else {
      return [.fine("conversations are written as \(mine.json)")]
    }
    let other = try TokenizerDirectory(URL(fileURLWithPath: recipe.student.path))
    let theirs = (try? other.chatTemplate().render(sample, startsAnswer: false)) ?? "nothing"
    return mine == theirs
      ? [.fine("teacher and student write conversations as \(mine.json)")]
      : [
        .refusal(
          "the teacher writes a conversation as \(mine.json), the student as \(theirs.json): use one "
            + "chat template for both")
      ]
  }

  private func rowsOfCache() -> [Finding] {
    guard let cache = arms.cache else { return [] }
    let missing = [text.training, text.heldOut].reduce(0) { sum, data in
      sum + data.evaluationBatches(size: 1).count { !cache.holds($0) }
    }
    let all = text.training.count + text.heldOut.count
    return [
      missing == 0
        ? .fine("the cache (\(cache.description.codec)) holds all \(grouped(all)) rows")
        : .refusal(
          "the cache lacks \(grouped(missing)) of \(grouped(all)) rows: it was made from other data, another "
            + "seed or another length; `retort cache` adds them")
    ]
  }

  private func teacherOnText() throws -> [Finding] {
    guard let teacher = arms.teacher, !recipe.teacher.path.isEmpty else { return [] }
    return try common.perplexity(
      of: teacher, teaches: true, batchSize: recipe.training.batchSize, on: device)
  }

  /// Every training of the run.
  private func plan() throws -> TrainingPlan {
    let pair = arms.pairs[0]
    func phase(
      _ arm: Arm, _ sizes: ModelRecipe, _ repetitions: Int,
      _ objective: @escaping (VariableStore) throws -> any Objective
    ) -> TrainingPlan.Phase {
      .init(
        name: arm.name, options: recipe.training.options(for: sizes, seed: recipe.seed),
        repetitions: repetitions
      ) { store in
        try arm.plan(in: store, prefix: "trained")
        return (try objective(store), arm.model.parameters(prefix: "trained"))
      }
    }
    func nextToken(_ arm: Arm) throws -> NextTokenObjective {
      NextTokenObjective(
        try arm.languageModel(), classCount: arms.classCount, readsSpans: text.training.isPacked)
    }
    var phases: [TrainingPlan.Phase] = []
    if let teacher = arms.teacher, recipe.teacher.path.isEmpty {
      phases.append(phase(teacher, recipe.teacher, 1) { _ in try nextToken(teacher) })
    }
    phases.append(
      phase(pair.student, recipe.student, recipe.seeds) { store in
        try arms.objective(
          recipe.distillation, student: pair.student, teacher: try arms.planTeachers(in: store),
          readsSpans: text.training.isPacked)
      })
    if recipe.distillation.withoutControl.isEmpty {
      phases.append(
        phase(pair.control, recipe.student, recipe.seeds) { _ in try nextToken(pair.control) })
    }
    return TrainingPlan(phases: phases, data: text.training)
  }
}
