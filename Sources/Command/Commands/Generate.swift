// `retort generate`
import ArgumentParser
import Base
import Foundation
import Models
import Storage
import Tensors
import Text
import Tokenizers

struct Generate: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue texts, or answer messages, with a model.",
    discussion: """
      One text:      retort generate --model DIR --prompt 'The truth is'
      A chat model:  retort generate --model DIR --chat --prompt 'Why is the sky blue?'
      Many texts:    retort generate --model DIR --input IN.jsonl --output OUT.jsonl

      Each line of IN is an object with `prompt`, or with `messages` as [{"role": "user", "content": \
      "..."}]; OUT has the same objects with `completion` and `finish_reason` (stop or length). IN may also \
      be JSON, CSV or TSV, hold conversations of ShareGPT's or instructions of Alpaca's form, or be a text with a \
      prompt in each line.
      """)

  @Option(help: "The model: a folder, or a GGUF file.")
  var model: String

  @OptionGroup var adapter: AdapterOptions

  @Option(help: "The text to continue; empty starts a new one.")
  var prompt = ""

  @Flag(help: "Take the prompt as a message of a conversation, in the form the model wants.")
  var chat = false

  @Option(help: "With --chat: what the system says first.")
  var system: String?

  @Option(help: "A file of prompts or messages, or - for standard input.")
  var input: String?

  @OptionGroup var fields: FieldOptions

  @Option(
    help: "The file for the completions of --input; a command that was interrupted goes on with it."
  )
  var output: String?

  @Flag(help: "Replace the output, whatever it holds.")
  var overwrite = false

  @Option(help: "The most tokens to draw.")
  var count = 200

  @OptionGroup var draws: SamplingOptions

  @Option(help: "End before this text; may be given several times.")
  var stop: [String] = []

  @Option(help: "With --input: how many texts are continued at once.")
  var batchSize = 8

  @Option(help: "The most tokens that the model looks back on.")
  var context: Int?

  @OptionGroup var storage: StorageOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var messages: MessageOptions
  @OptionGroup var results: ResultOptions

  func validate() throws {
    try requireCount(count, "count", to: 1 << 30)
    try requireCount(batchSize, "batch-size")
    try requireCount(context, "context", from: 2, to: 1 << 30)
    guard (input == nil) == (output == nil) else {
      throw ValidationError("--input and --output go together.")
    }
    guard input == nil || !results.json else {
      throw ValidationError("--json is for one text; the --output of --input is JSON already.")
    }
    guard system == nil || chat else { throw ValidationError("--system needs --chat.") }
    guard input == nil || (prompt.isEmpty && !chat) else {
      throw ValidationError("--input takes the place of --prompt and --chat.")
    }
  }

  func run() throws {
    Interrupt.install()
    if let input, let output, input != "-",
      URL(fileURLWithPath: output).isSameFile(as: URL(fileURLWithPath: input))
    {
      throw ValidationError("--output must not be the file of --input.")
    }
    let requests = try requests(TokenizerDirectory(URL(fileURLWithPath: model)))
    let store = VariableStore(on: try device.open(), seed: 1)
    let loaded = try LoadedModel(adapter.directory(model, storage.storage), into: store)
    let prompts = try requests.map { request in
      let ids = try request.tokens(loaded.text)
      try loaded.text.tokenizer.require(ids, below: loaded.model.vocabularySize)
      return ids
    }
    let longest = prompts.map(\.count).max() ?? 1
    let generator = Generator(
      loaded.model, vocabularySize: loaded.text.tokenizer.vocabularySize, store: store,
      batchSize: min(batchSize, prompts.count), capacity: context ?? longest + count)
    noteLongPrompts(prompts, generator.capacity)
    if let output {
      let file = try completions(output, requests, loaded)
      try complete(requests, prompts, generator, loaded.text, to: file)
    } else {
      try show(requests[0], prompts[0], generator, loaded.text)
    }
  }

  /// What the model is asked.
  private func requests(_ text: TokenizerDirectory) throws -> [EntryPrompt] {
    if let input {
      return try DataEntry.read([input], fields: fields.names(), cut: .lines)
        .map { try EntryPrompt($0, text) }
    }
    guard chat else { return [EntryPrompt(prompt: prompt)] }
    let before = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    return [try EntryPrompt(messages: before + [ChatMessage(role: "user", content: prompt)])]
  }

  /// Says which prompts lose their beginning.
  private func noteLongPrompts(_ prompts: [[Int32]], _ capacity: Int) {
    let long = prompts.indices.filter { prompts[$0].count >= capacity }
    guard let first = long.first else { return }
    let which =
      prompts.count == 1
      ? "The prompt has"
      : "Prompt \(first + 1)\(long.count > 1 ? ", one of \(grouped(long.count))," : "") has"
    warn(
      "\(which) \(counted(prompts[first].count, "token")), which leave no room in a context of \(grouped(capacity)): the "
        + "model reads only the last \(grouped(capacity - 1)).")
  }

  /// The output, for what its content follows from.
  private func completions(_ output: String, _ requests: [EntryPrompt], _ loaded: LoadedModel)
    throws
    -> ResumableFile
  {
    var inputs = Fingerprint()
    for request in requests { inputs.add(request.line(completion: "", finishReason: "")) }
    let job = JSON.Object([
      ("command", .string("generate")), ("model", .string(loaded.fingerprint)),
      ("requests", .string(inputs.description)), ("count", JSON(count)),
      ("context", JSON(context ?? 0)), ("draws", .string("\(draws.sampling)")),
      ("stop", .array(stop.map { .string($0) })), ("batch", JSON(batchSize)),
    ])
    return try ResumableFile(
      URL(fileURLWithPath: output), job: .object(job), overwrite: overwrite
    ) { url in
      // Completions that an earlier command wrote may be replaced.
      JSONLinesFile.begins(url, with: ["completion", "finish_reason"])
    }
  }

  /// Writes one completion to standard output while it is made.
  private func show(
    _ request: EntryPrompt, _ tokens: [Int32], _ generator: Generator, _ text: TokenizerDirectory
  ) throws {
    if let prompt = request.prompt, !results.json { try tellAsIs(prompt) }
    var decoder = StreamingDecoder(text.tokenizer, after: tokens, stops: stop)
    var completion = ""
    func add(_ part: String) throws {
      if results.json { completion += part } else { try tellAsIs(part) }
    }
    let drawn = try generator.generate(
      [tokens], count: count, sampling: draws.sampling, ends: text.ends
    ) { _, token in
      try add(decoder.add(token))
      return !decoder.isStopped && !Interrupt.wasRequested
    }[0]
    try add(decoder.finish())
    if results.json {
      let isWhole = decoder.isStopped || drawn.count < count
      let timing = generator.timing
      try tell(
        json: JSONObject([
          ("prompt", prompt), ("completion", completion),
          ("finish_reason", isWhole ? "stop" : "length"),
          ("prompt_tokens", timing.promptTokens), ("prompt_seconds", timing.promptSeconds),
          ("new_tokens", drawn.count),
          (
            "seconds_per_new_token",
            timing.newTokens > 0 ? timing.newSeconds / Double(timing.newTokens) : nil
          ),
        ]))
    } else {
      try tellAsIs("\n")
      note(Self.speed(generator.timing, texts: 1))
    }
    if Interrupt.wasRequested { throw ExitCode(130) }
  }

  /// Completes all requests, in batches of neighbours, in their order. Lines that are there already are kept.
  private func complete(
    _ requests: [EntryPrompt], _ prompts: [[Int32]], _ generator: Generator,
    _ text: TokenizerDirectory, to file: ResumableFile
  ) throws {
    var total = Generator.Timing()
    let progress = ProgressLine()
    let clock = ContinuousClock.now
    let known = try file.keepLines(of: prompts.count, inParts: generator.batchSize) { row, line in
      guard let json = try? JSON(parsing: Data(line.utf8)),
        let completion = json["completion"]?.string, let reason = json["finish_reason"]?.string
      else { return false }
      return requests[row].line(completion: completion, finishReason: reason) == line
    }
    if known > 0 {
      note("\(grouped(known)) of \(counted(prompts.count, "completion")) are there already.")
    }
    for first in stride(from: known, to: prompts.count, by: generator.batchSize) {
      let rows = first..<min(prompts.count, first + generator.batchSize)
      var decoders = rows.map {
        StreamingDecoder(text.tokenizer, after: prompts[$0], stops: stop)
      }
      var completions = rows.map { _ in "" }
      let drawn = try generator.generate(
        Array(prompts[rows]), count: count, sampling: draws.sampling, ends: text.ends,
        firstRow: first
      ) { row, token in
        completions[row] += decoders[row].add(token)
        return !decoders[row].isStopped && !Interrupt.wasRequested
      }
      if Interrupt.wasRequested {
        progress.end()
        warn(
          "Interrupted: \(grouped(first)) of \(counted(prompts.count, "completion")) are kept. The same command goes "
            + "on.")
        throw ExitCode(130)
      }
      var batch = ""
      for (row, request) in requests[rows].enumerated() {
        completions[row] += decoders[row].finish()
        let isWhole = decoders[row].isStopped || drawn[row].count < count
        batch +=
          request.line(
            completion: completions[row], finishReason: isWhole ? "stop" : "length") + "\n"
      }
      try file.append(Data(batch.utf8))
      total += generator.timing
      progress.show(
        "texts", done: rows.upperBound, of: prompts.count,
        seconds: (ContinuousClock.now - clock).seconds,
        doneHere: rows.upperBound - known, "")
    }
    try file.finish()
    progress.end()
    note(Self.speed(total, texts: prompts.count - known))
  }

  /// How fast some texts were read and continued. The first new token of each comes with its prompt.
  static func speed(_ timing: Generator.Timing, texts: Int) -> String {
    func rate(_ count: Int, _ timed: Int, _ seconds: Double) -> String {
      "\(counted(count, "token")), \(fixed(Double(timed) / max(seconds, 1e-9), 1)) tokens/s"
    }
    return "prompt: \(rate(timing.promptTokens, timing.promptTokens, timing.promptSeconds)); "
      + "new: \(rate(timing.newTokens + texts, timing.newTokens, timing.newSeconds))"
  }
}
