// Verdicts over seeds, and the matching of hidden states.
import Checks
import Foundation
import Models
import Tensors
import Testing
import Training

@testable import Distillation
@testable import Text

@Suite struct VerdictTests {
  /// Losses that are no numbers say nothing, and end nothing.
  @Test(arguments: [Double.nan, .infinity]) func lossesThatAreNoneAreInconclusive(bad: Double) {
    let verdict = Verdict(student: [1, bad, 2], control: [2, 1, 3])
    #expect(verdict.outcome == .inconclusive && verdict.interval == -.infinity ... .infinity)
    #expect(verdict.description.contains("INCONCLUSIVE"))
  }

  private func rows(_ shift: Double, wobble: Double = 0) -> (student: [Double], control: [Double]) {
    let control = (0..<100).map { 2 + Double($0 % 7) / 10 }
    return (control.enumerated().map { $1 - shift - ($0 % 2 == 0 ? wobble : -wobble) }, control)
  }

  @Test func seedsThatAgreeKeepTheVerdict() {
    let verdict = Verdict([rows(0.1), rows(0.11), rows(0.09)])
    #expect(verdict.outcome == .beats && verdict.seedDifferences.count == 3)
    #expect(abs(verdict.difference - 0.1) < 1e-12)
    // t(2) * sd / sqrt(3), for a standard deviation of 0.01
    #expect(abs(verdict.halfWidth - 4.303 * 0.01 / 3.0.squareRoot()) < 1e-6)
  }

  @Test func seedsThatDisagreeMakeItInconclusive() {
    // Each seed alone would be sure.
    for shift in [0.1, -0.08, 0.05] {
      #expect(Verdict([rows(shift)]).outcome != .inconclusive)
    }
    #expect(Verdict([rows(0.1), rows(-0.08), rows(0.05)]).outcome == .inconclusive)
  }

  /// Of a mean the bootstrap finds what the formula says; of a ratio of sums what the delta method says.
  @Test func resamplingFindsTheSameInterval() {
    let (student, control) = rows(0.05, wobble: 0.2)
    let formula = Verdict(student: student, control: control)
    func mean(_ losses: [Double]) -> RowEvidence {
      .measure(rowCount: losses.count) { rows in
        rows.reduce(0) { $0 + losses[$1] } / Double(rows.count)
      }
    }
    let drawn = Verdict([(student: mean(student), control: mean(control))])
    #expect(drawn.resampleCount == 1000 && formula.resampleCount == nil)
    #expect(abs(drawn.difference - formula.difference) < 1e-12)
    #expect(abs(drawn.halfWidth / formula.halfWidth - 1) < 0.08, "\(drawn.halfWidth)")
    // The same again: draws are a function of the number of rows alone.
    #expect(
      Verdict([(student: mean(student), control: mean(control))]).halfWidth == drawn.halfWidth)

    let words = (0..<400).map { 5 + Double($0 * 7 % 11) }
    let errors = words.enumerated().map { $1 * (0.2 + 0.1 * Double($0 % 3)) }
    func rate(_ errors: [Double]) -> RowEvidence {
      .measure(rowCount: errors.count) { rows in
        rows.reduce(0) { $0 + errors[$1] } / rows.reduce(0) { $0 + words[$1] }
      }
    }
    let none = [Double](repeating: 0, count: 400)
    let ratio = errors.reduce(0, +) / words.reduce(0, +)
    let residuals = zip(errors, words).map { $0 - ratio * $1 }
    let meanWords = words.reduce(0, +) / 400
    let expected =
      1.96 * (residuals.reduce(0) { $0 + $1 * $1 }).squareRoot() / 400 / meanWords
    let verdict = Verdict([(student: rate(none), control: rate(errors))])
    #expect(abs(verdict.difference - ratio) < 1e-12 && verdict.outcome == .beats)
    #expect(abs(verdict.halfWidth / expected - 1) < 0.08, "\(verdict.halfWidth) \(expected)")
  }

  @Test func textAndSeedsBothCount() {
    let (text, seeds) = (Verdict([rows(0.1, wobble: 0.2)]), Verdict([rows(0.1), rows(0.11)]))
    let both = Verdict([rows(0.1, wobble: 0.2), rows(0.11, wobble: 0.2)])
    let expected = text.halfWidth * text.halfWidth + seeds.halfWidth * seeds.halfWidth
    #expect(abs(both.halfWidth - expected.squareRoot()) < 1e-9)
  }
}

@Suite struct HiddenMatchingTests {
  private func llama(_ width: Int, layers: Int) -> Llama {
    Llama(
      LlamaConfiguration(
        vocabularySize: 23, width: width, intermediateWidth: 24, layerCount: layers, headCount: 2,
        keyValueHeadCount: 2, contextLength: 8))
  }

  @Test func paddingDoesNotCountAndTheFormulaIsWhatItSays() throws {
    let (student, teacher) = (llama(16, layers: 1), llama(8, layers: 2))
    let store = VariableStore(on: ReferenceDevice(), seed: 4)
    try student.declare(in: store, prefix: "student")
    try teacher.declare(in: store, prefix: "teacher")
    let matching = HiddenMatching(weight: 0.5, pairs: [(0, 0), (1, 2)], widths: (16, 8))
    #expect(matching.formula.contains("0-0, 1-2") && matching.parameters.count == 2)
    for (name, tensor) in matching.parameters { try store.declare(name, tensor) }
    let tokens = TensorData([2, 4], [1, 2, 3, 4, 5, 6, 7, 8] as [Int32])
    let batch = Batch(
      tokens: tokens, labels: TensorData([2, 4], [1, -1, 2, 3, -1, -1, -1, -1] as [Int32]))
    let inputs = Inputs(like: batch)
    let input = inputs[.tokens]
    let (own, other) = (
      student.hiddenStates(input, .init(wholeSequences: input)),
      teacher.hiddenStates(input, .init(wholeSequences: input))
    )
    let sum = matching.loss(student: own, teacher: other, inputs.matchedPositions)
    let weights = matching.parameters.map(\.tensor)
    let slopes = gradients(of: sum, withRespectTo: weights)
    let outputs = [sum, own[0], own[1], other[0], other[2]] + slopes
    let executor = try GraphExecutor(Graph(outputs: outputs), on: store)
    try inputs.set(batch, on: executor)
    try executor.run()
    let values = try outputs.map { try executor.value(of: $0).floats.map(Double.init) }
    var expected = 0.0
    for (pair, weight) in weights.enumerated() {
      let w = try store.value(of: weight).floats.map(Double.init)
      for position in [0, 2, 3] {
        for row in 0..<8 {
          let x = (0..<16).reduce(0.0) {
            $0 + w[row * 16 + $1] * values[1 + pair][position * 16 + $1]
          }
          let difference = x - values[3 + pair][position * 8 + row]
          expected += difference * difference / 8
        }
      }
    }
    #expect(abs(values[0][0] - expected) < 1e-4 * expected)
    #expect(slopes.indices.allSatisfy { values[5 + $0].contains { $0 != 0 } })
  }

  /// Values of an objective's loss on a batch of padded rows: total, logged sums by name, largest gradient.
  private func values(
    _ objective: DistillationObjective, _ student: Llama, _ store: VariableStore,
    labels own: [Int32]
  ) throws -> (total: Double, sums: [String: Double], slope: Float) {
    let batch = Batch(
      tokens: TensorData([2, 4], [1, 2, 3, 4, 5, 6, 7, 8] as [Int32]),
      labels: TensorData([2, 4], own))
    let values = try lossValues(
      objective, on: batch, store: store, gradientsFor: student.parameters().map(\.tensor))
    return (
      Double(values.total),
      Dictionary(uniqueKeysWithValues: values.sums.map { ($0.name, Double($0.value)) }),
      TensorData.largest(values.slopes)
    )
  }

  @Test func relationsAreZeroForTheTeacherAndSeeNoPadding() throws {
    let (student, teacher) = (llama(16, layers: 1), llama(24, layers: 2))
    let store = VariableStore(on: ReferenceDevice(), seed: 4)
    try student.declare(in: store, prefix: "student")
    try teacher.declare(in: store, prefix: "teacher")
    func objective(_ teacher: Llama, _ layer: Int) -> DistillationObjective {
      DistillationObjective(
        student: student, teacher: .model(teacher),
        DivergenceLoss(.forwardKL, temperature: 1, alpha: 0),
        matching: FeatureMatching(
          relations: RelationMatching(weight: 2, headCount: 4, layers: (0, layer))))
    }
    let all: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8]
    let same = try values(objective(student, 0), student, store, labels: all)
    #expect(abs(same.total) < 1e-5 && same.slope < 1e-4)
    let whole = try values(objective(teacher, 1), student, store, labels: all)
    let relations = whole.sums["relations"] ?? 0
    #expect(relations > 0 && whole.slope > 0)
    #expect(abs(whole.total - (whole.sums["divergence"] ?? 0) - 2 * relations) < 1e-4)
    // A position sees those before it: what counts in one part adds up with the other.
    let first = try values(
      objective(teacher, 1), student, store, labels: [1, 2, -1, -1, 5, -1, -1, -1])
    let rest = try values(
      objective(teacher, 1), student, store, labels: [-1, -1, 3, 4, -1, 6, 7, 8])
    #expect(
      abs((first.sums["relations"] ?? 0) + (rest.sums["relations"] ?? 0) - relations) < 1e-5)
  }

  @Test func severalTeachersAreTheMeanByWeight() throws {
    let (student, a, b) = (llama(16, layers: 1), llama(24, layers: 2), llama(8, layers: 1))
    let store = VariableStore(on: ReferenceDevice(), seed: 4)
    for (name, model) in [("student", student), ("a", a), ("b", b)] {
      try model.declare(in: store, prefix: name)
    }
    func total(_ teachers: [DistillationObjective.WeightedTeacher]) throws -> Double {
      try values(
        DistillationObjective(
          student: student, teachers: teachers,
          DivergenceLoss(
            .jensenShannon(beta: 0.4, isNormalized: false), temperature: 2, alpha: 0.3)), student,
        store, labels: [1, 2, 3, -1, 5, 6, 7, 8]
      ).total
    }
    let (one, other) = (try total([(.model(a), 1)]), try total([(.model(b), 5)]))
    let both = try total([(.model(a), 1), (.model(b), 3)])
    #expect(abs(both - (one + 3 * other) / 4) < 1e-4 && one != other)
  }

  @Test func equalModelsMatchWithoutAProjection() throws {
    let model = llama(16, layers: 1)
    let matching = HiddenMatching(weight: 1, pairs: [(1, 1)], widths: (16, 16))
    #expect(matching.parameters.isEmpty)
    let store = VariableStore(on: ReferenceDevice(), seed: 4)
    try model.declare(in: store, prefix: "student")
    let objective = DistillationObjective(
      student: model, teacher: .model(model),
      DivergenceLoss(.forwardKL, temperature: 1, alpha: 0),
      matching: FeatureMatching(hidden: matching))
    let batch = TokenWindows((0..<17).map { Int32($0) }, length: 8).batch(of: [0, 1])
    let values = try lossValues(
      objective, on: batch, store: store, gradientsFor: model.parameters().map(\.tensor))
    #expect(abs(values.total) < 1e-5)
    #expect(values.sums.map(\.name) == ["ce", "kl", "divergence", "hidden"])
  }
}
