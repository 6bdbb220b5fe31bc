// Students of sentence encoders: objectives and how near they come.
import Checks
import Foundation
import Models
import Storage
import Tensors
import Testing
import Training

@testable import Distillation
@testable import Sentences

@Suite struct SentenceDistillationTests {
  private let data: SentenceData = {
    var random = RandomData(seed: 12)
    return SentenceData(
      (0..<40).map { _ in
        [2] + random.integers([3 + random.integer(below: 5)], below: 38).integers.map { $0 + 3 } + [
          3
        ]
      }, length: 9)
  }()

  private func encoder(_ name: String, _ store: VariableStore, _ prefix: String) throws
    -> SentenceEncoder
  {
    let directory = ModelDirectory(goldenFolder("models/\(name)"))
    let encoder = SentenceEncoder(try directory.encoder())
    try directory.load(encoder.encoder, into: store, prefix: prefix)
    return encoder
  }

  /// Loss and logged sums of the last batch, and the largest gradient.
  private func values(
    _ objective: any Objective, _ encoder: SentenceEncoder, _ store: VariableStore,
    on data: any Dataset, rows: Int
  ) throws -> (sums: [Float], slope: Float) {
    let batches = data.batches(of: rows)
    let values = try lossValues(
      objective, on: try batches[batches.count - 1], store: store,
      gradientsFor: encoder.encoder.parameters().map(\.tensor))
    return ([values.total] + values.sums.map(\.value), TensorData.largest(values.slopes))
  }

  @Test(arguments: EmbeddingObjective.Kind.allCases)
  func isZeroForTheTeacherItself(kind: EmbeddingObjective.Kind) throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 2)
    let bert = try encoder("bert", store, "teacher")
    let objective = EmbeddingObjective(student: bert, teacher: bert, kind)
    // The last batch has rows that are filled up.
    let (sums, slope) = try values(objective, bert, store, on: data, rows: 16)
    #expect(abs(sums[0]) < 1e-5 && slope < 1e-4, "\(kind): \(sums), \(slope)")
    #expect(objective.parameters.isEmpty)
  }

  /// Margins are among the sentences of a batch, so they are not asked.
  @Test(arguments: [EmbeddingObjective.Kind.cosine, .mse])
  func fillingUpABatchChangesNothing(kind: EmbeddingObjective.Kind) throws {
    func total(_ rows: Int) throws -> Float {
      let store = VariableStore(on: ReferenceDevice(), seed: 2)
      let teacher = try encoder("bert", store, "teacher")
      let student = try encoder("distilbert", store, "student")
      return try values(
        EmbeddingObjective(student: student, teacher: teacher, kind), student, store, on: data,
        rows: rows
      ).sums[0]
    }
    // Batches of 16: the third has 8 sentences and 8 empty rows. Batches of 8: the fifth is those 8.
    #expect(abs(try total(16) - total(8)) < 1e-5)
  }

  private let matching = FeatureMatching(
    hidden: HiddenMatching(weight: 0.5, pairs: [(0, 0), (2, 2)], widths: (16, 16)),
    relations: RelationMatching(weight: 2, headCount: 4, layers: (1, 1)))

  @Test func insidesOfTheTeacherItselfMatch() throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 2)
    let bert = try encoder("bert", store, "teacher")
    let objective = EmbeddingObjective(
      student: bert, teacher: bert, .cosine, matching: matching)
    let (sums, slope) = try values(objective, bert, store, on: data, rows: 16)
    #expect(sums.count == 4 && sums.allSatisfy { abs($0) < 1e-4 } && slope < 1e-3, "\(sums)")
  }

  @Test func insidesAreMatchedAsTheFormulasSayWhateverThePadding() throws {
    for length in [9, 13] {
      let store = VariableStore(on: ReferenceDevice(), seed: 2)
      let teacher = try encoder("bert", store, "teacher")
      let student = try encoder("distilbert", store, "student")
      let batch = SentenceData(Array(data.sentences.prefix(3)), length: length)
        .batch(of: [0, 1, 2, nil])
      let inputs = Inputs(like: batch)
      let mask = SentenceEncoder.mask(lengths: inputs[.lengths], length: length)
      let (own, given) = (
        EmbeddingObjective.activations(student, inputs, mask: mask).activations,
        EmbeddingObjective.activations(teacher, inputs, mask: mask).activations
      )
      let positions = EmbeddingObjective.positions(
        lengths: inputs[.lengths], counts: inputs[.counts].reshaped(to: [4, 1]), mask: mask)
      let terms = matching.terms(student: own, teacher: given, positions)
      let raw =
        [own.states[0], given.states[0], own.states[2], given.states[2]] + own.heads[1].all
        + given.heads[1].all
      let outputs = terms.map(\.sum) + raw
      let executor = try GraphExecutor(Graph(outputs: outputs), on: store)
      try inputs.set(batch, on: executor)
      try executor.run()
      let values = try outputs.map { try executor.value(of: $0).floats.map(Double.init) }
      let (states, heads) = (Array(values[2..<6]), Array(values[6...]))
      var (hidden, relations) = (0.0, 0.0)
      for (row, sentence) in data.sentences.prefix(3).enumerated() {
        let n = sentence.count
        func vector(_ x: [Double], _ position: Int) -> ArraySlice<Double> {
          let start = (row * length + position) * 16
          return x[start..<start + 16]
        }
        for i in 0..<n {
          for pair in [0, 2] {
            let squares = zip(vector(states[pair], i), vector(states[pair + 1], i)).map {
              ($0 - $1) * ($0 - $1)
            }
            hidden += squares.reduce(0, +) / 16 / Double(n)
          }
          for kind in 0..<3 {
            for part in 0..<4 {
              func logarithms(_ x: [Double]) -> [Double] {
                let parts = (0..<n).map { Array(vector(x, $0))[part * 4..<part * 4 + 4] }
                let scores = parts.map {
                  zip(parts[i], $0).reduce(0) { $0 + $1.0 * $1.1 } / 2
                }
                let sum = log(scores.map { exp($0) }.reduce(0, +))
                return scores.map { $0 - sum }
              }
              let (q, p) = (logarithms(heads[kind]), logarithms(heads[3 + kind]))
              relations += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } / 12 / Double(n)
            }
          }
        }
      }
      #expect(terms.map(\.name) == ["hidden", "relations"] && hidden > 0 && relations > 0)
      #expect(abs(values[0][0] - hidden) < 1e-4 * hidden, "hidden, length \(length)")
      #expect(abs(values[1][0] - relations) < 1e-4 * relations, "relations, length \(length)")
    }
  }

  @Test func halvesKeepTheTokensThatBeginAndEnd() {
    let sentence: [Int32] = [2, 10, 11, 12, 13, 14, 3]
    #expect(SentenceHalves.half(sentence, isFirst: true) == [2, 10, 11, 3])
    #expect(SentenceHalves.half(sentence, isFirst: false) == [2, 12, 13, 14, 3])
    #expect(SentenceHalves.half([2, 10, 3], isFirst: true) == [2, 10, 3])
  }

  @Test func theHalvesLossIsAboutTheRowsOfABatch() throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 2)
    let bert = try encoder("bert", store, "student")
    let halves = SentenceHalves(data)
    let (sums, slope) = try values(HalvesObjective(bert), bert, store, on: halves, rows: 16)
    // The last batch has 8 sentences and 8 empty rows, whose second halves are wrong answers, too.
    let batch = try halves.batches(of: 16)[2]
    let inputs = Inputs(like: batch)
    let embeddings = [
      bert(inputs[.firstTokens], lengths: inputs[.firstLengths]),
      bert(inputs[.secondTokens], lengths: inputs[.secondLengths]),
    ]
    let executor = try GraphExecutor(Graph(outputs: embeddings), on: store)
    try inputs.set(batch, on: executor)
    try executor.run()
    let vectors = try embeddings.map { embedding in
      let numbers = try executor.value(of: embedding).floats.map(Double.init)
      return (0..<16).map { numbers[$0 * 16..<($0 + 1) * 16] }
    }
    let expected = (0..<8).reduce(0.0) { sum, row in
      let scores = vectors[1].map { other in
        zip(vectors[0][row], other).reduce(0) { $0 + $1.0 * $1.1 } / 0.05
      }
      return sum + log(scores.reduce(0) { $0 + exp($1) }) - scores[row]
    }
    #expect(abs(Double(sums[0]) - expected) < 1e-4 * expected && expected > 1, "\(sums[0])")
    #expect(slope > 0)
  }

  @Test func trainingBringsAStudentNearer() throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 2)
    let teacher = try encoder("bert", store, "teacher")
    let student = try encoder("distilbert", store, "student")
    var options = TrainingOptions()
    options.stepCount = 40
    options.batchSize = 8
    options.logInterval = 1
    options.optimizer.learningRate = 1e-2
    options.optimizer.warmupSteps = 2
    let trainer = try Trainer(
      EmbeddingObjective(student: student, teacher: teacher, .cosine),
      parameters: student.encoder.parameters(prefix: "student"), data: data, options: options,
      store: store)
    var losses: [Double] = []
    _ = try trainer.run(checkpoint: nil) { event in
      if case .step(let metrics) = event { losses.append(metrics.means["cosine"] ?? .nan) }
    }
    #expect(losses[39] < 0.5 * losses[0], "\(losses[0]) became \(losses[39])")
  }

  @Test func evaluationKnowsTheSameFromTheOpposite() {
    var random = RandomData(seed: 3)
    let vectors = (0..<30).map { _ in random.floats([8]).floats }
    let same = SentenceEvaluation(student: vectors, teacher: vectors)
    #expect(abs((same.cosine ?? 0) - 1) < 1e-6 && abs(same.rankCorrelation - 1) < 1e-9)
    #expect(same.neighbourAgreement == 1 && same.distances.allSatisfy { abs($0) < 1e-6 })
    let opposite = SentenceEvaluation(student: vectors.map { $0.map { -$0 } }, teacher: vectors)
    #expect(abs((opposite.cosine ?? 0) + 1) < 1e-6 && opposite.neighbourAgreement == 1)
    // Vectors of another width have similarities all the same.
    let wider = SentenceEvaluation(student: vectors.map { $0 + [0] }, teacher: vectors)
    #expect(wider.cosine == nil && wider.distances.allSatisfy { abs($0) < 1e-6 })
    #expect(SentenceEvaluation.ranks([3, 1, 3, 2]) == [2.5, 0, 2.5, 1])
  }
}
