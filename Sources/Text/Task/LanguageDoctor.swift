// What would spoil a distillation silently, found before it begins.
import Base
import Experiments
import Foundation
import Models
import Tensors
import Tokenizers

/// Looks at a distillation of language models before it begins.
struct LanguageDoctor {
  let arms: LanguageArms
  let text: RunText
  /// What student and controls read of it.
  let slice: RunText
  let recipe: DistillRecipe
  let weights: FrozenWeights

  private var common: TextDoctor { TextDoctor(text: slice, classCount: arms.classCount) }

  func findings() throws -> [Finding] {
    try vocabulary() + conversations() + slices() + common.targets() + ownRows()
      + rowsOfCache() + teacherOnText()
  }

  /// What student and controls see of the text, where it is not all.
  private func slices() -> [Finding] {
    guard recipe.language.student.textShare < 1 else { return [] }
    return [
      .fine(
        "student and controls see \(grouped(slice.training.count)) of \(counted(text.training.count, "row")) "
          + "(student.text_share \(recipe.language.student.textShare))"
          + (arms.cache == nil && recipe.language.teacher.path.isEmpty ? ", the teacher all" : ""))
    ]
  }

  /// What the student learns from besides the text.
  private func ownRows() -> [Finding] {
    let options = recipe.language.distillation.onPolicy
    guard options.lambda > 0 else { return [] }
    return [
      .fine(
        "the student writes a row itself with probability \(options.lambda), at temperature \(options.temperature)"
      )
    ]
  }

  private func vocabulary() throws -> [Finding] {
    let student = arms.student.model
    let rows = [arms.teacher?.model.tokenRows, student.tokenRows].compactMap { $0 }
    let padded = rows.contains { $0 > arms.classCount }
    return [
      .fine(
        "one tokenizer of \(counted(arms.classCount, "token")) for all models"
          + (padded
            ? "; tables have \(rows.map(grouped).joined(separator: " and ")) rows, the rest is padding"
            : ""))
    ]
  }

  /// Whether teacher and student write conversations alike.
  private func conversations() throws -> [Finding] {
    guard text.training is TokenExamples, let own = arms.tokenizer.directory else { return [] }
    let sample = [
      ChatMessage(role: "user", content: "One?"), ChatMessage(role: "assistant", content: "Two."),
    ]
    guard own.chatTemplateSource() != nil else { return [] }
    let mine: String
    do { mine = try own.chatTemplate().render(sample, startsAnswer: false) } catch {
      return [.warning("the teacher's chat template does not write a short conversation: \(error)")]
    }
    guard !recipe.language.student.path.isEmpty else {
      return [.fine("conversations are written as \(mine.json)")]
    }
    let other = try TokenizerDirectory(URL(fileURLWithPath: recipe.language.student.path))
    let theirs = (try? other.chatTemplate().render(sample, startsAnswer: false)) ?? "nothing"
    return mine == theirs
      ? [.fine("teacher and student write conversations as \(mine.json)")]
      : [
        .refusal(
          "the teacher writes a conversation as \(mine.json), the student as \(theirs.json): use one "
            + "chat template for both")
      ]
  }

  private func rowsOfCache() throws -> [Finding] {
    guard let cache = arms.cache else { return [] }
    var missing = 0
    for data in [slice.training, text.heldOut] {
      try data.batches(of: 1).each { missing += cache.holds($0) ? 0 : 1 }
    }
    let all = slice.training.count + text.heldOut.count
    return [
      missing == 0
        ? .fine("the cache (\(cache.description.codec)) holds all \(counted(all, "row"))")
        : .refusal(
          "the cache lacks \(grouped(missing)) of \(counted(all, "row")): it was made from other data, another "
            + "seed, length or student.text_share; a cache made again with this recipe has them")
    ]
  }

  private func teacherOnText() throws -> [Finding] {
    guard let teacher = arms.teacher, !recipe.language.teacher.path.isEmpty else { return [] }
    // Where a cache stands for it, it does not stay in memory.
    let weights = arms.cache == nil ? weights : FrozenWeights(on: weights.store.device)
    return try TextDoctor(text: text, classCount: arms.classCount).perplexity(
      of: teacher, as: teacher.name, teaches: true, batchSize: recipe.training.batchSize,
      in: weights)
  }
}
