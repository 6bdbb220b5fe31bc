// Log-probabilities of tokens in the two forms that clients know.
import Storage
import Text

/// Writes scores of a model's tokens.
struct TokenScores {
  let model: ServedModel

  /// The form of chat completions: token, bytes, log-probability, and alternatives alike.
  func chat(_ scores: [TokenScore]) -> JSON {
    .object(JSON.Object([("content", .array(scores.map(entry))), ("refusal", .null)]))
  }

  private func entry(_ score: TokenScore) -> JSON {
    var entry = entry(score.id, score.logProbability)
    entry["top_logprobs"] = .array(
      score.alternatives.map { .object(self.entry($0.id, $0.logProbability)) })
    return .object(entry)
  }

  private func entry(_ id: Int32, _ logProbability: Double) -> JSON.Object {
    let (text, bytes) = model.spelling(id)
    return JSON.Object([
      ("token", .string(text)), ("bytes", .array(bytes.map { JSON(Int($0)) })),
      ("logprob", JSON(logProbability)),
    ])
  }

  /// The form of completions: lists beside each other. The first token of a prompt has no score. `offset` is where the first token
  /// stands in the text, in characters.
  func lists(_ tokens: [(id: Int32, score: TokenScore?)], from offset: Int = 0) -> JSON {
    var (names, numbers, tops, offsets, place) = ([JSON](), [JSON](), [JSON](), [JSON](), offset)
    for (id, score) in tokens {
      let name = name(id)
      names.append(.string(name))
      numbers.append(score.map { JSON($0.logProbability) } ?? .null)
      tops.append(score.map(alternatives) ?? .null)
      offsets.append(JSON(place))
      // Special tokens are no part of the text.
      if !model.text.tokenizer.isSpecial(id) {
        place += model.spelling(id).text.unicodeScalars.count
      }
    }
    return .object(
      JSON.Object([
        ("tokens", .array(names)), ("token_logprobs", .array(numbers)),
        ("top_logprobs", .array(tops)),
        ("text_offset", .array(offsets)),
      ]))
  }

  /// Alternatives by name; of several with one name the likeliest.
  private func alternatives(_ score: TokenScore) -> JSON {
    var object = JSON.Object()
    for (id, number) in score.alternatives where object[name(id)] == nil {
      object[name(id)] = JSON(number)
    }
    return .object(object)
  }

  /// A token's text; bytes that are none are written as `bytes:\xe2\x80`.
  private func name(_ id: Int32) -> String {
    let (text, bytes) = model.spelling(id)
    guard String(validating: bytes, as: UTF8.self) == nil else { return text }
    let digits = bytes.map { byte in
      let digits = String(byte, radix: 16)
      return "\\x" + (digits.count == 1 ? "0" : "") + digits
    }
    return "bytes:" + digits.joined()
  }
}
