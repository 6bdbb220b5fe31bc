// What a teacher with other tokens says of the pieces of a text; it is asked once.
import Base
import Models
import Tensors
import Training

/// A teacher with its own tokens.
package struct OtherTeacher {
  private let model: any LanguageModel
  private let tokenizer: RunTokenizer
  /// Rows of its table beyond these are padding.
  private let classCount: Int

  /// A teacher, its tokenizer, and how many tokens its table has.
  package init(_ model: any LanguageModel, _ tokenizer: RunTokenizer, classCount: Int) {
    (self.model, self.tokenizer, self.classCount) = (model, tokenizer, classCount)
  }

  /// A piece goes on behind a boundary at which the teacher gives at most this to white space or an end.
  private static let leastMass: Float = 0.1
  /// Logits of so many bytes are made at a time.
  private static let logitBytes = 128 << 20
  /// At most so many rows are asked about at a time.
  private static let mostRows = 16

  /// 1 for tokens that begin with white space or end a text, else 0: [classCount, 1].
  private var beginsAnew: Tensor {
    let flags = (0..<Int32(classCount)).map { id -> Float in
      if tokenizer.isEnd(id) { return 1 }
      let first = tokenizer.tokenizer.bytes(of: id)?.first
      return first.map(AlignedPiece.isWhiteSpace) ?? false ? 1 : 0
    }
    return .constant(TensorData([classCount, 1], flags))
  }

  /// What the teacher, whose variables are in `store`, says of the pieces of each row. A piece that begins where the teacher hardly
  /// expects white space or an end is joined with the one before it: a token's likelihood also says that no longer one fitted, which
  /// the other tokenizer says elsewhere. At most `limit` rows are read.
  package func answers(
    to rows: AlignedRows, limit: Int = .max, store: VariableStore,
    _ report: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> [[PieceRows.Answer]] {
    let side = rows.teacher
    let size = max(1, min(Self.mostRows, Self.logitBytes / (4 * classCount * side.length)))
    let inputs = Inputs(of: side, rowCount: size)
    let hidden = inputs.hidden(model)
    let losses = LinearLoss.crossEntropy(
      hidden: hidden, head: model.head, labels: inputs[.labels], classCount: classCount)
    let all = model.head.logits(hidden).prefix(classCount).softmax()
    let masses = all.reshaped(to: [size * side.length, classCount]).matmul(beginsAnew)
    let executor = try GraphExecutor(Graph(outputs: [losses, masses]), on: store)
    var answers: [[PieceRows.Answer]] = []
    let count = min(limit, side.count)
    for start in stride(from: 0, to: count, by: size) {
      try report(start, count)
      let numbers = (start..<start + size).map { $0 < count ? $0 : nil }
      try inputs.set(side.batch(of: numbers), on: executor)
      try executor.run()
      let nats = try executor.value(of: losses).floats
      let mass = try executor.value(of: masses).floats
      for (index, number) in numbers.enumerated() {
        guard let number else { continue }
        let places = index * side.length..<(index + 1) * side.length
        let own = Self.answers(
          to: rows.rows[number].pieces, Array(nats[places]), Array(mass[places]))
        guard own.allSatisfy(\.nats.isFinite) else {
          throw UserError.notFinite("The teacher's losses on the text")
        }
        answers.append(own)
      }
    }
    try report(count, count)
    return answers
  }

  /// `nats` and `mass` are of the labels of a row, each at the position before its token.
  static func answers(to pieces: [AlignedPiece], _ nats: [Float], _ mass: [Float])
    -> [PieceRows.Answer]
  {
    var answers: [PieceRows.Answer] = []
    for piece in pieces {
      let own = piece.teacher.reduce(Float(0)) { $0 + nats[$1 - 1] }
      if piece.continues, mass[piece.teacher.lowerBound - 1] <= leastMass,
        let last = answers.popLast()
      {
        answers.append(
          .init(
            tokens: last.tokens.lowerBound...piece.student.upperBound, nats: last.nats + own))
      } else {
        answers.append(.init(tokens: piece.student, nats: own))
      }
    }
    return answers
  }
}
