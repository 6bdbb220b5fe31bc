// One request for one answer, and the hash that tells whether it was answered already.
import Base
import Foundation
import Storage

/// How answers are drawn.
package struct AnswerSampling: Sendable {
  package var temperature = 1.0
  package var topP = 1.0
  /// The most tokens of an answer, its reasoning included.
  package var maxTokens = 1024
  /// The seed of an entry's first sample; each further one takes the next.
  package var seed = 1
  /// How many alternatives of each token come with their log-probabilities; nil asks for none.
  package var topLogProbabilities: Int?
  package var stops: [String] = []
  /// Members that a request has besides; null leaves one out.
  package var extra = JSON.Object()

  package init() {}

}

/// What is sent for one sample of one prompt.
package struct CollectedRequest: Sendable {
  package let prompt: CollectedPrompt
  /// The number of the sample of its prompt, from 0.
  let sample: Int
  /// The SHA-256 of everything that the answer follows from: address, model, prompt, sampling and the number of the sample.
  package let hash: String
  /// The route behind the endpoint's address.
  let route: String
  let body: JSON
  /// What the record says of the sampling.
  let sampling: JSON
  /// Whether log-probabilities are those of the model itself, whether or not a server applies the sampling to them.
  let isPlain: Bool
  /// The most that the answer can cost, in tokens.
  package let bound: TokenCount

  /// Members that limit an answer's tokens.
  package static let limits = ["max_tokens", "max_completion_tokens"]
  /// Members that make a distribution another one.
  private static let reshaping = [
    "top_k", "min_p", "typical_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
    "logit_bias",
  ]

  package init(
    _ prompt: CollectedPrompt, sample: Int, endpoint: Endpoint, model: String,
    sampling: AnswerSampling,
    streams: Bool
  ) {
    self.prompt = prompt
    self.sample = sample
    let isChat = if case .messages = prompt.question { true } else { false }
    route = isChat ? "chat/completions" : "completions"

    // OpenAI's own models that reason know the newer name alone.
    let isOpenAI =
      isChat && ["openai.com", "openai.azure.com"].contains { endpoint.host.hasSuffix($0) }
    var drawn = JSON.Object([
      ("temperature", JSON(sampling.temperature)), ("top_p", JSON(sampling.topP)),
      (isOpenAI ? "max_completion_tokens" : "max_tokens", JSON(sampling.maxTokens)),
      ("seed", JSON(sampling.seed + sample)),
    ])
    if let count = sampling.topLogProbabilities {
      drawn["logprobs"] = isChat ? .bool(true) : JSON(count)
      if isChat { drawn["top_logprobs"] = JSON(count) }
    }
    if !sampling.stops.isEmpty { drawn["stop"] = .array(sampling.stops.map { .string($0) }) }
    for member in sampling.extra.members {
      drawn[member.key] = member.value.isNull ? nil : member.value
    }
    self.sampling = .object(drawn)
    // What stands in the request counts, whoever put it there.
    let most = Self.limits.compactMap { drawn[$0]?.int }.max() ?? sampling.maxTokens
    bound = TokenCount(input: prompt.tokenBound, output: max(0, most))
    isPlain =
      ["temperature", "top_p"].allSatisfy { (drawn[$0]?.double ?? 1) == 1 }
      && Self.reshaping.allSatisfy { drawn[$0] == nil }

    var identity = JSON.Object([
      ("schema", JSON(1)), ("url", .string(endpoint.address)), ("model", .string(model)),
      prompt.member,
      ("sample", JSON(sample)),
    ])
    identity["sampling"] = .object(drawn)
    hash = SHA256.hash(JSON.object(identity).canonical)

    var body = JSON.Object(
      [("model", .string(model)), prompt.member] + drawn.members.map { ($0.key, $0.value) })
    if streams {
      body["stream"] = .bool(true)
      body["stream_options"] = .object(JSON.Object([("include_usage", .bool(true))]))
    }
    self.body = .object(body)
  }
}
