// `retort serve`
#if Network
  import ArgumentParser
  import Base
  import Foundation
  import Models
  import Sentences
  import Serving
  import Storage
  import Tensors
  import Text
  import Tokenizers

  struct Serve: TalkativeCommand {
    static let configuration = CommandConfiguration(
      abstract: "Answer over HTTP with models, in the form of OpenAI's API and on a page.",
      discussion: """
        retort serve --model DIR

        Then open http://127.0.0.1:8080/, or point any client of OpenAI's API at http://127.0.0.1:8080/v1. There are \
        /v1/chat/completions, /v1/completions, /v1/embeddings (encoders), /v1/models and /health. A field that would change the answer \
        and is not built is refused by name. Other machines reach the server only with --host, and with a key of 32 characters and more in \
        RETORT_SERVE_KEY. There is no TLS: put a reverse proxy in front.
        """)

    @Option(
      help:
        "The folder of a model; several, such as a teacher and its student, stand side by side on the page."
    )
    var model: [String]

    @Option(help: "Where to listen.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 takes a free one.")
    var port = 8080

    @Option(help: "How many texts a model continues at once.")
    var slots = 8

    @Option(help: "The most tokens of a prompt and its answer together; each slot keeps so many.")
    var context: Int?

    @Option(help: "The most alternatives that a token's log-probability comes with.")
    var maxTopLogprobs = 20

    @Flag(help: "Let everybody who reaches the server ask it.")
    var noKey = false

    @Option(help: "Let pages of this origin ask, such as https://example.org.")
    var allowOrigin: String?

    @OptionGroup var storage: StorageOptions
    @OptionGroup var device: DeviceOptions
    @OptionGroup var messages: MessageOptions

    func validate() throws {
      guard !model.isEmpty else { throw ValidationError("--model names the folder of a model.") }
      guard (0...65_535).contains(port) else {
        throw ValidationError("--port must be from 0 to 65535.")
      }
      try requireCount(slots, "slots", to: 256)
      try requireCount(context, "context", from: 2, to: 1 << 24)
      try requireCount(maxTopLogprobs, "max-top-logprobs", from: 0, to: 1000)
    }

    func run() throws {
      let access = try ServerAccess(
        host: host, key: ProcessInfo.processInfo.environment["RETORT_SERVE_KEY"], withoutKey: noKey,
        origin: allowOrigin)
      let device = try device.open()
      let thread = DeviceThread()
      var served: [ServedModel] = []
      for path in model {
        let name = Self.name(path, besides: served.map(\.name))
        served.append(try load(path, name, on: device, thread))
      }
      var limits = ServerLimits()
      limits.mostTopLogProbabilities = maxTopLogprobs
      let server = ModelServer(served, access: access, limits: limits)
      let (host, port, names) = (host.contains(":") ? "[\(host)]" : host, port, served.map(\.name))
      try wait {
        try await server.run(port: port) { port in
          note(
            "Serving \(names.joined(separator: ", ")) at http://\(host):\(port)/ (API: http://\(host):\(port)/v1). Ctrl-C ends it."
          )
        }
      }
    }

    /// A folder's name; a run's `student/model` is called after what stands before `model`.
    private static func name(_ path: String, besides taken: [String]) -> String {
      let url = URL(fileURLWithPath: path).standardizedFileURL
      var name = url.lastPathComponent
      if name == "model" { name = url.deletingLastPathComponent().lastPathComponent }
      return taken.contains(name)
        ? (2...).lazy.map { "\(name)-\($0)" }.first { !taken.contains($0) } ?? name : name
    }

    private func load(_ path: String, _ name: String, on device: any Device, _ thread: DeviceThread)
      throws -> ServedModel
    {
      let store = VariableStore(on: device, seed: 1)
      let directory = ModelDirectory(URL(fileURLWithPath: path), storage: storage.storage)
      func identity(_ fingerprint: String, _ text: TokenizerDirectory) -> String {
        ([fingerprint, retortVersion, device.name, "\(slots)"] + text.files.map(\.text)).joined(
          separator: "\n")
      }
      if try directory.model() is any Encoder {
        let encoder = try SentenceEncoder(directory)
        let text = try TokenizerDirectory(directory.url)
        let fingerprint =
          try directory.loadFrozen(encoder.encoder, into: store, prefix: "model") ?? ""
        let embedder = SentenceEmbedder(encoder, text.tokenizer, store: store, batchSize: slots)
        let tokenizer = text.tokenizer
        return ServedModel(
          name, text, tokenCount: encoder.encoder.vocabularySize,
          identity: identity(fingerprint, text),
          longest: encoder.maximumLength, vectors: { try embedder.embed($0) },
          ids: { try SentenceEmbedder.ids($0, tokenizer, encoder) }, on: thread)
      }
      let loaded = try LoadedModel(directory, into: store)
      let generator = SlotGenerator(
        loaded.model, vocabularySize: loaded.text.tokenizer.vocabularySize, store: store,
        slotCount: slots,
        capacity: context ?? min(loaded.model.contextLength, 4096))
      return ServedModel(
        name, loaded.text, tokenCount: loaded.model.vocabularySize,
        identity: identity(loaded.fingerprint, loaded.text),
        generator: generator, on: thread)
    }
  }
#endif
