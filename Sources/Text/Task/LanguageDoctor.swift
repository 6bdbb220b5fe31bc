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
      + rowsOfCache() + teacherOnText() + baseOfStudent()
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
    let answers = try teacher.answers(to: rows, limit: Self.askedRows, store: weights.store)
    let asked = rows.rows.prefix(Self.askedRows)
    let before = asked.reduce(0) { $0 + $1.pieces.count }
    let after = answers.reduce(0) { $0 + $1.count }
    // The longer tokens decide how many pieces there can be.
    let count = min(
      asked.reduce(0) { $0 + $1.student.targetCount },
      asked.reduce(0) { $0 + $1.teacher.targetCount }
    )
    let each = 100 * Double(after) / Double(max(1, count))
    let joined = 100 * Double(before - after) / Double(max(1, before))
    let sentence =
      (tokens.tokenizer.isSame(as: arms.tokenizer)
        ? "one tokenizer of \(counted(tokens.classCount, "token"))"
        : "tokenizers of their own, \(counted(arms.classCount, "token")) for the student and \(grouped(tokens.classCount)) for the teacher")
      + ": \(fixed(each, 0)) pieces of text for 100 tokens, \(fixed(joined, 0)) % of all joined with the one before"
    var findings = [
      each < 20
        ? Finding.warning(sentence + ": pieces so long say little of single words")
        : .fine(sentence)
    ]
    if rows.refusedCount > 0 {
      findings.append(
        .warning(
          "left out: \(counted(rows.refusedCount, "text")) of which the tokenizers do not make the same bytes"
        ))
    }
    // Rows with room for the student and none for the teacher.
    let short = rows.rows.count {
      4 * $0.student.targetCount < 3 * rows.student.length
        && 4 * $0.teacher.targetCount > 3 * tokens.contextLength
    }
    if 10 * short > rows.rows.count {
      findings.append(
        .warning(
          "rows end where the teacher's context does, \(counted(tokens.contextLength, "token")): a data.sequence_length that "
            + "it covers leaves less of them empty"))
    }
    return findings
  }

  /// What was recorded beside answers.
  private func recorded(_ record: RecordedRows) -> [Finding] {
    let known = record.rows.answers.filter { !$0.isEmpty }
    let pieces = counted(known.reduce(0) { $0 + $1.count }, "piece")
    var parts = [
      "\(grouped(known.count)) of \(counted(record.rows.count + record.droppedCount, "answer")) bring log-probabilities of "
        + "\(pieces) of text"
    ]
    parts += record.flaws.sorted { $0.value > $1.value }.map {
      "\(grouped($0.value)) \($0.key.rawValue), and are learnt without"
    }
    if record.droppedCount > 0 {
      parts.append("the prompts of \(grouped(record.droppedCount)) leave no room for an answer")
    }
    let sentence = parts.joined(separator: "; ")
    return [parts.count == 1 ? .fine(sentence) : .warning(sentence)]
  }

  private func vocabulary() throws -> [Finding] {
    if let tokens = arms.teacherTokens, let rows = slice.learnt.aligned {
      return try pieces(rows, tokens)
    }
    if let record = slice.learnt.recorded { return recorded(record) }
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
    let doctor = TextDoctor(
      text: text.ofTeacher ?? text, classCount: arms.teacherTokens?.classCount ?? arms.classCount)
    let size = recipe.training.batchSize
    return try doctor.perplexity(
      of: teacher, as: teacher.name, teaches: true, batchSize: size, in: weights)
      + doctor.storage(of: teacher.directory, as: teacher.name, batchSize: size, in: weights)
  }

  /// What fewer bits change in the matrices that the student's additions are to.
  private func baseOfStudent() throws -> [Finding] {
    guard let base = arms.student.base else { return [] }
    return try common.storage(
      of: base, as: "student's base", batchSize: recipe.training.batchSize, in: weights)
  }
}
