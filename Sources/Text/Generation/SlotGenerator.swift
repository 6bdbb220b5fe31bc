// Texts that come and go while others are continued.
import Base
import Foundation
import Models
import Tensors

/// A token with how likely it was.
package struct TokenScore: Sendable {
  package let id: Int32
  /// The natural logarithm of its probability, before any sampling setting.
  package let logProbability: Double
  /// The likeliest tokens at its place, likeliest first, with theirs.
  package let alternatives: [(id: Int32, logProbability: Double)]

  /// The score of a token among the logits of all, with the `count` likeliest ones.
  init(of id: Int32, among logits: [Float], alternatives count: Int) {
    let highest = Double(logits.max() ?? 0)
    let logSum = highest + log(logits.reduce(0.0) { $0 + exp(Double($1) - highest) })
    var best: [(id: Int32, logit: Float)] = []
    for (other, logit) in logits.enumerated() where count > 0 {
      if best.count == count, logit <= best[count - 1].logit { continue }
      let place = best.firstIndex { logit > $0.logit } ?? best.count
      best.insert((Int32(other), logit), at: place)
      if best.count > count { best.removeLast() }
    }
    self.id = id
    logProbability = Double(logits[Int(id)]) - logSum
    alternatives = best.map { ($0.id, Double($0.logit) - logSum) }
  }
}

/// A text to continue, and who hears of it. What it is told, it is told on the thread that takes the steps.
package struct SlotRequest: Sendable {
  package let prompt: [Int32]
  /// The most tokens to draw.
  package let count: Int
  package var sampling = Sampling()
  /// Numbers the text among those of one seed.
  package var number = 0
  package var ends: Set<Int32> = []
  /// How many alternatives each token's score has; nil where no scores are wanted.
  package var alternatives: Int?
  /// Whether the tokens of the prompt have scores, too.
  package var scoresPrompt = false
  /// The scores of the prompt's tokens from the second on.
  package var onPrompt: @Sendable ([TokenScore]) -> Void = { _ in }
  /// A token that was drawn, and its score if wanted; whether the text goes on.
  package var onToken: @Sendable (Int32, TokenScore?) -> Bool = { _, _ in true }
  /// How the text ended.
  package var onEnd: @Sendable (End) -> Void = { _ in }
  /// Whether nobody waits for the text any more.
  package var isCancelled: @Sendable () -> Bool = { false }

  package enum End: Sendable {
    /// The model or its listener ended it.
    case stop
    /// It has as many tokens as it may.
    case length
    case cancelled
    case failed(any Error)
  }

  package init(_ prompt: [Int32], count: Int) { (self.prompt, self.count) = (prompt, count) }
}

/// Continues texts in slots. A text takes a slot when one is free and leaves it when it ends; between two steps of those that are being
/// continued at most one chunk of a new prompt is read, so that nobody waits for long prompts of others.
package final class SlotGenerator {
  private struct Slot {
    var request: SlotRequest?
    /// The prompt, and what was drawn.
    var tokens: [Int32] = []
    /// How many tokens the cache holds.
    var readCount = 0
    /// How many of them were read in whole chunks.
    var chunkedCount = 0
    var drawnCount = 0
    var lastStep = 0
    var scores: [TokenScore] = []
  }

  package let slotCount: Int
  package var capacity: Int { reader.capacity }
  /// Tokens that did not have to be read because a slot held them, since the beginning.
  package private(set) var reusedCount = 0
  private let reader: CachedReader
  private var slots: [Slot]
  private var queue: [SlotRequest] = []
  private var stepNumber = 0

  /// How many tokens of a prompt are read at once. What a later prompt has in common with an earlier one is taken over in whole chunks, which
  /// were read by the same kernels as they would be now: so the answer is the same to the bit.
  static let chunk = 128
  /// The same where each token's logits are wanted, which take room.
  static let scoredChunk = 32

  /// A model whose variables are in `store`, for at most `slotCount` texts at once of at most `capacity` tokens. Tokens from
  /// `vocabularySize` on are never drawn.
  package init(
    _ model: any LanguageModel, vocabularySize: Int? = nil, store: VariableStore, slotCount: Int,
    capacity: Int
  ) {
    self.slotCount = slotCount
    // One row more, for what fills up a pass.
    reader = CachedReader(
      model, vocabularySize: vocabularySize, store: store, capacity: capacity,
      rowCount: slotCount + 1)
    slots = [Slot](repeating: Slot(), count: slotCount)
  }

  /// How many texts have no slot yet.
  package var queuedCount: Int { queue.count }
  package var activeCount: Int { slots.count { $0.request != nil } }

  /// A text with at least one token, and room for what is drawn.
  package func submit(_ request: SlotRequest) {
    demand(
      !request.prompt.isEmpty && request.prompt.count + request.count <= capacity + 1,
      "a text of \(request.prompt.count) and \(request.count) tokens for a context of \(capacity)")
    queue.append(request)
  }

  /// Reads one chunk of one prompt, and draws a token of each text that is being continued. Whether there was anything to do.
  package func step() -> Bool {
    stepNumber += 1
    endCancelled()
    admit()
    let reading = slots.indices.filter { slots[$0].request != nil && isReading($0) }
    let drawing = slots.indices.filter { slots[$0].request != nil && !isReading($0) }
    // Whoever came first is read first.
    if let slot = reading.min(by: { slots[$0].lastStep < slots[$1].lastStep }) {
      attempt([slot]) { try readChunk(of: slot) }
    }
    if !drawing.isEmpty { attempt(drawing) { try draw(drawing) } }
    return !reading.isEmpty || !drawing.isEmpty || !queue.isEmpty
  }

  private func isReading(_ slot: Int) -> Bool { slots[slot].drawnCount == 0 }

  /// A fault of the device ends the texts that met it, and what their slots hold is not trusted.
  private func attempt(_ touched: [Int], _ body: () throws -> Void) {
    do { try body() } catch {
      for slot in touched where slots[slot].request != nil {
        end(slot, .failed(error))
        slots[slot].chunkedCount = 0
      }
    }
  }

  private func endCancelled() {
    for slot in slots.indices where slots[slot].request?.isCancelled() == true {
      end(slot, .cancelled)
    }
    for request in queue where request.isCancelled() { request.onEnd(.cancelled) }
    queue.removeAll { $0.isCancelled() }
  }

  private func end(_ slot: Int, _ reason: SlotRequest.End) {
    let request = slots[slot].request
    slots[slot].request = nil
    request?.onEnd(reason)
  }

  /// How many tokens of a prompt a slot's cache holds already.
  private func reusable(_ slot: Int, _ request: SlotRequest) -> Int {
    guard !request.scoresPrompt else { return 0 }
    let common = zip(slots[slot].tokens, request.prompt).prefix { $0 == $1 }.count
    let usable = min(common, slots[slot].chunkedCount, request.prompt.count - 1)
    return usable / Self.chunk * Self.chunk
  }

  private func admit() {
    while let request = queue.first {
      let free = slots.indices.filter { slots[$0].request == nil }
      // The slot with the longest common beginning; of equals the one that has rested longest.
      guard
        let slot = free.max(by: {
          (reusable($0, request), -slots[$0].lastStep) < (
            reusable($1, request), -slots[$1].lastStep
          )
        })
      else { return }
      queue.removeFirst()
      let known = reusable(slot, request)
      reusedCount += known
      slots[slot] = Slot(
        request: request, tokens: request.prompt, readCount: known, chunkedCount: known,
        lastStep: stepNumber)
    }
  }

  private func readChunk(of slot: Int) throws {
    guard let request = slots[slot].request else { return }
    let (known, prompt) = (slots[slot].readCount, request.prompt)
    let chunk = request.scoresPrompt ? Self.scoredChunk : Self.chunk
    let end = min(prompt.count, known + chunk)
    let length = min(CachedReader.passLength(end - known), capacity)
    // A pass that would not fit behind what is known begins further back.
    let start = min(known, capacity - length)
    let logits = try reader.read(
      [prompt[start..<end]], after: [start], rows: [slot], length, isComplete: request.scoresPrompt)
    slots[slot].readCount = end
    // What was read again was not read in whole chunks.
    if start < known {
      slots[slot].chunkedCount = min(slots[slot].chunkedCount, start / Self.chunk * Self.chunk)
    }
    if !request.scoresPrompt, end - known == Self.chunk { slots[slot].chunkedCount = end }
    if request.scoresPrompt {
      for place in known..<min(end, prompt.count - 1) {
        slots[slot].scores.append(
          TokenScore(
            of: prompt[place + 1], among: logits[place - start],
            alternatives: request.alternatives ?? 0))
      }
    }
    guard end == prompt.count else { return }
    if request.scoresPrompt { request.onPrompt(slots[slot].scores) }
    if request.count == 0 { return self.end(slot, .length) }
    take(logits[request.scoresPrompt ? end - 1 - start : 0], slot)
  }

  private func draw(_ drawing: [Int]) throws {
    // Passes of few sizes: one, two, four, ... texts.
    var texts = 1
    while texts < drawing.count { texts *= 2 }
    texts = min(texts, slotCount)
    let spare = texts - drawing.count
    let logits = try reader.read(
      drawing.map { slots[$0].tokens[slots[$0].readCount...] }
        + [ArraySlice<Int32>](repeating: [0], count: spare),
      after: drawing.map { slots[$0].readCount } + [Int](repeating: 0, count: spare),
      rows: drawing + [Int](repeating: slotCount, count: spare), 1)
    for (row, slot) in drawing.enumerated() {
      slots[slot].readCount += 1
      take(logits[row], slot)
    }
  }

  /// Draws the next token of a text.
  private func take(_ logits: [Float], _ slot: Int) {
    guard let request = slots[slot].request else { return }
    slots[slot].lastStep = stepNumber
    let id = request.sampling.next(
      logits, after: slots[slot].tokens, row: request.number, step: slots[slot].drawnCount)
    if request.ends.contains(id) { return end(slot, .stop) }
    let score = request.alternatives.map { TokenScore(of: id, among: logits, alternatives: $0) }
    slots[slot].tokens.append(id)
    slots[slot].drawnCount += 1
    if !request.onToken(id, score) { return end(slot, .stop) }
    if slots[slot].drawnCount == request.count { end(slot, .length) }
  }
}
