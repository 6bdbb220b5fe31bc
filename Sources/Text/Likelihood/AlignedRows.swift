// Rows of one text in two tokenizations.
import Base
import Storage
import Tensors
import Tokenizers
import Training

extension Field {
  /// The piece of its row that the label of each position belongs to, [T] a row; -1 for none.
  package static let pieces = Field("pieces", .int32)
  /// -log P of each piece of a row by the teacher, in nats, [T] a row; 0 where there are fewer.
  package static let pieceNats = Field("piece_nats")
}

/// A text of which some tokens are learnt, in the student's tokens and in the teacher's, with the pieces that both agree on.
package struct AlignedText: Sendable {
  package let student: TokenExamples.Example
  package let teacher: TokenExamples.Example
  package let pieces: [AlignedPiece]

  /// nil where the two are not the same bytes.
  init?(
    student: TokenExamples.Example, _ own: Tokenizer, teacher: TokenExamples.Example,
    _ given: Tokenizer
  ) {
    guard let mine = TargetPieces(student, own), let theirs = TargetPieces(teacher, given),
      let pieces = AlignedPiece.of(student: mine, teacher: theirs), !pieces.isEmpty
    else { return nil }
    (self.student, self.teacher, self.pieces) = (student, teacher, pieces)
  }

  init(
    _ student: TokenExamples.Example, _ teacher: TokenExamples.Example, _ pieces: [AlignedPiece]
  ) {
    (self.student, self.teacher, self.pieces) = (student, teacher, pieces)
  }

  /// Texts one after the other, as a stream.
  init(joining texts: [AlignedText]) {
    var (student, teacher) = (
      TokenExamples.Example(tokens: [], isTarget: []),
      TokenExamples.Example(tokens: [], isTarget: [])
    )
    var pieces: [AlignedPiece] = []
    for text in texts {
      let own = student.append(text.student)
      let given = teacher.append(text.teacher)
      pieces += text.pieces.map { $0.moved(own, given) }
    }
    self.init(student, teacher, pieces)
  }

  /// The text from one piece to another, with the token before it, or all tokens before it where it is the first.
  private func part(_ range: Range<Int>) -> AlignedText {
    let (first, last) = (pieces[range.lowerBound], pieces[range.upperBound - 1])
    let own = range.lowerBound == 0 ? 0 : first.firstOfStudent - 1
    let given = range.lowerBound == 0 ? 0 : first.firstOfTeacher - 1
    func cut(_ example: TokenExamples.Example, _ from: Int, _ last: Int) -> TokenExamples.Example {
      .init(
        tokens: Array(example.tokens[from...last]), isTarget: Array(example.isTarget[from...last]))
    }
    return AlignedText(
      cut(student, own, last.student), cut(teacher, given, last.teacher),
      pieces[range].enumerated().map { index, piece in
        var piece = piece.moved(-own, -given)
        if index == 0 { piece.continues = false }
        return piece
      })
  }

  /// Rows of at most so many tokens, and one more, on either side, which end before a word where they can. A text that is no
  /// stream loses what is behind its first row.
  func rows(length: Int, teacherLength: Int, isStream: Bool) -> [AlignedText] {
    var rows: [AlignedText] = []
    var first = 0
    while first < pieces.count {
      let own = first == 0 ? 0 : pieces[first].firstOfStudent - 1
      let given = first == 0 ? 0 : pieces[first].firstOfTeacher - 1
      var (end, word) = (first, first)
      while end < pieces.count, pieces[end].student - own <= length,
        pieces[end].teacher - given <= teacherLength
      {
        end += 1
        if end < pieces.count, pieces[end].beginsWord || !pieces[end].continues { word = end }
      }
      // A piece that is longer than a row is left out.
      guard end > first else {
        if first == 0, !isStream { break }
        first += 1
        continue
      }
      if end < pieces.count, word > first { end = word }
      rows.append(part(first..<end))
      first = end
      if !isStream { break }
    }
    return rows
  }
}

extension TokenExamples.Example {
  /// At most so many tokens, and one more.
  fileprivate func cut(to length: Int) -> Self {
    Self(tokens: Array(tokens.prefix(length + 1)), isTarget: Array(isTarget.prefix(length + 1)))
  }

  /// Appends another, whose first token may be this one's last; returns how far its tokens are moved.
  fileprivate mutating func append(_ other: Self) -> Int {
    let shared = tokens.last != nil && tokens.last == other.tokens.first ? 1 : 0
    let moved = tokens.count - shared
    tokens += other.tokens.dropFirst(shared)
    isTarget += other.isTarget.dropFirst(shared)
    return moved
  }
}

extension AlignedPiece {
  fileprivate func moved(_ own: Int, _ given: Int) -> AlignedPiece {
    var piece = self
    piece.student += own
    piece.firstOfStudent += own
    piece.teacher += given
    piece.firstOfTeacher += given
    return piece
  }
}

/// Rows whose tokens are the student's, with what a teacher of other tokens says of their pieces.
package struct AlignedRows: TokenData, Sendable {
  package let rows: [AlignedText]
  package let length: Int
  /// Tokens of the teacher in the longest row.
  package let teacherLength: Int
  /// Texts that were left out, since two tokenizers did not make the same bytes of them.
  package let refusedCount: Int
  /// The pieces of each row, once the teacher was asked: joined where one could not end by itself, with its nats. Empty before.
  package internal(set) var answers: [[Answer]] = []
  /// Why answers of a record are learnt without its numbers, and how many.
  private(set) var flaws: [RecordedAnswers.Flaw: Int] = [:]

  package struct Answer: Sendable {
    /// The position of the piece's last token among the student's.
    package let end: Int
    package let nats: Float
  }

  /// Rows of at most `length` tokens of the student's and `teacherLimit` of the teacher's.
  init(
    _ texts: [AlignedText], refused: Int, length: Int, teacherLimit: Int, isStream: Bool
  ) {
    let whole = isStream ? [AlignedText(joining: texts)] : texts
    rows = whole.flatMap {
      $0.rows(length: length, teacherLength: teacherLimit, isStream: isStream)
    }
    self.length = length
    // Graphs for few lengths.
    let longest = rows.map { $0.teacher.tokens.count - 1 }.max() ?? 1
    teacherLength = min(teacherLimit, (longest + 15) / 16 * 16)
    refusedCount = refused
  }

  /// Answers with what was recorded of their tokens, a row each. Those without numbers that can be used are learnt as they are.
  init(
    _ examples: [TokenExamples.Example], recorded entries: [DataEntry], _ tokenizer: Tokenizer,
    length: Int
  ) throws {
    var (rows, answers): ([AlignedText], [[Answer]]) = ([], [])
    for (example, entry) in zip(examples, entries) {
      do {
        let recorded = try RecordedAnswers(entry.record)
        let (text, numbers) = try recorded.answers(for: example, tokenizer)
        guard let row = text.rows(length: length, teacherLength: .max, isStream: false).first else {
          continue
        }
        rows.append(row)
        let end = row.student.tokens.count
        answers.append(numbers.filter { $0.end < end })
      } catch {
        flaws[error, default: 0] += 1
        let shown = example.cut(to: length)
        guard shown.isTarget.dropFirst().contains(true) else { continue }
        rows.append(AlignedText(shown, shown, []))
        answers.append([])
      }
    }
    guard answers.contains(where: { !$0.isEmpty }) else {
      let why = flaws.sorted { $0.value > $1.value }.first?.key ?? .missing
      throw UserError(
        "The objective likelihood without a teacher learns from the log-probabilities of collected answers: those of "
          + "\(counted(examples.count, "answer")) here \(why.rawValue).")
    }
    (self.rows, self.answers, self.length) = (rows, answers, length)
    (teacherLength, refusedCount) = (1, 0)
  }

  package var count: Int { rows.count }
  package var targetCount: Int { weight(of: Array(rows.indices)) }

  package func weight(of numbers: [Int?]) -> Int {
    numbers.compactMap { $0 }.reduce(0) {
      $0 + rows[$1].student.isTarget.dropFirst().count { $0 }
    }
  }

  /// Bytes of the rows' pieces.
  var byteCount: Int { rows.reduce(0) { $0 + $1.pieces.reduce(0) { $0 + $1.byteCount } } }
  /// Bytes of what is learnt per token of the student.
  var bytesPerTarget: Double { Double(byteCount) / Double(max(1, targetCount)) }

  package var fields: [Field: Shape] {
    [.tokens: [length], .labels: [length], .pieces: [length], .pieceNats: [length]]
  }

  package var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("aligned rows of \(length) and \(teacherLength)")
    for row in rows {
      fingerprint.add(row.student.tokens)
      fingerprint.add(row.teacher.tokens)
    }
    // Numbers of a record belong to the data; those of a teacher to the teacher.
    if !flaws.isEmpty || teacherLength == 1 {
      for answer in answers.joined() { fingerprint.add("\(answer.end) \(answer.nats)") }
    }
    return fingerprint.description
  }

  package func batch(of numbers: [Int?]) -> Batch {
    var batch = Self.batch(numbers.map { $0.map { rows[$0].student } }, length)
    var (pieces, nats): ([Int32], [Float]) = ([], [])
    for number in numbers {
      var (ofPositions, ofPieces): ([Int32], [Float]) = ([], [])
      if let number, !answers.isEmpty {
        let isTarget = rows[number].student.isTarget
        for (index, answer) in answers[number].enumerated() {
          // The label of a position is the token behind it.
          while ofPositions.count < answer.end {
            ofPositions.append(isTarget[ofPositions.count + 1] ? Int32(index) : -1)
          }
          ofPieces.append(answer.nats)
        }
      }
      pieces += ofPositions + [Int32](repeating: -1, count: length - ofPositions.count)
      nats += ofPieces + [Float](repeating: 0, count: length - ofPieces.count)
    }
    let shape: Shape = [numbers.count, length]
    batch.values[.pieces] = TensorData(shape, pieces)
    batch.values[.pieceNats] = TensorData(shape, nats)
    return batch
  }

  /// Examples as rows of a length, filled up with positions that do not count.
  static func batch(_ examples: [TokenExamples.Example?], _ length: Int) -> Batch {
    var (tokens, labels): ([Int32], [Int32]) = ([], [])
    for example in examples {
      let inputs = example?.tokens.dropLast() ?? []
      let targets = example.map { zip($0.tokens, $0.isTarget).dropFirst().map { $1 ? $0 : -1 } }
      tokens += inputs + [Int32](repeating: 0, count: length - inputs.count)
      labels += (targets ?? []) + [Int32](repeating: -1, count: length - inputs.count)
    }
    let shape: Shape = [examples.count, length]
    return Batch(tokens: TensorData(shape, tokens), labels: TensorData(shape, labels))
  }
}
