// The fields of a request's body.
import Base
import Storage
import Text

/// Reads fields by name, and refuses what it does not know: a field that was passed over would be an answer to another question.
struct RequestFields {
  let object: JSON.Object

  /// Fields that say something of the caller, and nothing of the answer.
  private static let ignored: Set = [
    "user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key",
    "parallel_tool_calls",
  ]

  /// Fields that are not built, with values that change nothing.
  private static let neutral: [String: [String]] = [
    "presence_penalty": ["0"], "frequency_penalty": ["0"], "logit_bias": ["{}"], "tools": ["[]"],
    "functions": ["[]"],
    "best_of": ["1"], "response_format": ["{\"type\":\"text\"}"],
    "tool_choice": ["\"none\"", "\"auto\""], "modalities": ["[\"text\"]"],
    "suffix": ["\"\""],
  ]

  /// Reads a body; `known` are the fields that the route honours.
  init(_ body: JSON, known: Set<String>) throws {
    guard let given = body.object else { throw ServerFault.invalid("The body is no JSON object.") }
    // What is null is as good as absent.
    object = JSON.Object(given.members.filter { !$0.value.isNull }.map { ($0.key, $0.value) })
    for member in object.members
    where !known.contains(member.key) && !Self.ignored.contains(member.key) {
      if let values = Self.neutral[member.key], values.contains(member.value.canonical) { continue }
      throw ServerFault.unsupported(member.key)
    }
  }

  func has(_ name: String) -> Bool { object[name] != nil }

  func number(_ name: String, _ range: ClosedRange<Double>) throws -> Double? {
    guard let value = object[name] else { return nil }
    guard let number = value.double, range.contains(number) else {
      throw ServerFault.invalid(
        "'\(name)' must be a number from \(shown(range.lowerBound)) to \(shown(range.upperBound)).",
        name)
    }
    return number
  }

  func whole(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
    guard let value = object[name] else { return nil }
    guard let number = value.int, range.contains(number) else {
      throw ServerFault.invalid(
        "'\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound).", name)
    }
    return number
  }

  func flag(_ name: String) throws -> Bool {
    guard let value = object[name] else { return false }
    guard let flag = value.bool else {
      throw ServerFault.invalid("'\(name)' must be true or false.", name)
    }
    return flag
  }

  func text(_ name: String) throws -> String? {
    guard let value = object[name] else { return nil }
    guard let text = value.string else {
      throw ServerFault.invalid("'\(name)' must be a text.", name)
    }
    return text
  }

  /// One text, or a list of at most `most`.
  func texts(_ name: String, most: Int) throws -> [String] {
    guard let value = object[name] else { return [] }
    let found = value.array ?? [value]
    let texts = found.compactMap(\.string)
    guard texts.count == found.count, texts.count <= most else {
      throw ServerFault.invalid("'\(name)' must be a text, or a list of at most \(most).", name)
    }
    return texts
  }

  /// A text, texts, ids, or lists of ids, each as ids: `read` tokenises a text, `check` looks at ids that were given.
  func tokenLists(
    _ name: String, read: (String) throws -> [Int32], check: ([Int32]) throws -> [Int32]
  ) throws -> [[Int32]] {
    guard let given = object[name] else { throw ServerFault.invalid("'\(name)' is missing.", name) }
    func ids(_ list: [JSON]) throws -> [Int32] {
      let ids = list.compactMap { $0.int.flatMap { Int32(exactly: $0) } }
      guard ids.count == list.count, !ids.isEmpty else {
        throw ServerFault.invalid(
          "'\(name)' must be a text, a list of texts, of ids, or of lists of ids.", name)
      }
      return try check(ids)
    }
    func text(_ text: String) throws -> [Int32] {
      do { return try read(text) } catch { throw ServerFault.invalid("\(error)", name) }
    }
    if let one = given.string { return [try text(one)] }
    guard let list = given.array, let first = list.first else {
      throw ServerFault.invalid("'\(name)' is empty, or neither text nor list.", name)
    }
    if first.double != nil { return [try ids(list)] }
    return try list.map { item in try item.string.map(text) ?? ids(item.array ?? [item]) }
  }

  /// How tokens are drawn; without a word as the model itself would.
  func sampling() throws -> Sampling {
    var sampling = Sampling()
    sampling.temperature = Float(try number("temperature", 0...2) ?? 1)
    sampling.topP = Float(try number("top_p", 0...1) ?? 1)
    sampling.minP = Float(try number("min_p", 0...1) ?? 0)
    sampling.topK = max(0, try whole("top_k", -1...1 << 30) ?? 0)
    sampling.repetitionPenalty = Float(try number("repetition_penalty", 0.01...100) ?? 1)
    if sampling.topP <= 0 { sampling.topK = 1 }
    // Without a seed no two answers need be the same.
    sampling.seed =
      try whole("seed", Int(Int32.min)...Int(UInt32.max)).map { UInt32(truncatingIfNeeded: $0) }
      ?? .random(in: .min ... .max)
    return sampling
  }

  /// Whether a stream ends with a count of its tokens.
  func includesUsage(streams: Bool) throws -> Bool {
    guard let options = object["stream_options"] else { return false }
    guard streams else {
      throw ServerFault.invalid("'stream_options' goes with 'stream'.", "stream_options")
    }
    let fields = try RequestFields(options, known: ["include_usage", "include_obfuscation"])
    return try fields.flag("include_usage")
  }

  private func shown(_ number: Double) -> String {
    number == number.rounded() ? String(Int(number)) : "\(number)"
  }
}

extension RequestFields {
  /// The fields that every route of generation has.
  static let common: Set = [
    "model", "max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed",
    "stop", "stream", "stream_options", "n",
  ]
}
