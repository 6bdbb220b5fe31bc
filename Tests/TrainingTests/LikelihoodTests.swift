// Likelihoods of pieces of text: the divergence, pieces that two tokenizers agree on, what a teacher says of them.
import Checks
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Testing
import Training

@testable import Text
@testable import Tokenizers

@Suite struct LikelihoodTests {
  // MARK: The divergence

  /// I(u, v), its slope in v, and whether that was bounded.
  private func divergence(_ u: Float, _ v: Float) throws -> [Double] {
    let feeds = inputs([TensorData([1], [u]), TensorData([1], [v])])
    let (loss, bounded) = LikelihoodLoss.divergence(
      teacher: feeds[0].tensor, student: feeds[1].tensor)
    let slope = gradients(of: loss.sum(), withRespectTo: [feeds[1].tensor])
    return try evaluate([loss, bounded] + slope, feeds).map { Double($0.floats[0]) }
  }

  @Test func theDivergenceHasItsGoldenNumbers() throws {
    for (u, v, value, slope) in [
      (3.2, 1.1, 1.317_090_016_0, -1.909_090_909_1), (0.05, 0.5, 0.334_870_745_4, 0.9),
      (2, 2, 0, 0),
    ] {
      let found = try divergence(Float(u), Float(v))
      #expect(abs(found[0] - value) < 1e-6 && abs(found[2] - slope) < 1e-6)
      #expect(found[1] == 0)
    }
  }

  @Test func itsSlopeIsBoundedWhereAStudentIsTooSure() throws {
    let edge = try divergence(4.2, 0.2)
    let found = try divergence(4.2, 0.1)
    #expect(found[1] == 1 && abs(found[2] + 20) < 1e-4)
    #expect(abs(found[0] - (edge[0] + 20 * 0.1)) < 1e-4)
    // Certain on both sides, and nothing at all.
    #expect(try divergence(0, 0).allSatisfy { $0 == 0 })
    #expect(try divergence(0, 3)[0].isFinite)
  }

  // MARK: Pieces

  /// A tokenizer whose texts end with Retort's own token.
  private static func run(_ tokenizer: Tokenizer) throws -> RunTokenizer {
    RunTokenizer(
      tokenizer, endOfText: try #require(tokenizer.id(of: ByteLevelFile.endOfText)))
  }

  private static let bytes = Result { try run(Tokenizer(ByteLevelFile.bytes)) }

  /// A tokenizer of some of English, with words.
  private static let words = Result { () -> RunTokenizer in
    var trainer = try BPETrainer()
    for text in [String](
      repeating: "the cat sat on the mat, and the dog sat on the cat\r\n😀", count: 3)
    {
      try trainer.add(text)
    }
    return try run(Tokenizer(try trainer.train(vocabularySize: 300)))
  }

  private func example(_ text: String, _ tokenizer: RunTokenizer, begins: [Int32]? = nil) throws
    -> TokenExamples.Example
  {
    let end = tokenizer.endOfText
    let ids = (begins ?? [end]) + (try tokenizer.tokenizer.encode(text)) + [end]
    return .init(tokens: ids, isTarget: ids.indices.map { $0 > 0 })
  }

  @Test(arguments: [
    "the cat sat", "the dog 😀 sat\r\non the mat", "e\u{301}té über 東京", " a", "x",
  ]) func piecesAreTheSameBytesOnBothSides(text: String) throws {
    let (bytes, words) = (try Self.bytes.get(), try Self.words.get())
    let aligned = try #require(
      AlignedText(
        student: try example(text, bytes), bytes, teacher: try example(text, words), words))
    var (own, given, whole) = (1, 1, [UInt8]())
    for piece in aligned.pieces {
      let mine = aligned.student.tokens[piece.student].flatMap {
        bytes.tokenizer.bytes(of: $0) ?? []
      }
      let theirs = aligned.teacher.tokens[piece.teacher].flatMap {
        words.tokenizer.bytes(of: $0) ?? []
      }
      #expect(
        mine == theirs && piece.student.lowerBound == own && piece.teacher.lowerBound == given)
      (own, given) = (piece.student.upperBound + 1, piece.teacher.upperBound + 1)
      whole += mine
    }
    #expect(whole == Array(text.utf8))
    #expect(own == aligned.student.tokens.count && given == aligned.teacher.tokens.count)
    // Every token of words ends where a byte does, and the end is a piece of its own.
    #expect(aligned.pieces.count == aligned.teacher.tokens.count - 1)
    #expect(aligned.pieces.last?.continues == false)
  }

  @Test func aBeginningOnOneSideIsNoDifference() throws {
    let (bytes, words) = (try Self.bytes.get(), try Self.words.get())
    let end = words.endOfText
    // Two special tokens before a text, and one.
    let given = try example("the cat", words, begins: [end, end])
    let aligned = try #require(
      AlignedText(
        student: try example("the cat", bytes, begins: [65]), bytes,
        teacher: .init(tokens: given.tokens, isTarget: given.tokens.indices.map { $0 > 1 }), words))
    #expect(aligned.pieces[0].teacher.lowerBound == 2 && aligned.pieces[0].student.lowerBound == 1)
  }

  @Test func textsThatDifferAreRefused() throws {
    let (bytes, words) = (try Self.bytes.get(), try Self.words.get())
    let own = try example("the cat", bytes)
    #expect(AlignedText(student: own, bytes, teacher: try example("the dog", words), words) == nil)
    #expect(AlignedText(student: own, bytes, teacher: try example("the ca", words), words) == nil)
  }

  @Test func rowsEndBeforeWordsAndLoseNothing() throws {
    let (bytes, words) = (try Self.bytes.get(), try Self.words.get())
    let texts = try (0..<6).map { number in
      let text = String(repeating: "the cat sat on \(number) ", count: 5)
      return try #require(
        AlignedText(
          student: try example(text, bytes), bytes, teacher: try example(text, words), words))
    }
    let rows = AlignedRows(texts, refused: 0, length: 40, teacherLimit: 64, isStream: true)
    let whole = AlignedText(joining: texts)
    #expect(rows.rows.reduce(0) { $0 + $1.pieces.count } == whole.pieces.count)
    #expect(rows.student.targetCount == whole.student.tokens.count - 1)
    for row in rows.rows {
      #expect(row.student.tokens.count <= 41 && row.teacher.tokens.count <= 65)
      #expect(row.pieces[0].beginsWord || row.pieces[0].student.lowerBound == 1)
      #expect(row.pieces[0].continues == false)
    }
    let batch = rows.student.batch(of: [0, nil, 3])
    #expect(
      batch[.tokens].shape == [3, 40] && batch.weight == rows.student.weight(of: [0, nil, 3]))
    #expect(rows.bytesPerTarget(of: rows.student) == 1)
  }

  @Test func piecesAreJoinedWhereTheTeacherExpectsNoWord() throws {
    func piece(_ last: Int, _ continues: Bool) -> AlignedPiece {
      AlignedPiece(
        student: 2 * last - 1...2 * last, teacher: last...last, continues: continues,
        beginsWord: false, byteCount: 2)
    }
    let answers = OtherTeacher.answers(
      to: [piece(1, false), piece(2, true), piece(3, true), piece(4, false)], [1, 2, 4, 8],
      [0, 0.05, 0.5, 0])
    #expect(answers.map(\.nats) == [3, 4, 8] && answers.map(\.tokens) == [1...4, 5...6, 7...8])
  }

  /// Texts whose first token is learnt get an end before it, in whatever tokens.
  @Test func textsWithoutABeginningAreAligned() throws {
    let (bytes, words) = (try Self.bytes.get(), try Self.words.get())
    let own = try example("the cat sat", bytes, begins: [])
    let given = try example("the cat sat", words, begins: [])
    func all(_ example: TokenExamples.Example) -> TokenExamples.Example {
      .init(tokens: example.tokens, isTarget: example.tokens.map { _ in true })
    }
    let aligned = try #require(
      AlignedText(
        student: all(own).begun(by: bytes), bytes, teacher: all(given).begun(by: words), words))
    #expect(aligned.pieces.reduce(0) { $0 + $1.byteCount } == 12)
    #expect(aligned.student.isTarget[0] == false && aligned.student.tokens.count == 13)
  }

  /// An end that the file of a tokenizer does not call special is one nevertheless.
  @Test func anEndNeedNotBeSpecial() throws {
    let words = try Self.words.get()
    let plain = try Tokenizer(
      ByteLevelFile.file(
        vocabulary: ByteAlphabet.scalars.map { [$0] } + [Scalars("!!")], merges: [], endOfText: 257,
        cutsWords: false))
    let own = RunTokenizer(plain, endOfText: 256)
    #expect(!plain.isSpecial(256) && own.isEnd(256))
    #expect(
      AlignedText(
        student: try example("the cat", own), own, teacher: try example("the cat", words), words)
        != nil)
  }

  @Test func aChangedTargetChangesTheFingerprint() throws {
    let example = try example("the cat", Self.bytes.get())
    var other = example
    other.isTarget[2] = false
    #expect(
      PieceRows([example], length: 8).fingerprint != PieceRows([other], length: 8).fingerprint)
  }

  // MARK: The objective

  private static let configuration = LlamaConfiguration(
    vocabularySize: 257, width: 16, intermediateWidth: 24, layerCount: 1, headCount: 2,
    keyValueHeadCount: 2, contextLength: 32)

  /// Bytes under other ids: byte b is 255 - b.
  private func permuted() throws -> RunTokenizer {
    try Self.run(
      Tokenizer(
        ByteLevelFile.file(
          vocabulary: ByteAlphabet.scalars.reversed().map { [$0] }, merges: [], endOfText: 256,
          cutsWords: false)))
  }

  /// The loss and its gradients, per target, for a student that is its teacher under other ids, with or without a change.
  private func loss(changedBy change: Float, on device: any Device = ReferenceDevice()) throws
    -> (loss: Double, gradients: [TensorData], names: [String])
  {
    let (bytes, others) = (try Self.bytes.get(), try permuted())
    let store = VariableStore(on: device, seed: 5)
    let (teacher, student) = (Llama(Self.configuration), Llama(Self.configuration))
    try teacher.declare(in: store, prefix: "teacher")
    try student.declare(in: store, prefix: "student")
    for (name, tensor) in student.parameters(prefix: "student") {
      let other = try #require(store.entry(named: name.replacing("student", with: "teacher")))
      let entry = try #require(store.entry(tensor))
      var data = try other.value()
      if data.shape == [257, 16] {
        let rows = (0..<257).map { $0 < 256 ? 255 - $0 : 256 }
        let floats = data.floats
        data = TensorData(data.shape, rows.flatMap { floats[16 * $0..<16 * $0 + 16] })
      }
      if change != 0, name.hasSuffix("model.norm.weight") {
        data = TensorData(data.shape, data.floats.enumerated().map { $0 == 7 ? $1 + change : $1 })
      }
      try entry.buffer.write(data)
    }
    let texts = try ["the cat sat on", "a mat 😀"].map { text in
      try #require(
        AlignedText(
          student: try example(text, others), others, teacher: try example(text, bytes), bytes))
    }
    let rows = AlignedRows(texts, refused: 0, length: 24, teacherLimit: 32, isStream: false)
    var answered = rows.student
    answered.answers = try OtherTeacher(teacher, bytes, classCount: 257).answers(
      to: rows, store: store)
    let objective = LikelihoodObjective(student: student, LikelihoodLoss(alpha: 0))
    let batch = answered.batch(of: [0, 1])
    let inputs = Inputs(like: batch)
    let loss = objective.loss(inputs).total
    let parameters = student.parameters(prefix: "student")
    let outputs = [loss] + gradients(of: loss, withRespectTo: parameters.map(\.tensor))
    let executor = try GraphExecutor(Graph(outputs: outputs), on: store)
    try inputs.set(batch, on: executor)
    try executor.run()
    let values = try outputs.map(executor.value)
    let weight = Float(batch.weight)
    return (
      Double(values[0].floats[0] / weight),
      values.dropFirst().map { TensorData($0.shape, $0.floats.map { $0 / weight }) },
      parameters.map(\.name)
    )
  }

  @Test(arguments: Target.all) func idsDoNotMatter(target: Target) throws {
    let (loss, gradients, _) = try loss(changedBy: 0, on: target.open())
    #expect(abs(loss) < 1e-9)
    for gradient in gradients { #expect(gradient.floats.allSatisfy { abs($0) < 1e-4 }) }
    #expect(try self.loss(changedBy: 0.5, on: target.open()).loss > 1e-5)
  }

  @Test func gradientsAreThoseOfTheLoss() throws {
    let (base, step): (Float, Float) = (0.5, 0.02)
    let (_, found, names) = try loss(changedBy: base)
    let place = try #require(names.firstIndex { $0.hasSuffix("model.norm.weight") })
    let slope = Double(found[place].floats[7])
    let up = try loss(changedBy: base + step).loss
    let down = try loss(changedBy: base - step).loss
    let numeric = (up - down) / Double(2 * step)
    #expect(abs(numeric - slope) < 0.02 * abs(slope) + 1e-7, "\(numeric) \(slope)")
  }
}
