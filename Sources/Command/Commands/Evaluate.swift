// `retort evaluate`
import ArgumentParser
import Base
import Foundation
import Models
import Storage
import Tensors
import Text

struct Evaluate: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a language model on text.",
    discussion: """
      Prints nats per token, perplexity and bits per byte over windows of the text, and with --teacher \
      the KL divergence from the teacher at temperature 1 and the share of tokens on which both agree. \
      Entries of a text follow each other in one stream, each with the token that ends a text. The \
      objects of other files have a window each; of prompts with completions, and of conversations, only the answers \
      are measured.
      """)

  @Option(help: "The model: a folder, or a GGUF file.")
  var model: String

  @OptionGroup var data: DataOptions

  @Option(help: "The folder of a teacher to compare with.")
  var teacher: String?

  @Option(help: "Tokens per window; the model's context, at most 1024.")
  var window: Int?

  @Option(
    help: ArgumentHelp(
      "Tokens from one window's start to the next one's; a window's length.",
      discussion: "Smaller ones overlap: a token counts once, with more of the text before it."))
  var stride: Int?

  @Option(help: "Windows per batch; as many as make 2048 tokens.")
  var batchSize: Int?

  @OptionGroup var adapter: AdapterOptions
  @OptionGroup var storage: StorageOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var messages: MessageOptions
  @OptionGroup var results: ResultOptions

  func validate() throws {
    for (name, value) in [("window", window), ("stride", stride), ("batch-size", batchSize)] {
      try requireCount(value, name, to: 1 << 30)
    }
  }

  func run() throws {
    let store = VariableStore(on: try device.open(), seed: 1)
    let loaded = try LoadedModel(adapter.directory(model, storage.storage), into: store)
    let other = try teacher.map {
      try LoadedModel(ModelDirectory(URL(fileURLWithPath: $0)), into: store, as: "teacher")
    }
    if let other, !other.text.tokenizer.hasSameTokens(as: loaded.text.tokenizer) {
      throw UserError(
        "The teacher has another tokenizer than the model: their tokens cannot be compared.")
    }
    let length = window ?? min(loaded.model.contextLength, 1024)
    let longest = min(loaded.model.contextLength, other?.model.contextLength ?? .max)
    guard length <= longest else {
      throw ValidationError("--window must be at most \(longest), the models' context.")
    }
    let classCount = min(
      loaded.text.tokenizer.vocabularySize, loaded.model.vocabularySize,
      other?.model.vocabularySize ?? .max)
    let (rows, bytesPerToken, windows) = try windows(loaded, length, classCount: classCount)
    let batchSize = max(1, min(self.batchSize ?? max(1, 2048 / length), rows.count))
    let (progress, start) = (ProgressLine(), ContinuousClock.now)
    let result = try evaluate(
      loaded.model, teacher: other.map { .model($0.model) }, on: rows, batchSize: batchSize,
      classCount: classCount, store: store
    ) { done, total in
      progress.show(
        "evaluating", done: done, of: total, seconds: (ContinuousClock.now - start).seconds,
        doneHere: done, "batches")
    }
    progress.end()
    let speed = try Speed.tokensPerSecond(
      [loaded.model], on: rows.batches(of: batchSize)[0], classCount: classCount, store: store)[0]
    let bitsPerByte = result.natsPerToken / bytesPerToken / log(2)
    let perplexity = exp(result.natsPerToken)
    guard !results.json else {
      try tell(
        json: JSONObject([
          ("windows", result.windowLosses.count), ("window_tokens", length),
          ("tokens", result.tokenCount), ("nats_per_token", result.natsPerToken),
          ("perplexity", perplexity), ("bits_per_byte", bitsPerByte),
          ("kl_to_teacher", result.klToTeacher), ("top1_agreement", result.agreement),
          ("expected_calibration_error", result.calibrationError), ("tokens_per_second", speed),
        ]))
      return
    }
    try tell("\(windows): \(grouped(result.windowLosses.count))")
    try tell("tokens predicted \(grouped(result.tokenCount))")
    try tell("nats/token       \(fixed(result.natsPerToken, 4))")
    try tell("perplexity       \(fixed(perplexity, 3))")
    try tell("bits/byte        \(fixed(bitsPerByte, 4))")
    if let kl = result.klToTeacher, let agreement = result.agreement {
      try tell("KL to teacher    \(fixed(kl, 4)) nats/token")
      try tell("top-1 agreement  \(fixed(100 * agreement, 1)) %")
    }
    try tell("calibration      \(fixed(result.calibrationError, 4)) (ECE, 15 bins)")
    try tell("tokens/s         \(grouped(Int(speed)))")
  }

  /// What is measured, with its bytes per token and in words.
  private func windows(_ loaded: LoadedModel, _ length: Int, classCount: Int) throws -> (
    any TokenData, bytesPerToken: Double, description: String
  ) {
    guard let end = loaded.text.endOfText else {
      throw UserError("\(model) does not say which token ends a text (`eos_token`).")
    }
    let tokenizer = loaded.text.tokenizer
    let entries = try data.entries()
    let texts = entries.compactMap(\.plainText)
    guard texts.count == entries.count else {
      guard stride == nil else {
        throw ValidationError(
          "--stride is for texts; each of these entries has a window of its own.")
      }
      let reader = EntryExamples(tokenizer, end: end, directory: loaded.text)
      let rows = TokenExamples(try entries.flatMap(reader.examples), length: length)
      guard rows.count > 0 else {
        throw UserError(
          "No answer begins within \(length) tokens: nothing can be measured. A larger --window helps."
        )
      }
      for example in rows.examples { try tokenizer.require(example.tokens, below: classCount) }
      let lost = rows.cutCount + rows.droppedCount
      return (
        rows, rows.bytesPerTarget { tokenizer.decode($0) },
        "entries in windows of \(length) tokens\(lost > 0 ? ", \(grouped(lost)) too long for one," : "")"
      )
    }
    let tokens = try Corpus.tokens(texts, endOfText: end) { try tokenizer.encode($0) }
    try tokenizer.require(tokens, below: classCount)
    let rows = TokenWindows(tokens, length: length, stride: stride)
    guard rows.count > 0 else {
      throw UserError(
        "The text is smaller than one sequence: it has \(tokens.count) tokens, one window "
          + "needs \(length + 1). Give more text or a smaller --window.")
    }
    return (
      rows, Corpus.bytesPerToken(texts, tokens.count),
      "windows of \(length) tokens, stride \(rows.stride)"
    )
  }
}
