// What a teacher with other tokens says of the pieces of a text; it is asked once.
import Base
import Layers
import Models
import Tensors
import Tokenizers
import Training

/// The teacher's side of rows: its tokens and labels.
struct TeacherSide: TokenData {
  let rows: AlignedRows

  var length: Int { rows.teacherLength }
  var count: Int { rows.count }
  var targetCount: Int { weight(of: Array(rows.rows.indices)) }
  var fingerprint: String { rows.fingerprint }

  func weight(of numbers: [Int?]) -> Int {
    numbers.compactMap { $0 }.reduce(0) {
      $0 + rows.rows[$1].teacher.isTarget.dropFirst().count { $0 }
    }
  }

  func batch(of numbers: [Int?]) -> Batch {
    AlignedRows.batch(numbers.map { $0.map { rows.rows[$0].teacher } }, length)
  }
}

/// A teacher with its own tokens.
package struct OtherTeacher {
  let model: any LanguageModel
  let tokenizer: Tokenizer
  let classCount: Int

  package init(_ model: any LanguageModel, _ tokenizer: Tokenizer, classCount: Int) {
    (self.model, self.tokenizer, self.classCount) = (model, tokenizer, classCount)
  }

  /// A piece must not go on behind a boundary at which the teacher gives less than this to white space or an end.
  private static let leastMass: Float = 0.1
  /// Logits of so many bytes are made at a time.
  private static let logitBytes = 128 << 20

  /// 1 for tokens that begin with white space or end a text, else 0: [classCount, 1].
  private var beginsAnew: Tensor {
    let flags = (0..<Int32(classCount)).map { id -> Float in
      if tokenizer.isSpecial(id) { return 1 }
      return tokenizer.bytes(of: id)?.first.map(AlignedPiece.isWhiteSpace) ?? false ? 1 : 0
    }
    return .constant(TensorData([classCount, 1], flags))
  }

  /// The rows with what the teacher, whose variables are in `store`, says of their pieces. A piece that begins where the teacher hardly
  /// expects white space or an end is joined with the one before it: a token's likelihood also says that no longer one fitted, which
  /// the other tokenizer says elsewhere. At most `limit` rows are read.
  package func answering(
    _ rows: AlignedRows, limit: Int = .max, store: VariableStore,
    _ report: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> AlignedRows {
    let side = TeacherSide(rows: rows)
    let size = max(1, min(16, Self.logitBytes / (4 * classCount * side.length)))
    let inputs = Inputs(of: side, rowCount: size)
    let hidden = inputs.hidden(model)
    let nats = LinearLoss.crossEntropy(
      hidden: hidden, head: model.head, labels: inputs[.labels], classCount: classCount)
    let all = model.head.logits(hidden).prefix(classCount).softmax()
    let mass = all.reshaped(to: [size * side.length, classCount]).matmul(beginsAnew)
    let executor = try GraphExecutor(Graph(outputs: [nats, mass]), on: store)
    var answered = rows
    let count = min(limit, rows.count)
    for start in stride(from: 0, to: count, by: size) {
      try report(start, count)
      let numbers = (start..<start + size).map { $0 < count ? $0 : nil }
      try inputs.set(side.batch(of: numbers), on: executor)
      try executor.run()
      let nats = try executor.value(of: nats).floats
      let mass = try executor.value(of: mass).floats
      for (index, number) in numbers.enumerated() {
        guard let number else { continue }
        let places = index * side.length..<(index + 1) * side.length
        let own = Self.answers(
          rows.rows[number].pieces, Array(nats[places]), Array(mass[places]))
        guard own.allSatisfy(\.nats.isFinite) else {
          throw UserError.notFinite("The teacher's losses on the text")
        }
        answered.answers.append(own)
      }
    }
    try report(count, count)
    return answered
  }

  /// `nats` and `mass` of the labels of a row, each at the position before its token.
  static func answers(_ pieces: [AlignedPiece], _ nats: [Float], _ mass: [Float])
    -> [AlignedRows.Answer]
  {
    var answers: [AlignedRows.Answer] = []
    for piece in pieces {
      let own = (piece.firstOfTeacher...piece.teacher).reduce(Float(0)) { $0 + nats[$1 - 1] }
      if piece.continues, mass[piece.firstOfTeacher - 1] <= leastMass, let last = answers.popLast()
      {
        answers.append(.init(end: piece.student, nats: last.nats + own))
      } else {
        answers.append(.init(end: piece.student, nats: own))
      }
    }
    return answers
  }
}
