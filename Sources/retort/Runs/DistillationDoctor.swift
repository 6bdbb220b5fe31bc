// What would spoil a distillation silently, found before it begins.
import Distillation
import Foundation
import Models
import Tensors
import Tokenizers

/// Looks at a distillation of language models before it begins.
struct DistillationDoctor {
  let arms: DistillationArms
  let text: RunText
  let recipe: DistillRecipe
  let device: any Device

  private var common: TextDoctor {
    TextDoctor(
      text: text, classCount: arms.classCount,
      plan: TrainingPlan(
        recipe: recipe.training, steps: recipe.student.steps, repetitions: recipe.seeds))
  }

  func findings() throws -> [Finding] {
    try vocabulary() + common.unknownTokens() + conversations() + common.targets() + rowsOfCache()
      + teacherOnText() + cost()
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
    guard let mine = try? own.chatTemplate().render(sample, startsAnswer: false) else { return [] }
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
    return try common.perplexity(of: teacher, teaches: true, seed: recipe.seed, on: device)
  }

  private func cost() throws -> [Finding] {
    let student = arms.pairs[0].student
    let teacher: Teacher =
      try arms.cache.map { .cache($0) }
      ?? .model(try (arms.teacher ?? student).languageModel())
    let teachers = (arms.cache == nil ? [arms.teacher?.model] : []) + arms.others.map(\.arm.model)
    return [
      try common.plan.cost(
        try arms.objective(
          recipe.distillation, student: student, teacher: teacher,
          readsSpans: text.training.isPacked),
        parameters: student.model.parameters().map(\.tensor),
        otherCount: teachers.reduce(0) { $0 + ($1?.parameterCount ?? 0) },
        length: recipe.data.sequenceLength, on: device)
    ]
  }
}
