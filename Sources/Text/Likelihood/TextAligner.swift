// Texts in the tokens of a student and of a teacher that has others.
import Base

/// The tokens of a teacher, where they are not the student's.
package struct TeacherTokens {
  package let tokenizer: RunTokenizer
  /// The most that it reads at once.
  package let contextLength: Int
  /// Rows of its table.
  package let classCount: Int
}

/// Reads texts with two tokenizers.
struct TextAligner {
  let student: RunTokenizer
  let teacher: TeacherTokens
  /// Tokens of the student in a row, and rows of its table.
  let length, classCount: Int

  /// The teacher may have so many times as many tokens in a row.
  private static let mostTimes = 8
  private var teacherLimit: Int { min(teacher.contextLength, Self.mostTimes * length) }

  /// Rows cut from texts one after the other.
  func rows(stream texts: [String]) throws -> AlignedRows {
    try rows(
      texts.map(EntryExamples(student).whole), texts.map(EntryExamples(teacher.tokenizer).whole),
      isStream: true)
  }

  /// Rows of examples, one each, with the same in the teacher's tokens.
  func rows(
    _ own: [TokenExamples.Example], _ given: [TokenExamples.Example], isStream: Bool = false
  ) throws -> AlignedRows {
    let texts = zip(own, given).compactMap { own, given in
      AlignedText(
        student: own.begun(by: student), student,
        teacher: given.begun(by: teacher.tokenizer), teacher.tokenizer)
    }
    let refused = own.count - texts.count
    guard refused <= texts.count else {
      throw UserError(
        "The tokenizers of teacher and student make other bytes of \(grouped(refused)) of \(counted(own.count, "text")): one of "
          + "them changes texts, or does not say which bytes its tokens stand for. Their likelihoods cannot be compared."
      )
    }
    for text in texts {
      try student.tokenizer.require(text.student.tokens, below: classCount)
      try teacher.tokenizer.tokenizer.require(text.teacher.tokens, below: teacher.classCount)
    }
    return AlignedRows(
      texts, refused: refused, length: length, teacherLimit: teacherLimit, isStream: isStream)
  }

  /// Entries in the teacher's tokens, as many as in the student's.
  func examples(_ entries: [DataEntry], count: Int) throws -> [TokenExamples.Example] {
    let examples = try entries.flatMap(EntryExamples(teacher.tokenizer).examples)
    guard examples.count == count else {
      throw UserError(
        "The chat templates of teacher and student cut conversations into examples differently, so their likelihoods cannot "
          + "be compared. Give one answer in each conversation.")
    }
    return examples
  }
}
