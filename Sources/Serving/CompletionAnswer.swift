// Answers to requests for texts: whole, or as events.
import Foundation
import Storage
import Text

/// Writes what became of a request's texts.
struct CompletionAnswer {
  private let request: CompletionRequest
  private let scores: TokenScores
  private let id: String
  private let created = Int(Date().timeIntervalSince1970)
  private var isChat: Bool { request.form == .chat }

  init(_ request: CompletionRequest) {
    self.request = request
    scores = TokenScores(model: request.model)
    id =
      (request.form == .chat ? "chatcmpl-" : "cmpl-")
      + UUID().uuidString.lowercased().filter { $0 != "-" }
  }

  // MARK: Whole

  /// The whole answer, once all texts have ended.
  func whole(_ stream: TextStream) async throws -> JSON {
    let count = request.prompts.count * request.samplesEach
    var texts = [String](repeating: "", count: count)
    var tokens = [[(id: Int32, score: TokenScore?)]](repeating: [], count: count)
    var ends = [String?](repeating: nil, count: count)
    var drawn = 0
    for number in 0..<count where request.echoes {
      texts[number] = promptText(number)
      if request.alternatives != nil { tokens[number] = [(prompt(number)[0], nil)] }
    }
    for await (number, event) in stream.events {
      switch event {
      case .prompt(let scores): tokens[number] += scores.map { ($0.id, $0) }
      case .piece(let text, let scores):
        texts[number] += text
        tokens[number] += scores.map { ($0.id, $0) }
      case .end(let reason, let drawnCount):
        ends[number] = reason
        drawn += drawnCount
      case .failed(let fault): throw fault
      }
      if !ends.contains(nil) { break }
    }
    guard !ends.contains(nil) else { throw CancellationError() }
    let choices = (0..<count).map { number in
      var choice = JSON.Object([("index", JSON(number))])
      if isChat {
        choice["message"] = .object(
          JSON.Object([
            ("role", .string("assistant")), ("content", .string(texts[number])), ("refusal", .null),
          ]))
      } else {
        choice["text"] = .string(texts[number])
      }
      choice["logprobs"] =
        request.alternatives == nil
        ? .null
        : isChat ? scores.chat(tokens[number].compactMap(\.score)) : scores.lists(tokens[number])
      choice["finish_reason"] = .string(ends[number] ?? "stop")
      return JSON.object(choice)
    }
    var object = head(isChat ? "chat.completion" : "text_completion")
    object["choices"] = .array(choices)
    object["usage"] = usage(drawn)
    return .object(object)
  }

  private func prompt(_ number: Int) -> [Int32] { request.prompts[number / request.samplesEach] }

  private func promptText(_ number: Int) -> String {
    request.model.text.tokenizer.decode(prompt(number))
  }

  private func head(_ kind: String) -> JSON.Object {
    JSON.Object([
      ("id", .string(id)), ("object", .string(kind)), ("created", JSON(created)),
      ("model", .string(request.model.name)),
      ("system_fingerprint", .string(request.model.fingerprint)),
    ])
  }

  /// Every prompt is counted once, however many answers it has.
  private func usage(_ drawn: Int) -> JSON {
    let read = request.prompts.reduce(0) { $0 + $1.count }
    return .object(
      JSON.Object([
        ("prompt_tokens", JSON(read)), ("completion_tokens", JSON(drawn)),
        ("total_tokens", JSON(read + drawn)),
      ]))
  }

  // MARK: Events

  /// Writes events until all texts have ended. What goes wrong meanwhile is an event, too.
  func write(_ stream: TextStream, to send: (String) async throws -> Void) async throws {
    let count = request.prompts.count * request.samplesEach
    var (open, drawn) = (count, 0)
    var places = [Int](repeating: 0, count: count)
    func chunk(_ number: Int, _ change: JSON.Object, _ logprobs: JSON = .null, end: String? = nil)
      async throws
    {
      var choice = JSON.Object([("index", JSON(number))])
      if isChat {
        choice["delta"] = .object(change)
      } else {
        choice["text"] = change["content"] ?? .string("")
      }
      choice["logprobs"] = logprobs
      choice["finish_reason"] = end.map { .string($0) } ?? .null
      var object = head(isChat ? "chat.completion.chunk" : "text_completion")
      object["choices"] = .array([.object(choice)])
      try await send("data: \(JSON.object(object).line)\n\n")
    }
    func written(_ number: Int, _ text: String, _ tokens: [(id: Int32, score: TokenScore?)])
      async throws
    {
      var logprobs = JSON.null
      if request.alternatives != nil {
        logprobs =
          isChat
          ? scores.chat(tokens.compactMap(\.score)) : scores.lists(tokens, from: places[number])
      }
      places[number] += text.unicodeScalars.count
      try await chunk(number, JSON.Object([("content", .string(text))]), logprobs)
    }
    for number in 0..<count {
      if isChat {
        try await chunk(
          number, JSON.Object([("role", .string("assistant")), ("content", .string(""))]))
      } else if request.echoes, request.alternatives == nil {
        try await written(number, promptText(number), [])
      }
    }
    for await (number, event) in stream.events {
      switch event {
      case .prompt(let found):
        try await written(
          number, promptText(number), [(prompt(number)[0], nil)] + found.map { ($0.id, $0) })
      case .piece(let text, let found): try await written(number, text, found.map { ($0.id, $0) })
      case .end(let reason, let drawnCount):
        (open, drawn) = (open - 1, drawn + drawnCount)
        try await chunk(number, JSON.Object(), end: reason)
      case .failed(let fault):
        return try await send("data: \(fault.json.line)\n\n")
      }
      if open == 0 { break }
    }
    guard open == 0 else { return }
    if request.includesUsage {
      var object = head(isChat ? "chat.completion.chunk" : "text_completion")
      object["choices"] = .array([])
      object["usage"] = usage(drawn)
      try await send("data: \(JSON.object(object).line)\n\n")
    }
    try await send("data: [DONE]\n\n")
  }
}
