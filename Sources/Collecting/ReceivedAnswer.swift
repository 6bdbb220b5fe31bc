// An answer as a server sends it: whole, or in parts.
import Foundation
import Storage

/// What a hosted model answered.
struct ReceivedAnswer: Sendable {
  /// Why something is no answer.
  struct Flaw: Error {
    let reason: String
    /// What an error object inside an answer says of itself.
    var code: String?
  }

  var content = ""
  var reasoning = ""
  var refusal: String?
  var finishReason: String?
  /// What was said of tokens, in the form that records keep (see `RecordedAnswers`); nil where nothing was.
  var tokens: [JSON] = []
  var tops: [JSON] = []
  var hasLogProbabilities = false
  var usage = JSON.null
  var id: String?
  var model: String?
  var fingerprint: String?

  /// Reads a part of an answer, or a whole one. Throws where it holds an error, or not what it should.
  mutating func add(_ json: JSON) throws(Flaw) {
    guard json.object != nil else { throw Flaw(reason: "a part that is no object") }
    if let error = json["error"], !error.isNull {
      throw Flaw(
        reason: "an error inside the answer: \(Self.message(of: json))", code: Self.code(of: json))
    }
    id = id ?? json["id"]?.string
    model = model ?? json["model"]?.string
    fingerprint = json["system_fingerprint"]?.string ?? fingerprint
    if let usage = json["usage"], usage.object != nil { self.usage = usage }
    // Samples are asked for one by one.
    guard let choice = json["choices"]?.array?.first(where: { ($0["index"]?.int ?? 0) == 0 }) else {
      return
    }
    if let reason = choice["finish_reason"]?.string { finishReason = reason }
    if let text = choice["text"]?.string { content += text }
    if let message = [choice["delta"], choice["message"]].compactMap({ $0 }).first(where: {
      $0.object != nil
    }) {
      try add(message: message)
    }
    if let logprobs = choice["logprobs"], logprobs.object != nil { add(logProbabilities: logprobs) }
  }

  private mutating func add(message: JSON) throws(Flaw) {
    switch message["content"] {
    case .string(let text)?: content += text
    case .array(let parts)?:
      for part in parts {
        content += part["text"]?.string ?? ""
        // Mistral's form of reasoning.
        reasoning += part["thinking"]?.array?.compactMap { $0["text"]?.string }.joined() ?? ""
      }
    case .null?, nil: break
    default: throw Flaw(reason: "a content that is no text")
    }
    // The two names of one thing; some servers send both.
    reasoning += message["reasoning_content"]?.string ?? message["reasoning"]?.string ?? ""
    if let text = message["refusal"]?.string, !text.isEmpty { refusal = (refusal ?? "") + text }
  }

  /// Chat completions name their tokens in `content`, completions in lists beside each other.
  private mutating func add(logProbabilities found: JSON) {
    if let content = found["content"]?.array {
      hasLogProbabilities = true
      for item in content {
        tokens.append(Self.pair(item) ?? .null)
        tops.append(.array((item["top_logprobs"]?.array ?? []).compactMap(Self.pair)))
      }
    } else if let names = found["tokens"]?.array, let numbers = found["token_logprobs"]?.array {
      hasLogProbabilities = true
      let alternatives = found["top_logprobs"]?.array ?? []
      for (index, name) in names.enumerated() {
        let number = index < numbers.count ? numbers[index] : .null
        tokens.append(Self.pair(name.string.map(Self.bytes), number) ?? .null)
        let members = index < alternatives.count ? alternatives[index].object?.members ?? [] : []
        tops.append(.array(members.compactMap { Self.pair(Self.bytes($0.key), $0.value) }))
      }
    }
  }

  /// `{token, bytes, logprob}` as `[BASE64, LOGPROB]`.
  private static func pair(_ item: JSON) -> JSON? {
    guard let bytes = item["bytes"]?.array else {
      return pair(item["token"]?.string.map { Array($0.utf8) }, item["logprob"])
    }
    let known = bytes.compactMap { $0.int.flatMap { UInt8(exactly: $0) } }
    return known.count == bytes.count ? pair(known, item["logprob"]) : nil
  }

  /// The bytes of a token's name in lists: those that are no text by themselves are written as `bytes:\xe2\x80`.
  private static func bytes(_ name: String) -> [UInt8] {
    guard let digits = name.wholeMatch(of: /bytes:((?:\\x[0-9a-fA-F]{2})+)/)?.1 else {
      return Array(name.utf8)
    }
    return digits.split(separator: "\\x").compactMap { UInt8($0, radix: 16) }
  }

  private static func pair(_ bytes: [UInt8]?, _ number: JSON?) -> JSON? {
    guard let bytes, let number, number.double != nil else { return nil }
    return .array([.string(Data(bytes).base64EncodedString()), number])
  }

  /// What an error object says, in any of the forms in use.
  static func message(of json: JSON) -> String {
    let error = json["error"] ?? json
    let text =
      error["message"]?.string ?? error.string ?? json["message"]?.string ?? json["detail"]?.string
      ?? json.line
    return String(text.prefix(500))
  }

  /// The code or the type that an error object names.
  static func code(of json: JSON) -> String? {
    let error = json["error"] ?? json
    return error["code"]?.string ?? error["code"]?.int.map(String.init) ?? error["type"]?.string
  }
}
