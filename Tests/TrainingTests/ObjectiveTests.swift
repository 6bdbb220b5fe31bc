// Objectives and verdicts: formulas, special cases, intervals.
import Checks
import Distillation
import Foundation
import Models
import Tensors
import Testing
import Text

@testable import Training

@Suite struct ObjectiveTests {
  static func total(_ kind: DivergenceLoss.Kind, temperature: Float, alpha: Float) throws
    -> Double
  {
    var random = RandomData(seed: 6)
    let feeds = inputs([
      random.floats([4, 9], -2...2), random.floats([4, 9], -2...2), random.integers([4], below: 9),
    ])
    let loss = DivergenceLoss(kind, temperature: temperature, alpha: alpha).loss(
      student: feeds[0].tensor, teacher: feeds[1].tensor, labels: feeds[2].tensor)
    return Double(try evaluate([loss.total], feeds)[0].floats[0])
  }

  @Test func theEndpointsOfTheJSDAreTheKLs() throws {
    for (beta, kind) in [(Float(0), DivergenceLoss.Kind.forwardKL), (1, .reverseKL)] {
      let jsd = try Self.total(
        .jensenShannon(beta: beta, isNormalized: false), temperature: 1, alpha: 0)
      #expect(jsd == (try Self.total(kind, temperature: 1, alpha: 0)))
    }
  }

  @Test func theNormalizedJSDIsContinuousAtBothEnds() throws {
    for (beta, kind) in [(Float(1e-3), DivergenceLoss.Kind.forwardKL), (0.999, .reverseKL)] {
      let near = try Self.total(
        .jensenShannon(beta: beta, isNormalized: true), temperature: 1, alpha: 0)
      let end = try Self.total(kind, temperature: 1, alpha: 0)
      #expect(abs(near - end) < 0.01 * end)
    }
  }

  @Test(arguments: [
    DivergenceLoss.Kind.forwardKL, .reverseKL,
    .jensenShannon(beta: 0.3, isNormalized: true),
  ]) func theFusedLossIsThatOfTheLogits(kind: DivergenceLoss.Kind) throws {
    let (student, teacher) = (
      Llama(InvarianceTests.configuration), Llama(InvarianceTests.configuration)
    )
    let store = VariableStore(on: ReferenceDevice(), seed: 3)
    try student.declare(in: store, prefix: "student")
    try teacher.declare(in: store, prefix: "teacher")
    var random = RandomData(seed: 8)
    let size = InvarianceTests.configuration.vocabSize
    let batch = Batch(
      tokens: random.integers([2, 6], below: size), labels: random.integers([2, 6], below: size))
    let inputs = Inputs(like: batch)
    let tokens = inputs[.tokens]
    let divergence = DivergenceLoss(kind, temperature: 2, alpha: 0.3)
    let losses = [
      DistillationObjective(student: student, teacher: .model(teacher), divergence).loss(inputs),
      divergence.loss(
        student: student.logits(tokens), teacher: teacher.logits(tokens).detached(),
        labels: inputs[.labels]),
    ]
    let values = try losses.map { loss in
      let outputs =
        [loss.total] + loss.logged.prefix(3).map(\.sum)
        + gradients(of: loss.total, withRespectTo: student.parameters().map(\.tensor))
      let executor = try GraphExecutor(Graph(outputs: outputs), on: store)
      try inputs.set(batch, on: executor)
      try executor.run()
      return try outputs.map(executor.value)
    }
    for (fused, plain) in zip(values[0], values[1]) {
      #expect(relativeError(fused, plain) < 1e-5)
    }
  }

  @Test func theMixtureIsLinearInAlpha() throws {
    let (zero, one) = (
      try Self.total(.forwardKL, temperature: 2, alpha: 0),
      try Self.total(.forwardKL, temperature: 2, alpha: 1)
    )
    let mixed = try Self.total(.forwardKL, temperature: 2, alpha: 0.25)
    #expect(abs(mixed - (0.75 * zero + 0.25 * one)) < 1e-5)
  }

  @Test func theVerdictNeedsTheWholeIntervalOnOneSide() {
    let base = (0..<100).map { 2 + Double($0 % 7) / 10 }
    func outcome(_ shift: (Int) -> Double) -> Verdict.Outcome {
      Verdict(student: base.enumerated().map { $1 - shift($0) }, control: base).outcome
    }
    #expect(outcome { _ in 0.1 } == .beats)
    #expect(outcome { _ in -0.1 } == .doesNotBeat)
    #expect(outcome { $0 % 2 == 0 ? 0.1 : -0.1 } == .inconclusive)
  }

  @Test func warmUpAndCosineMeetTheirEnds() {
    var options = OptimizerOptions()
    options.learningRate = 0.5
    options.warmupSteps = 10
    #expect(abs(options.rate(step: 0, of: 100) - 0.05) < 1e-9)
    #expect(abs(options.rate(step: 9, of: 100) - 0.5) < 1e-9)
    #expect(abs(options.rate(step: 55, of: 101) - 0.275) < 1e-9)
    // The last step has the final share; at most half of the steps warm up.
    for count in [4, 11, 12, 100] {
      #expect(abs(options.rate(step: count - 1, of: count) - 0.05) < 1e-9)
    }
    #expect(abs(options.rate(step: 0, of: 4) - 0.25) < 1e-9 && options.rate(step: 1, of: 4) == 0.5)
  }

  @Test func everyWindowIsTrainedOnOncePerPass() throws {
    let windows = TokenWindows((0..<1001).map { Int32($0) }, length: 10)
    // The offset costs one window of the hundred.
    func batch(_ step: Int, _ rowCount: Int) throws -> Batch {
      try windows.batch(at: TrainingPlace(step: step, rowCount: rowCount, seed: 7))
    }
    let starts = try (0..<99).map { try batch($0, 1)[.tokens].integers[0] }
    #expect(Set(starts).count == 99)
    let two = try batch(3, 2)
    #expect(zip(two[.tokens].integers, two[.labels].integers).allSatisfy { $0 + 1 == $1 })
    // Rows 98 and 99 are of two passes, each cut at a place of its own.
    let both = try batch(49, 2)
    #expect(both[.tokens].shape == [2, 10] && both.weight == 20)
    #expect(both.rows[0][0] == starts[98])
    #expect(both.rows[1].elementsEqual(try batch(99, 1).rows[0]))
  }

  @Test func anyTextHasEntries() {
    #expect(Corpus.entries(of: "a\nb\n%\nc\n%\n") == ["a\nb", "c"])
    let many = (0..<30).map { "line \($0)" }
    #expect(Corpus.entries(of: many.joined(separator: "\n\n")) == many)
    #expect(Corpus.entries(of: many.joined(separator: "\n")) == many)
    let long = String(repeating: "x", count: 2500)
    #expect(Corpus.entries(of: long).map(\.count) == [1000, 1000, 500])
    #expect(Corpus.entries(of: "\n") == [])
  }

  @Test func theEndOfATextIsTrainedOnAndPaddingIsNot() throws {
    let end: Int32 = 256
    let tokens = Corpus.tokens(["ab", "c"], endOfText: end) { $0.utf8.map(Int32.init) }
    #expect(tokens == [97, 98, end, 99, end])
    let batches = TokenWindows(tokens, length: 2).batches(of: 3)
    let batch = try batches[0]
    #expect(batches.count == 1 && batch.weight == 4)
    #expect(batch[.labels].integers == [98, end, 99, end, -1, -1])
    #expect(Corpus.bytesPerToken(["ab", "c"], tokens.count) == 1)
  }

  @Test func overlappingWindowsCountEveryTargetOnce() throws {
    for step in [1, 3, 8, 20] {
      let windows = TokenWindows((0..<30).map { Int32($0) }, length: 8, stride: step)
      let all = windows.batches(of: 4)
      let batches = try (0..<all.count).map { try all[$0] }
      let counted = batches.flatMap { $0[.labels].integers }.filter { $0 >= 0 }
      // Where the stride does not fit, the last few targets are left out.
      let step = min(step, 8)
      let last = 8 + (30 - 9) / step * step
      #expect(counted == (1...Int32(last)).map { $0 }, "\(step)")
      #expect(batches.reduce(0) { $0 + $1.weight } == last && windows.targetCount == last)
      for batch in batches {
        for (token, label) in zip(batch[.tokens].integers, batch[.labels].integers) where label >= 0
        {
          #expect(label == token + 1)
        }
      }
    }
  }
}
