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

  /// Rows that tell how well two tokenizations agree.
  private static let askedRows = 64

  /// How the pieces of a text lie that both tokenizers can name, by the first rows.
  private func pieces(_ rows: AlignedRows, _ tokens: TeacherTokens) throws -> [Finding] {
    guard let teacher = try arms.otherTeacher() else { return [] }
    let answered = try teacher.answering(rows, limit: Self.askedRows, store: weights.store)
    let asked = rows.rows.prefix(Self.askedRows)
    let before = asked.reduce(0) { $0 + $1.pieces.count }
    let after = answered.answers.reduce(0) { $0 + $1.count }
    // The longer tokens decide how many pieces there can be.
    let count = min(
      asked.reduce(0) { $0 + $1.student.tokens.count - 1 },
      asked.reduce(0) { $0 + $1.teacher.tokens.count - 1 })
    let each = 100 * Double(after) / Double(max(1, count))
    let joined = 100 * Double(before - after) / Double(max(1, before))
    let sentence =
      "tokenizers of their own, \(counted(arms.classCount, "token")) for the student and \(grouped(tokens.classCount)) for the "
      + "teacher: \(fixed(each, 0)) pieces of text for 100 tokens, \(fixed(joined, 0)) % of all joined with the one before"
    let refused =
      rows.refusedCount > 0
      ? [
        Finding.warning(
          "\(counted(rows.refusedCount, "text")) are left out: the tokenizers do not make the same bytes of them"
        )
      ] : []
    return [
      each < 20
        ? .warning(sentence + ": pieces so long say little of single words") : .fine(sentence)
    ] + refused
  }

  /// What was recorded beside answers.
  private func recorded(_ rows: AlignedRows) -> [Finding] {
    let known = rows.answers.filter { !$0.isEmpty }
    let pieces = counted(known.reduce(0) { $0 + $1.count }, "piece")
    let sentence =
      "\(grouped(known.count)) of \(counted(rows.count, "answer")) bring log-probabilities of \(pieces) of text"
    let flaws = rows.flaws.sorted { $0.key.rawValue < $1.key.rawValue }.map {
      "\(grouped($0.value)) \($0.key.rawValue)"
    }
    return [
      flaws.isEmpty
        ? .fine(sentence)
        : .warning(sentence + "; " + flaws.joined(separator: ", ") + ", and are learnt without")
    ]
  }

  private func vocabulary() throws -> [Finding] {
    if let tokens = arms.teacherTokens, let rows = slice.aligned {
      return try pieces(rows, tokens)
    }
    if arms.readsRecords, let rows = slice.aligned { return recorded(rows) }
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
    guard arms.teacherTokens == nil, text.training is TokenExamples,
      let own = arms.tokenizer.directory
    else { return [] }
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
    return try TextDoctor(
      text: text.ofTeacher ?? text, classCount: arms.teacherTokens?.classCount ?? arms.classCount
    ).perplexity(
      of: teacher, as: teacher.name, teaches: true, batchSize: recipe.training.batchSize,
      in: weights)
  }
}
