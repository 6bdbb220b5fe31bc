// Texts in slots: each is what it would be alone, whoever else comes and goes.
import Checks
import Foundation
import Synchronization
import Tensors
import Testing

@testable import Text

@Suite struct SlotGeneratorTests {
  /// What became of a text.
  private final class Listener: Sendable {
    struct State {
      var tokens: [Int32] = []
      var scores: [TokenScore] = []
      var prompt: [TokenScore] = []
      var end: String?
    }

    let state = Mutex(State())
    let isGone = Atomic(false)

    var tokens: [Int32] { state.withLock { $0.tokens } }
    var end: String? { state.withLock { $0.end } }

    func request(_ prompt: [Int32], count: Int, _ change: (inout SlotRequest) -> Void = { _ in })
      -> SlotRequest
    {
      var request = SlotRequest(prompt, count: count)
      request.onToken = { [self] id, score in
        state.withLock { state in
          state.tokens.append(id)
          if let score { state.scores.append(score) }
        }
        return true
      }
      request.onPrompt = { [self] scores in state.withLock { $0.prompt = scores } }
      request.onEnd = { [self] end in state.withLock { $0.end = "\(end)" } }
      request.isCancelled = { [self] in isGone.load(ordering: .relaxed) }
      change(&request)
      return request
    }
  }

  private static func devices() throws -> [any Device] {
    try [ReferenceDevice()] + Target.all.filter { $0.family == .cpu }.map { try $0.open() }
  }

  private func finish(_ generator: SlotGenerator) {
    var steps = 0
    while generator.step() { steps += 1 }
    #expect(steps < 10_000)
  }

  @Test(arguments: ["gpt2-tied", "mistral-window", "qwen3", "gemma2"])
  func textsThatComeAndGoAreWhatEachIsAlone(family: String) throws {
    for device in try Self.devices() {
      let golden = try GoldenText(family, on: device)
      let prompts: [[Int32]] = [
        [3], Array(golden.tokens.prefix(7)), [5, 1, 4, 1, 5, 9, 2, 6, 5, 3], [7, 7],
        Array(golden.tokens.prefix(20)),
      ]
      let counts = [12, 3, 20, 1, 9]
      let alone = try zip(prompts, counts).map { try golden.greedy([$0], count: $1)[0] }
      let generator = SlotGenerator(golden.model, store: golden.store, slotCount: 3, capacity: 71)
      let listeners = prompts.map { _ in Listener() }
      // Two at first; the others come while these are being continued.
      for number in 0..<2 {
        generator.submit(listeners[number].request(prompts[number], count: counts[number]))
      }
      for _ in 0..<2 { _ = generator.step() }
      for number in 2..<5 {
        generator.submit(listeners[number].request(prompts[number], count: counts[number]))
      }
      finish(generator)
      #expect(listeners.map(\.tokens) == alone, "\(family) on \(device.name)")
      #expect(listeners.allSatisfy { $0.end == "length" })
      #expect(generator.activeCount == 0 && generator.queuedCount == 0)
    }
  }

  @Test func longPromptsAreReadInChunksAndTakenOverFromEarlierOnes() throws {
    let golden = try GoldenText("gpt2-tied", on: ReferenceDevice())
    var random = RandomData(seed: 5)
    let capacity = golden.model.contextLength
    let long = (0..<capacity - 8).map { _ in Int32(random.integer(below: 20)) }
    let chunk = SlotGenerator.chunk
    let generator = SlotGenerator(
      golden.model, store: golden.store, slotCount: 2, capacity: capacity)
    func text(_ prompt: [Int32], _ count: Int) -> [Int32] {
      let listener = Listener()
      generator.submit(listener.request(prompt, count: count))
      finish(generator)
      return listener.tokens
    }
    let first = text(long, 6)
    #expect(try first == golden.greedy([long], count: 6, capacity: capacity)[0])
    let before = generator.reusedCount
    // The same again, and the same with an answer and more behind it.
    #expect(text(long, 6) == first)
    let usable = (long.count - 1) / chunk * chunk
    #expect(generator.reusedCount - before == usable)
    // Another prompt takes the slot that holds nothing of use, and the first one is still there.
    _ = text([9, 8, 7], 2)
    #expect(text(long, 6) == first && generator.reusedCount - before == 2 * usable)
  }

  @Test func whoGoesFreesItsSlot() throws {
    let golden = try GoldenText("llama-untied", on: ReferenceDevice())
    let generator = SlotGenerator(golden.model, store: golden.store, slotCount: 1, capacity: 64)
    let (gone, waiting, queued) = (Listener(), Listener(), Listener())
    generator.submit(gone.request([1, 2, 3], count: 60))
    generator.submit(queued.request([2], count: 4))
    generator.submit(waiting.request([4, 5], count: 4))
    for _ in 0..<5 { _ = generator.step() }
    #expect(gone.tokens.count > 2 && waiting.tokens.isEmpty && generator.queuedCount == 2)
    gone.isGone.store(true, ordering: .relaxed)
    queued.isGone.store(true, ordering: .relaxed)
    finish(generator)
    #expect(gone.end == "cancelled" && queued.end == "cancelled" && queued.tokens.isEmpty)
    #expect(try waiting.tokens == golden.greedy([[4, 5]], count: 4)[0])
  }

  @Test func scoresAreThoseOfTheModelItself() throws {
    for device in try Self.devices() {
      let golden = try GoldenText("llama-untied", on: device)
      let generator = SlotGenerator(golden.model, store: golden.store, slotCount: 2, capacity: 71)
      let prompt = Array(golden.tokens.prefix(40))
      let (echoed, sampled) = (Listener(), Listener())
      generator.submit(
        echoed.request(prompt, count: 3) {
          ($0.scoresPrompt, $0.alternatives) = (true, 2)
        })
      generator.submit(
        sampled.request(Array(prompt.prefix(10)), count: 8) {
          ($0.sampling.temperature, $0.alternatives) = (1.5, 3)
        })
      finish(generator)
      // The greedy text of the model: each of its tokens is the likeliest.
      let state = echoed.state.withLock { $0 }
      #expect(
        state.prompt.count == 39 && state.scores.count == 3
          && state.tokens == Array(golden.tokens[40..<43]))
      for score in (state.prompt.dropFirst(6) + state.scores) {
        #expect(score.alternatives.first?.id == score.id && score.alternatives.count == 2)
        // Bit by bit the same number: "greedy" is asked by comparing them.
        #expect(score.alternatives.first?.logProbability == score.logProbability)
      }
      // The whole distribution sums to one, and a temperature changes none of it.
      let whole = Listener()
      let vocabulary = golden.model.vocabularySize
      generator.submit(
        whole.request(Array(prompt.prefix(10)) + sampled.tokens.prefix(1), count: 1) {
          $0.alternatives = vocabulary
        })
      finish(generator)
      let all = try #require(whole.state.withLock { $0.scores.first }).alternatives
      #expect(abs(all.reduce(0) { $0 + exp($1.logProbability) } - 1) < 1e-9)
      let drawn = sampled.state.withLock { $0.scores }
      let same = try #require(all.first { $0.id == drawn[1].id })
      #expect(abs(same.logProbability - drawn[1].logProbability) < 1e-5)
    }
  }
}
