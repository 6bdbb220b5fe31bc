// Rows of one text in two tokenizations.
import Base
import Tensors
import Training

/// A text of which some tokens are learnt, in the student's tokens and in the teacher's, with the pieces that both agree on.
package struct AlignedText: Sendable {
  package let student: TokenExamples.Example
  package let teacher: TokenExamples.Example
  package let pieces: [AlignedPiece]

  /// nil where the two are not the same bytes.
  init?(
    student: TokenExamples.Example, _ own: RunTokenizer, teacher: TokenExamples.Example,
    _ given: RunTokenizer
  ) {
    guard let mine = TargetPieces(student, own), let theirs = TargetPieces(teacher, given),
      let pieces = AlignedPiece.of(student: mine, teacher: theirs), !pieces.isEmpty
    else { return nil }
    (self.student, self.teacher, self.pieces) = (student, teacher, pieces)
  }

  private init(
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

  /// The first tokens of a row that begins with a piece: that before the piece, or all before it where it is the first.
  private func start(_ piece: Int) -> (student: Int, teacher: Int) {
    piece == 0
      ? (0, 0) : (pieces[piece].student.lowerBound - 1, pieces[piece].teacher.lowerBound - 1)
  }

  /// The text of some pieces.
  private func part(_ range: Range<Int>) -> AlignedText {
    let (start, last) = (start(range.lowerBound), pieces[range.upperBound - 1])
    func cut(_ example: TokenExamples.Example, _ range: ClosedRange<Int>) -> TokenExamples.Example {
      .init(tokens: Array(example.tokens[range]), isTarget: Array(example.isTarget[range]))
    }
    return AlignedText(
      cut(student, start.student...last.student.upperBound),
      cut(teacher, start.teacher...last.teacher.upperBound),
      pieces[range].enumerated().map { index, piece in
        var piece = piece.moved(-start.student, -start.teacher)
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
      let start = start(first)
      var (end, word) = (first, first)
      while end < pieces.count, pieces[end].student.upperBound - start.student <= length,
        pieces[end].teacher.upperBound - start.teacher <= teacherLength
      {
        end += 1
        if end < pieces.count, pieces[end].beginsWord || !pieces[end].continues { word = end }
      }
      // A piece that is longer than a row is left out.
      guard end > first else {
        if !isStream { break }
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
    piece.student = student.lowerBound + own...student.upperBound + own
    piece.teacher = teacher.lowerBound + given...teacher.upperBound + given
    return piece
  }
}

/// Rows in the tokens of a student and of a teacher that has others.
package struct AlignedRows: Sendable {
  package let rows: [AlignedText]
  /// The student's side, of which the teacher has not been asked.
  package let student: PieceRows
  /// The teacher's side.
  package let teacher: TokenExamples
  /// Texts that were left out, since two tokenizers did not make the same bytes of them.
  package let refusedCount: Int

  /// Rows of at most `length` tokens of the student's and `teacherLimit` of the teacher's.
  init(
    _ texts: [AlignedText], refused: Int, length: Int, teacherLimit: Int, isStream: Bool
  ) {
    let whole = isStream ? [AlignedText(joining: texts)] : texts
    rows = whole.flatMap {
      $0.rows(length: length, teacherLength: teacherLimit, isStream: isStream)
    }
    student = PieceRows(rows.map(\.student), length: length)
    // A multiple of 16, so that texts of about one length have the same kernels.
    let longest = rows.map { $0.teacher.tokens.count - 1 }.max() ?? 1
    teacher = TokenExamples(
      rows.map(\.teacher), length: min(teacherLimit, (longest + 15) / 16 * 16))
    refusedCount = refused
  }

  /// Bytes of the rows' pieces for each token that is learnt on one side.
  func bytesPerTarget(of side: any TokenData) -> Double {
    let bytes = rows.reduce(0) { $0 + $1.pieces.reduce(0) { $0 + $1.byteCount } }
    return Double(bytes) / Double(max(1, side.targetCount))
  }
}
