// What the divergences do to a student that cannot be its teacher, told by exact numbers.
import Checks
import Foundation
import Layers
import Models
import Storage
import Tensors
import Testing
import Training

@testable import Distillation
@testable import Text

/// A Markov source: the next token depends on the last one alone, by a matrix of logits. `hidden` is a
/// table of states [V, C], `table` that [V, C] that gives their logits.
private struct MarkovModel: LanguageModel {
  let states: Embedding
  let table: Tensor

  init(width: Int, vocabularySize: Int, head: Tensor) {
    states = Embedding(vocabularySize, width, standardDeviation: 0.05)
    table = head
  }

  func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] { [states(tokens)] }
  var head: Head { Head(table) }
  var modelType: String { "markov" }
  var architecture: String { "Markov" }
  var configurationFields: [(key: String, value: JSON)] { [] }
  var bodyPrefix: String { "" }
  var ignoredNames: [String] { [] }
  var vocabularySize: Int { table.shape[0] }
  var contextLength: Int { 1 << 20 }
}

@Suite struct ModeTests {
  private static let size = 16
  private static let length = 12

  /// From every token two others are likely, far from each other, and which two depends on the token; a
  /// third of the tokens are hardly ever reached by the teacher.
  private static let teacherLogits: [[Double]] = (0..<size).map { i in
    let peaks = [(2 + i % 3, 2.0), (10 + i % 4, 1.6)]
    return (0..<size).map { j in
      let bumps = peaks.map { place, height in
        height * 2 - Double((j - place) * (j - place)) * 0.8
      }
      return max(bumps[0], bumps[1], -6)
    }
  }

  private static func softmax(_ z: [Double]) -> [Double] {
    let total = z.reduce(0) { $0 + exp($1) }
    return z.map { exp($0) / total }
  }

  private static let teacher = teacherLogits.map(softmax)

  /// Windows of a text that the teacher wrote.
  private static let text: TokenWindows = {
    var random = RandomData(seed: 31)
    var tokens: [Int32] = [0]
    while tokens.count < 6000 {
      var rest = Double(random.floats([1], 0...1).floats[0])
      var next = 0
      while next < size - 1, rest > teacher[Int(tokens[tokens.count - 1])][next] {
        rest -= teacher[Int(tokens[tokens.count - 1])][next]
        next += 1
      }
      tokens.append(Int32(next))
    }
    return TokenWindows(tokens, length: length)
  }()

  /// Trains a student whose next-token distributions have one hump (logits a j + b j^2), and returns its
  /// matrix of transitions.
  private func train(_ kind: DivergenceLoss.Kind, lambda: Double = 0, steps: Int = 400)
    throws
    -> [[Double]]
  {
    let n = Self.size
    let store = VariableStore(on: ReferenceDevice(), seed: 5)
    let identity = (0..<n * n).map { $0 % (n + 1) == 0 ? Float(1) : 0 }
    // logits[i][j] = onehot(i) . head[j]
    let columns = (0..<n).flatMap { j in (0..<n).map { Float(Self.teacherLogits[$0][j]) } }
    let source = MarkovModel(
      width: n, vocabularySize: n, head: .constant(TensorData([n, n], columns)))
    try store.declare(
      "teacher.states", source.states.weight, value: TensorData([n, n], identity))
    let places = (0..<n).flatMap { j -> [Float] in
      let x = (Float(j) - 7.5) / 4
      return [x, x * x]
    }
    let student = MarkovModel(
      width: 2, vocabularySize: n, head: .constant(TensorData([n, 2], places)))
    try student.declare(in: store, prefix: "student")
    var options = TrainingOptions()
    options.stepCount = steps
    options.batchSize = 8
    options.logInterval = steps
    options.seed = 3
    options.optimizer.learningRate = 0.2
    options.optimizer.warmupSteps = 5
    options.optimizer.rule = AdamW(decay: 0)
    var sampling = OnPolicyData.Options()
    sampling.lambda = lambda
    let data: any TokenData =
      lambda == 0
      ? Self.text
      : OnPolicyData(
        Self.text, student: student, classCount: n, end: -1, store: store, batchSize: 8, sampling)
    let trainer = try Trainer(
      DistillationObjective(
        student: student, teacher: .model(source),
        DivergenceLoss(kind, temperature: 1, alpha: 0)),
      parameters: student.parameters(prefix: "student"), data: data, options: options, store: store)
    _ = try trainer.run(checkpoint: nil) { _ in }
    let learnt = try store.value(of: student.states.weight).floats
    return (0..<n).map { i in
      let logits = (0..<n).map { (j: Int) -> Double in
        Double(learnt[2 * i] * places[2 * j]) + Double(learnt[2 * i + 1] * places[2 * j + 1])
      }
      return Self.softmax(logits)
    }
  }

  /// The exact KL(student || teacher) of sequences from token 0 on: both are Markov sources, so it is the sum
  /// over positions of the rows' divergences, weighted by where the student then is.
  private func sequenceReverseKL(_ q: [[Double]]) -> Double {
    var place = (0..<Self.size).map { $0 == 0 ? 1.0 : 0 }
    var total = 0.0
    for _ in 0..<Self.length {
      for i in place.indices {
        total += place[i] * zip(q[i], Self.teacher[i]).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
      }
      place = place.indices.map { j in place.indices.reduce(0) { $0 + place[$1] * q[$1][j] } }
    }
    return total
  }

  /// Means over the rows that the teacher visits, evenly: the mass between the humps, and the entropy.
  private func shape(_ q: [[Double]]) -> (valley: Double, entropy: Double) {
    let rows = [2, 3, 4, 10, 11, 12, 13]
    let valley = rows.map { q[$0][6...8].reduce(0, +) }.reduce(0, +) / Double(rows.count)
    let entropy =
      rows.map { q[$0].reduce(0) { $0 - $1 * log(max($1, 1e-300)) } }.reduce(0, +)
      / Double(rows.count)
    return (valley, entropy)
  }

  @Test func forwardCoversReverseConcentratesAndOnPolicyLowersTheSequenceDivergence() throws {
    let forward = try train(.forwardKL)
    let reverse = try train(.reverseKL)
    let (covering, seeking, given) = (shape(forward), shape(reverse), shape(Self.teacher))
    print(
      "mass between the humps: teacher \(given.valley), forward \(covering.valley), reverse \(seeking.valley)"
    )
    print(
      "entropy: teacher \(given.entropy), forward \(covering.entropy), reverse \(seeking.entropy)")
    #expect(covering.valley > 3 * given.valley && covering.entropy > given.entropy)
    #expect(seeking.valley < covering.valley / 3 && seeking.entropy < given.entropy)
    // Equal steps, equal batches: equally many tokens, at most, as ends are never drawn.
    let few = 30
    let (off, on) = (
      sequenceReverseKL(try train(.reverseKL, steps: few)),
      sequenceReverseKL(try train(.reverseKL, lambda: 1, steps: few))
    )
    print(
      "KL(student || teacher) of \(Self.length) tokens after \(few) steps: off-policy \(off), on-policy \(on)"
    )
    print(
      "at the end: forward \(sequenceReverseKL(forward)), reverse \(sequenceReverseKL(reverse)), on-policy "
        + "\(sequenceReverseKL(try train(.reverseKL, lambda: 1)))")
    #expect(on < off)
    #expect(sequenceReverseKL(reverse) < sequenceReverseKL(forward))
  }

  @Test func rowsOfTheStudentCountFromTheirFirstDraw() throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 5)
    let student = Llama(InvarianceTests.configuration)
    try student.declare(in: store, prefix: "student")
    var options = OnPolicyData.Options()
    options.lambda = 0.5
    let data = OnPolicyData(
      InvarianceTests.text, student: student, classCount: 23, end: 7, store: store, batchSize: 6,
      options)
    var own = 0
    for step in 0..<20 {
      let place = TrainingPlace(step: step, rowCount: 6, seed: 4)
      let plain = try InvarianceTests.text.batch(at: place)
      let batch = try data.batch(at: place)
      #expect(try data.batch(at: place).values == batch.values)
      // What is counted before is what comes.
      #expect(try data.weight(at: place) == batch.weight)
      #expect(try data.batch(at: place).values == batch.values)
      for row in 0..<6 {
        let labels = Array(batch[.labels].integers[row * 8..<(row + 1) * 8])
        let (tokens, given) = (Array(batch.rows[row]), Array(plain.rows[row]))
        if tokens == given { continue }
        own += 1
        // The prompt is two of eight tokens; each target is the next token, the last may end the text.
        #expect(tokens.prefix(2) == given.prefix(2) && labels[0] == -1)
        let counted = labels.indices.filter { labels[$0] >= 0 }
        #expect(counted == Array(1..<counted.count + 1))
        for place in counted.dropLast() { #expect(tokens[place + 1] == labels[place]) }
        if counted.count < 7 { #expect(labels[counted[counted.count - 1]] == 7) }
        #expect(!labels.dropLast().dropFirst(counted.count + 1).contains { $0 >= 0 })
      }
    }
    // 120 rows, each with probability 1/2: within four standard deviations.
    #expect(abs(own - 60) < 22, "\(own)")
  }
}
