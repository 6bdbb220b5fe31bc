// What is learnt of a tokenised text, as bytes, and where two tokenizers agree on it.
import Tokenizers

/// The learnt tokens of a text: stretches of bytes, each between tokens that are not learnt or that end something.
struct TargetPieces {
  struct Stretch {
    var bytes: [UInt8] = []
    /// The learnt tokens: their positions among all tokens, and where each ends in `bytes`.
    var tokens: [(position: Int, end: Int)] = []
    /// The position of the last special token right behind it; nil where none is.
    var special: Int?
  }

  private(set) var stretches: [Stretch] = []

  /// Stretches that are known already.
  init(_ stretches: [Stretch]) { self.stretches = stretches }

  /// nil where a token's bytes are not known. The first token is never learnt: nothing stands before it.
  init?(_ example: TokenExamples.Example, _ tokenizer: RunTokenizer) {
    var isOpen = false
    for (position, id) in example.tokens.enumerated().dropFirst() {
      guard example.isTarget[position] else {
        isOpen = false
        continue
      }
      if tokenizer.isEnd(id) {
        // Several special tokens side by side are one end.
        let goesOn = isOpen || stretches.last.map { $0.special == position - 1 } ?? false
        if !goesOn { stretches.append(Stretch()) }
        stretches[stretches.count - 1].special = position
        isOpen = false
        continue
      }
      guard let bytes = tokenizer.tokenizer.bytes(of: id) else { return nil }
      if !isOpen { stretches.append(Stretch()) }
      isOpen = true
      stretches[stretches.count - 1].bytes += bytes
      let end = stretches[stretches.count - 1].bytes.count
      stretches[stretches.count - 1].tokens.append((position, end))
    }
  }
}

extension RunTokenizer {
  /// Whether an id stands for no text: the end of one, or whatever else is special.
  func isEnd(_ id: Int32) -> Bool { id == endOfText || tokenizer.isSpecial(id) }
}

extension TargetPieces.Stretch {
  /// Without a space at its beginning, which some tokenizers put before a text.
  fileprivate func withoutFirstSpace() -> Self {
    var stretch = self
    stretch.bytes.removeFirst()
    stretch.tokens = tokens.map { ($0.position, max(0, $0.end - 1)) }
    return stretch
  }
}

extension TargetPieces.Stretch {
  /// Some of its bytes, with the tokens that end there; and whether the first of these begins before them.
  fileprivate func part(_ range: Range<Int>) -> (stretch: Self, isTorn: Bool) {
    var part = Self()
    part.bytes = Array(bytes[range])
    part.tokens = tokens.filter { $0.end > range.lowerBound && $0.end <= range.upperBound }
      .map { ($0.position, $0.end - range.lowerBound) }
    let isTorn = range.lowerBound > 0 && !tokens.contains { $0.end == range.lowerBound }
    return (part, isTorn)
  }

  /// Where some bytes are, if there is no doubt: behind nothing but white space, or in one place alone.
  fileprivate func place(of part: [UInt8]) -> Range<Int>? {
    guard let first = bytes.firstRange(of: part) else { return nil }
    let isFirst = bytes[..<first.lowerBound].allSatisfy(AlignedPiece.isWhiteSpace)
    let isOnly = bytes[(first.lowerBound + 1)...].firstRange(of: part) == nil
    return isFirst || isOnly ? first : nil
  }

  /// Whether there is nothing but white space.
  var isBlank: Bool { trimmed.isEmpty }

  /// Its bytes without white space on either side.
  fileprivate var trimmed: Range<Int> {
    let first = bytes.firstIndex { !AlignedPiece.isWhiteSpace($0) } ?? bytes.count
    let last = bytes.lastIndex { !AlignedPiece.isWhiteSpace($0) }.map { $0 + 1 } ?? first
    return first..<last
  }
}

/// A piece of a text that begins and ends where both tokenizations do.
package struct AlignedPiece: Sendable, Hashable {
  /// The positions of its tokens among the student's, and among the teacher's.
  package var student, teacher: ClosedRange<Int>
  /// Whether it may be joined with the piece before it: both are bytes of one stretch.
  package var continues: Bool
  /// Whether it begins with white space, or is an end.
  package var beginsWord: Bool
  /// Bytes of the text; an end counts as one.
  package var byteCount: Int

  /// The pieces of two tokenizations of one text; nil where their bytes are not the same.
  static func of(student: TargetPieces, teacher: TargetPieces) -> [AlignedPiece]? {
    guard student.stretches.count == teacher.stretches.count else { return nil }
    var pieces: [AlignedPiece] = []
    for (own, given) in zip(student.stretches, teacher.stretches) {
      var (own, given) = (own, given)
      if own.bytes != given.bytes {
        let space = UInt8(ascii: " ")
        if own.bytes.first == space, own.bytes.count == given.bytes.count + 1 {
          own = own.withoutFirstSpace()
        } else if given.bytes.first == space, given.bytes.count == own.bytes.count + 1 {
          given = given.withoutFirstSpace()
        }
      }
      guard own.bytes == given.bytes, (own.special == nil) == (given.special == nil) else {
        return nil
      }
      pieces += between(own, given)
      if let mine = own.special, let theirs = given.special {
        let first = own.tokens.last.map { $0.position + 1 } ?? mine
        let other = given.tokens.last.map { $0.position + 1 } ?? theirs
        pieces.append(
          AlignedPiece(
            student: first...mine, teacher: other...theirs, continues: false, beginsWord: true,
            byteCount: 1))
      }
    }
    return pieces
  }

  /// The pieces of an answer in what a template makes of it. Where the answer `isWhole`, white space and texts may stand around it
  /// there, and white space at its ends may be gone. nil where the answer is not there.
  static func of(
    _ answer: TargetPieces.Stretch, within shown: TargetPieces.Stretch, isWhole: Bool
  ) -> [AlignedPiece]? {
    var alone = shown
    alone.special = nil
    let ranges =
      isWhole && alone.bytes != answer.bytes ? [0..<answer.bytes.count, answer.trimmed] : []
    var torn: [AlignedPiece]?
    for range in ranges where !range.isEmpty {
      let given = answer.part(range)
      guard let place = shown.place(of: given.stretch.bytes) else { continue }
      let own = shown.part(place)
      let pieces = between(own.stretch, given.stretch)
      if !own.isTorn, !given.isTorn { return pieces }
      // A first token that begins before the answer says more than the answer.
      torn =
        torn
        ?? pieces.dropFirst().enumerated().map { index, piece in
          var piece = piece
          piece.continues = piece.continues && index > 0
          return piece
        }
    }
    return of(student: TargetPieces([alone]), teacher: TargetPieces([answer])) ?? torn
  }

  /// The pieces between the ends that both have in common.
  private static func between(_ own: TargetPieces.Stretch, _ given: TargetPieces.Stretch)
    -> [AlignedPiece]
  {
    var pieces: [AlignedPiece] = []
    var (i, j, firstI, firstJ, start) = (0, 0, 0, 0, 0)
    while i < own.tokens.count, j < given.tokens.count {
      if own.tokens[i].end < given.tokens[j].end {
        i += 1
        continue
      }
      if own.tokens[i].end > given.tokens[j].end {
        j += 1
        continue
      }
      let end = own.tokens[i].end
      // A token may add no bytes, as the rest of what was one character's before.
      while i + 1 < own.tokens.count, own.tokens[i + 1].end == end { i += 1 }
      while j + 1 < given.tokens.count, given.tokens[j + 1].end == end { j += 1 }
      pieces.append(
        AlignedPiece(
          student: own.tokens[firstI].position...own.tokens[i].position,
          teacher: given.tokens[firstJ].position...given.tokens[j].position,
          continues: !pieces.isEmpty,
          beginsWord: start < end && isWhiteSpace(own.bytes[start]), byteCount: end - start))
      (i, j) = (i + 1, j + 1)
      (firstI, firstJ, start) = (i, j, end)
    }
    return pieces
  }

  static func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
}
