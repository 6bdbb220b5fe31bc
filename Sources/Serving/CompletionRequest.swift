// What a request for texts asks, for both routes that make them.
import Base
import Foundation
import Storage
import Text
import Tokenizers

/// A request that was read and found possible.
struct CompletionRequest {
  /// A conversation is answered, a text continued: the answers have different forms.
  enum Form { case chat, text }

  let form: Form
  let model: ServedModel
  let service: GenerationService
  let prompts: [[Int32]]
  let samplesEach: Int
  let sampling: Sampling
  let stops: [String]
  let streams: Bool
  let includesUsage: Bool
  /// How many alternatives each token's score has; nil without scores.
  let alternatives: Int?
  /// Whether the prompt stands before its completion.
  let echoes: Bool
  let mostTokens: [Int]

  private static let chatFields = RequestFields.common.union([
    "messages", "max_completion_tokens", "logprobs", "top_logprobs", "chat_template_kwargs",
  ])
  private static let textFields = RequestFields.common.union(["prompt", "logprobs", "echo"])

  init(_ form: Form, _ body: JSON, _ models: [ServedModel], limits: ServerLimits) throws {
    let fields = try RequestFields(body, known: form == .chat ? Self.chatFields : Self.textFields)
    self.form = form
    model = try Self.model(fields, models)
    service = try model.generation()
    sampling = try fields.sampling()
    stops = try fields.texts("stop", most: 16).filter { !$0.isEmpty }
    streams = try fields.flag("stream")
    includesUsage = try fields.includesUsage(streams: streams)
    samplesEach = try fields.whole("n", 1...service.slotCount) ?? 1
    echoes = try fields.flag("echo")
    switch form {
    case .chat:
      let top = try fields.whole("top_logprobs", 0...limits.mostTopLogProbabilities)
      let wanted = try fields.flag("logprobs")
      guard top == nil || wanted else {
        throw ServerFault.invalid("'top_logprobs' goes with 'logprobs'.", "top_logprobs")
      }
      alternatives = wanted ? top ?? 0 : nil
      prompts = [try Self.conversation(fields, model)]
    case .text:
      alternatives = try fields.whole("logprobs", 0...limits.mostTopLogProbabilities)
      prompts = try Self.prompts(fields, model)
    }
    guard !prompts.isEmpty, prompts.count * samplesEach <= limits.mostTexts else {
      throw ServerFault.invalid("A request asks for 1 to \(limits.mostTexts) texts.", "prompt")
    }
    let most = try Self.mostTokens(fields, form, service.capacity)
    let capacity = service.capacity
    mostTokens = try prompts.map { prompt in
      let room = capacity - prompt.count
      // More than the context could ever hold is a mistake; what does not fit behind a prompt is cut, and the answer says so.
      guard room >= min(1, most), most <= capacity else {
        throw ServerFault.invalid(
          "The prompt has \(counted(prompt.count, "token")), and \(grouped(most)) are asked for; the context has "
            + "\(grouped(capacity)) in all.",
          form == .chat ? "messages" : "prompt", code: "context_length_exceeded")
      }
      return min(most, room)
    }
  }

  private static func mostTokens(_ fields: RequestFields, _ form: Form, _ capacity: Int) throws
    -> Int
  {
    let newer = form == .chat ? try fields.whole("max_completion_tokens", 1...1 << 30) : nil
    if let given = try newer ?? fields.whole("max_tokens", (form == .chat ? 1 : 0)...1 << 30) {
      return given
    }
    // A text goes on for 16 tokens unless told otherwise, as OpenAI's does; an answer as long as there is room.
    return form == .chat ? capacity : min(16, capacity)
  }

  static func model(_ fields: RequestFields, _ models: [ServedModel]) throws -> ServedModel {
    guard let name = try fields.text("model") else {
      guard models.count == 1 else {
        throw ServerFault.invalid(
          "'model' is missing; there are \(models.map(\.name).joined(separator: ", ")).", "model")
      }
      return models[0]
    }
    guard let model = models.first(where: { $0.name == name }) else {
      throw ServerFault.invalid(
        "There is no model '\(name.prefix(100))', but \(models.map(\.name).joined(separator: ", ")).",
        "model",
        code: "model_not_found", status: 404)
    }
    return model
  }

  private static func conversation(_ fields: RequestFields, _ model: ServedModel) throws -> [Int32]
  {
    guard let messages = fields.object["messages"]?.array, !messages.isEmpty else {
      throw ServerFault.invalid("'messages' must be a list of at least one message.", "messages")
    }
    guard model.text.hasChatTemplate else {
      throw ServerFault.invalid(
        "\(model.name) has no chat template, so it answers no conversations: /v1/completions continues texts.",
        "messages")
    }
    do {
      let conversation = try Conversation(messages, fields.object)
      let text = try conversation.render(model.text, messages.count, startsAnswer: true)
      return try checked(
        model.text.tokenizer.encode(text, addsSpecialTokens: false), model, "messages")
    } catch let fault as ServerFault { throw fault } catch {
      throw ServerFault.invalid("\(error)", "messages")
    }
  }

  /// The prompts as ids.
  private static func prompts(_ fields: RequestFields, _ model: ServedModel) throws -> [[Int32]] {
    try fields.tokenLists(
      "prompt", read: { try EntryPrompt(prompt: $0).tokens(model.text) },
      check: { try checked($0, model, "prompt") })
  }

  private static func checked(_ ids: [Int32], _ model: ServedModel, _ param: String) throws
    -> [Int32]
  {
    guard !ids.isEmpty else { throw ServerFault.invalid("'\(param)' holds no token.", param) }
    return try model.checked(ids, param)
  }

  /// Hands all texts to the model; their numbers count prompts first, and samples within each.
  func start(_ limits: ServerLimits) throws -> TextStream {
    let stream = TextStream(timeLimit: limits.longestRequest)
    let requests = prompts.indices.flatMap { prompt in
      (0..<samplesEach).map { sample in
        var request = SlotRequest(prompts[prompt], count: mostTokens[prompt])
        (request.sampling, request.number, request.ends) = (sampling, sample, model.text.ends)
        request.alternatives = alternatives
        request.scoresPrompt = echoes && alternatives != nil
        return stream.request(
          prompt * samplesEach + sample, request, model.text.tokenizer, stops: stops)
      }
    }
    guard service.submit(requests) else { throw ServerFault.overloaded }
    return stream
  }
}

/// What a server gives at most.
package struct ServerLimits: Sendable {
  /// Alternatives of each token.
  package var mostTopLogProbabilities = 20
  /// Texts of one request.
  package var mostTexts = 64
  package var longestRequest = Duration.seconds(600)
  /// Bytes of a body.
  package var bodyBytes = 1 << 20

  package init() {}
}
