// Generation: what Hugging Face generates, whatever the batch, and draws that keep their promises.
import Base
import Checks
import Foundation
import Layers
import Models
import Storage
import Tensors
import Testing
import Text

@Suite struct GeneratorTests {
  /// A model whose head has other rows than its vocabulary, as tables are padded.
  private struct Padded: LanguageModel {
    let vocabularySize = 11
    let contextLength = 16
    let table = Embedding(13, 8, standardDeviation: 1)

    var head: Head { Head(table.weight) }
    func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
      // A token is followed by the one whose vector is most like its own, less itself.
      [table(tokens), table(tokens) * -1 + table(context.positions)]
    }
  }

  @Test func rowsBeyondTheVocabularyAreNeverDrawn() throws {
    let (model, store) = (Padded(), VariableStore(on: ReferenceDevice(), seed: 3))
    try model.declare(in: store)
    func texts(_ prompts: [[Int32]]) throws -> [[Int32]] {
      try Generator(model, store: store, batchSize: prompts.count, capacity: 16)
        .generate(prompts, count: 8)
    }
    let prompts: [[Int32]] = [[3, 1], [10]]
    let together = try texts(prompts)
    #expect(try together == prompts.map { try texts([$0])[0] })
    #expect(together.joined().allSatisfy { (0..<11).contains($0) })
    #expect(throws: UserError.self) { try texts([[11]]) }
    #expect(throws: UserError.self) { try texts([[1, -1]]) }
  }

  private static let families: [String] = {
    let folder = goldenFolder("models")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { !$0.contains("bert") }.sorted()
  }()

  @Test func theGreedyTextIsThatOfTransformers() throws {
    #expect(Self.families.count == 15)
    let devices: [any Device] =
      try [ReferenceDevice()] + Target.all.filter { $0.family == .cpu }.map { try $0.open() }
    for device in devices {
      for family in Self.families {
        let golden = try GoldenText(family, on: device)
        #expect(golden.tokens.count == 71)
        let new = try golden.greedy([Array(golden.tokens.prefix(7))])
        #expect(new == [Array(golden.tokens.dropFirst(7))], "\(family) on \(device.name)")
      }
    }
  }

  @Test(arguments: ["gpt2-tied", "mistral-window", "qwen3", "gemma2", "gemma3"])
  func aBatchGivesWhatEachTextGivesAlone(family: String) throws {
    let golden = try GoldenText(family, on: ReferenceDevice())
    let prompts: [[Int32]] = [[3], Array(golden.tokens.prefix(7)), [5, 1, 4, 1, 5, 9, 2, 6, 5, 3]]
    let alone = try prompts.map { try golden.greedy([$0], count: 12, capacity: 30)[0] }
    #expect(try golden.greedy(prompts, count: 12, capacity: 30) == alone)
    // Rows without a text change nothing.
    #expect(
      try golden.greedy(Array(prompts[1...]), count: 12, capacity: 30, batchSize: 4)
        == Array(alone[1...]))
  }

  @Test func aRowThatEndsLeavesTheOthersAlone() throws {
    let golden = try GoldenText("llama-untied", on: ReferenceDevice())
    let prompts = [Array(golden.tokens.prefix(7)), [2, 3]]
    let alone = try prompts.map { try golden.greedy([$0], count: 20, capacity: 40)[0] }
    let end = alone[0][4]
    let expected = alone.map { Array($0.prefix { $0 != end }) }
    let generator = Generator(golden.model, store: golden.store, batchSize: 2, capacity: 40)
    #expect(
      try generator.generate(prompts, count: 20, sampling: Sampling(), ends: [end]) == expected)
    // The same where the caller says stop.
    let stopped = try generator.generate(prompts, count: 20, sampling: Sampling(), ends: []) {
      row, token in row == 1 || token != end
    }
    #expect(stopped == [expected[0] + [end], alone[1]])
  }

  @Test func aTextMayOutgrowTheCapacity() throws {
    let golden = try GoldenText("qwen2-tied", on: ReferenceDevice())
    let prompt = Array(golden.tokens.prefix(7))
    let long = try golden.greedy([prompt], count: 40, capacity: 16)[0]
    #expect(long.count == 40)
    // Until then nothing is forgotten: the cache holds 16 tokens, and one more is drawn.
    #expect(long.prefix(10) == golden.tokens[7..<17])
    let tail = prompt + long
    // Then the text goes on from its last half.
    #expect(
      try golden.greedy([Array(tail[9..<17])], count: 9, capacity: 16)[0] == Array(tail[17..<26]))
    // A prompt that is too long loses its beginning.
    #expect(
      try golden.greedy(
        [Array(repeating: 9, count: 50) + Array(tail[2..<17])], count: 1, capacity: 16)
        == golden.greedy([Array(tail[2..<17])], count: 1, capacity: 16))
  }

  @Test func tokensBeyondTheVocabularyAreNotDrawn() throws {
    let golden = try GoldenText("gpt2-tied", on: ReferenceDevice())
    let generator = Generator(
      golden.model, vocabularySize: 3, store: golden.store, capacity: 40)
    var sampling = Sampling()
    sampling.temperature = 5
    let drawn = try generator.generate([[1]], count: 30, sampling: sampling, ends: [])[0]
    #expect(Set(drawn) == [0, 1, 2])
  }
}

@Suite struct SamplingTests {
  private let logits: [Float] = [1, 3, 2, -1, 3]

  private func draws(_ change: (inout Sampling) -> Void, after text: [Int32] = []) -> [Int32] {
    var sampling = Sampling()
    sampling.temperature = 1
    change(&sampling)
    return (0..<4000).map { sampling.next(logits, after: text, row: 0, step: $0) }
  }

  private func shares(_ draws: [Int32]) -> [Double] {
    (0..<5).map { id in Double(draws.count { $0 == id }) / Double(draws.count) }
  }

  @Test func frequenciesAreTheProbabilities() {
    let weights = logits.map { exp(Double($0)) }
    let total = weights.reduce(0, +)
    for (share, weight) in zip(shares(draws { _ in }), weights) {
      // Four standard deviations of a share of 4,000 draws.
      #expect(abs(share - weight / total) < 4 * (0.25 / 4000).squareRoot())
    }
    let hot = shares(draws { $0.temperature = 2 })
    #expect(abs(hot[1] / hot[0] - exp(1)) < 0.4)
  }

  @Test func narrowerDrawsLeaveOutTheUnlikely() {
    #expect(Set(draws { $0.topK = 1 }) == [1, 4])
    #expect(Set(draws { $0.topK = 3 }) == [1, 2, 4])
    // The two likeliest have 0.40 each.
    #expect(Set(draws { $0.topP = 0.3 }) == [1])
    #expect(Set(draws { $0.topP = 0.5 }) == [1, 4])
    #expect(Set(draws { $0.topP = 0.85 }) == [1, 2, 4])
    #expect(Set(draws { $0.minP = 0.3 }) == [1, 2, 4])
    #expect(Set(draws { $0.minP = 1 }) == [1, 4])
  }

  @Test func repetitionIsPenalised() {
    var sampling = Sampling()
    sampling.repetitionPenalty = 2
    // 3 / 2 < 2, and negative logits are multiplied.
    #expect(sampling.next(logits, after: [1, 4], row: 0, step: 0) == 2)
    #expect(sampling.next([-1, -1.5], after: [0], row: 0, step: 0) == 1)
  }

  @Test func aDrawIsAFunctionOfSeedRowAndStep() {
    var sampling = Sampling()
    sampling.temperature = 1
    func row(_ row: Int, _ seed: UInt32) -> [Int32] {
      sampling.seed = seed
      return (0..<64).map { sampling.next(logits, after: [], row: row, step: $0) }
    }
    #expect(row(0, 1) == row(0, 1))
    #expect(row(0, 1) != row(1, 1) && row(0, 1) != row(0, 2))
  }

  @Test func greedyTakesTheFirstOfTheLargest() {
    #expect(Sampling().next(logits, after: [], row: 0, step: 0) == 1)
  }
}
