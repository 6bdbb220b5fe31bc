// The parts of a collection by themselves.
import Base
import Checks
import Foundation
import Storage
import Testing
import Text

@testable import Collecting

@Suite struct CollectingPartsTests {
  @Test func eventsAreReadHoweverTheyAreCut() {
    let text =
      "\u{FEFF}data: {\"a\": \"é\"}\r\n\r\n: comment\n\ndata:two\rdata: lines\r\revent: x\ndata: 3\n\n"
    let expected = ["{\"a\": \"é\"}", "two\nlines", "3"]
    for size in 1...7 {
      var (stream, events, bytes) = (EventStream(), [String](), Array(text.utf8)[...])
      while !bytes.isEmpty {
        events += stream.add(bytes.prefix(size))
        bytes = bytes.dropFirst(size)
      }
      #expect(events == expected)
      #expect(stream.finish() == [])
    }
    var open = EventStream()
    #expect(open.add(Array("data: last".utf8)) == [] && open.finish() == ["last"])
  }

  @Test func waitsAreReadInEveryForm() throws {
    let now = try Date("2026-11-30T06:00:00Z", strategy: .iso8601)
    func wait(_ headers: [(String, String)]) -> Double? {
      RetryWait.of(headers.map { (name: $0.0, value: $0.1) }, now: now).map {
        ($0.seconds * 1000).rounded() / 1000
      }
    }
    #expect(wait([]) == nil)
    #expect(wait([("Retry-After", "7")]) == 7)
    #expect(wait([("retry-after", "Mon, 30 Nov 2026 06:01:30 GMT")]) == 90)
    #expect(wait([("Retry-After", "Mon, 30 Nov 2026 05:00:00 GMT")]) == nil)
    #expect(wait([("Retry-After", "soon"), ("retry-after-ms", "1500")]) == 1.5)
    #expect(wait([("x-ratelimit-reset-requests", "6m0s")]) == nil)
    #expect(
      wait([("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")]) == 360
    )
    #expect(
      wait([
        ("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "20ms"),
        ("Retry-After", "0"),
      ]) == 0.02)
    // What is no time that anybody waits for stays a time.
    #expect(
      (wait([("Retry-After", "1e300")]) ?? 0) > 1e7
        && (wait([("Retry-After", "99999999999999999999")]) ?? 0) > 1e7)
    let epoch = Int(now.timeIntervalSince1970)
    #expect(wait([("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "\(epoch + 12)")]) == 12)
    #expect(
      wait([("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "\((epoch + 3) * 1000)")]) == 3)
  }

  @Test func endpointsKeepKeysToThemselves() throws {
    func endpoint(_ text: String, _ environment: [String: String] = [:]) throws -> Endpoint {
      try Endpoint(text, environment: environment)
    }
    let azure = try endpoint(
      "https://host.example/v1/chat/completions?api-version=2#x", ["RETORT_API_KEY": "secret-1"])
    #expect(azure.address == "https://host.example/v1")
    #expect(
      azure.url("chat/completions") == "https://host.example/v1/chat/completions?api-version=2")
    #expect("\(azure)".contains("[key]") && !"\(azure)".contains("secret-1"))
    for address in [
      "http://host.example/v1", "http://127.0.0.1.example/v1", "http://127.example/", "ftp://h",
      "host", "https://k@h/v1",
    ] {
      #expect(throws: UserError.self, "\(address)") { try endpoint(address) }
    }
    for address in ["http://localhost:80/v1", "http://127.0.0.5/", "http://[::1]:9/v1"] {
      #expect(try endpoint(address).key == nil)
    }
    // A key goes to its own host alone.
    let keys = ["OPENAI_API_KEY": "open-key", "DEEPSEEK_API_KEY": "deep-key"]
    #expect(try endpoint("https://api.deepseek.com", keys).key?.authorization == "Bearer deep-key")
    #expect(try endpoint("https://evil-openai.com", keys).key == nil)
    #expect(throws: UserError.self) { try endpoint("https://h", ["RETORT_API_KEY": "a\nHost: b"]) }
    // The words that servers of one's own take for a key stand in texts by chance.
    let word = try #require(endpoint("http://localhost/v1", ["RETORT_API_KEY": "null"]).key)
    #expect(word.removed(from: "{\"a\": null}") == "{\"a\": null}")
  }

  @Test func aHashFollowsFromAllThatTheAnswerDoes() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "{\"prompt\": \"Hello\"}\n{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}\n",
      to: "p.jsonl")
    let file = folder.url.appending(path: "p.jsonl").path
    let prompts = try CollectedPrompt.read(file, fields: DataFields(), asTexts: false)
    func request(
      _ change: (inout AnswerSampling) -> Void = { _ in }, model: String = "m", sample: Int = 0,
      prompt: Int = 0,
      environment: [String: String] = [:]
    ) throws -> CollectedRequest {
      var sampling = AnswerSampling()
      change(&sampling)
      let endpoint = try Endpoint("https://h/v1?x=1", environment: environment)
      return CollectedRequest(
        prompts[prompt], sample: sample, endpoint: endpoint, model: model, sampling: sampling,
        streams: true)
    }
    let plain = try request()
    // SHA-256 of the canonical JSON, made by Python's hashlib and json.
    #expect(plain.hash == "f2a4e7af984c34a9b79a46bbe2dbb2eeffe355e665795a282a8c5637c33d27b3")
    #expect(try plain.hash == request(prompt: 1).hash)
    #expect(try plain.hash == request(environment: ["RETORT_API_KEY": "other"]).hash)
    let others = try [
      request { $0.temperature = 0.5 }, request { $0.topP = 0.5 }, request { $0.maxTokens = 3 },
      request { $0.seed = 9 },
      request { $0.topLogProbabilities = 1 }, request { $0.stops = ["x"] },
      request { $0.extra["top_k"] = JSON(3) },
      request(model: "n"), request(sample: 1),
    ]
    #expect(Set(others.map(\.hash) + [plain.hash]).count == others.count + 1)
    #expect(try request { $0.extra["seed"] = .null }.body["seed"] == nil)
    // A limit that --extra brings is the limit, and another distribution is not the model's own.
    #expect(
      try plain.bound.output == 1024
        && request { $0.extra["max_completion_tokens"] = JSON(5000) }.bound.output == 5000)
    #expect(plain.isPlain)
    for (name, value) in [("temperature", "0.5"), ("top_k", "3"), ("logit_bias", "1")] {
      #expect(try !request { $0.extra[name] = .number(value) }.isPlain)
    }
    let texts = try CollectedPrompt.read(file, fields: DataFields(), asTexts: false)
    #expect(CollectedPrompt.distinct(texts).count == 1)
  }

  @Test func filtersTurnAwayWhatTheyName() throws {
    func answer(_ text: String, _ reason: String = "stop") -> ReceivedAnswer {
      var answer = ReceivedAnswer()
      (answer.content, answer.finishReason) = (text, reason)
      return answer
    }
    var filters = AnswerFilters()
    let turn = (0..<20).map { "word\($0)" }.joined(separator: " ")
    let loop = Array(repeating: turn, count: 4).joined(separator: " ")
    #expect(filters.failure(of: answer("Good.")) == nil)
    #expect(filters.failure(of: answer("Good.", "length")) == "finish:length")
    #expect(filters.failure(of: answer(" \n")) == "empty")
    #expect(filters.failure(of: answer(loop)) == "loop")
    #expect(
      filters.failure(of: answer(Array(repeating: turn, count: 3).joined(separator: " "))) == nil)
    #expect(filters.failure(of: answer(String(repeating: "好", count: 90))) == "loop")
    filters.scripts = ["Latin"]
    #expect(
      filters.failure(of: answer("Хорошо.")) == "script"
        && filters.failure(of: answer("Good, 好 done well")) == nil)
    filters.scripts = ["han", "hiragana"]
    #expect(filters.failure(of: answer("これは漢字")) == nil)
    filters = AnswerFilters()
    (filters.mustMatch, filters.mustNotMatch) = ("[0-9]+", "sorry")
    #expect(
      filters.failure(of: answer("none")) == "match"
        && filters.failure(of: answer("sorry, 4")) == "reject")
    #expect(filters.failure(of: answer("it is 4")) == nil)
    filters = AnswerFilters()
    filters.heldOut = SharedWords(["The quick brown fox jumps over the lazy dog.", "What is 2+2?"])
    #expect(
      filters.failure(of: answer("They say: the QUICK brown fox, jumps over the lazy cat"))
        == "held-out")
    #expect(filters.failure(of: answer("quick brown fox jumps over the lazy")) == nil)
    #expect(
      filters.heldOut.isShared(by: "what is 2 + 2") && !filters.heldOut.isShared(by: "what is 2"))
    filters.scripts = ["Klingon"]
    #expect(throws: UserError.self) { try filters.validate() }
    filters = AnswerFilters()
    filters.mustMatch = "("
    #expect(throws: UserError.self) { try filters.validate() }
  }

  @Test func numbersBesideAnswersAreCheckedBeforeTheyAreKept() throws {
    func kept(_ tokens: [String], _ content: String, _ number: Double = -0.5) throws -> Result<
      JSON, RecordedAnswers.Flaw
    > {
      var answer = ReceivedAnswer()
      for part in [ScriptedServer.Step].parts(tokens, logProbability: number) {
        try answer.add(JSON(parsing: Data(part.utf8)))
      }
      answer.content = content
      return AnswerRecord.logProbabilities(of: answer, isPlain: true)
    }
    let json = try kept(["It ", "is"], "It is").get()
    #expect(
      json["tokens"]?.array?[1].array?[0].string == "aXM="
        && json["temperature_of"]?.string == "raw")
    // The alternative that is "unlikely" is no number.
    #expect(json["top"]?.array?[0].array?.count == 1)
    #expect(try kept(["It ", "is", "<|im_end|>"], "It is").get()["tokens"]?.array?.count == 3)
    #expect(try kept(["It ", "is"], "It was") == .failure(.otherBytes))
    #expect(try kept(["It ", "is"], "It is", -9999) == .failure(.noNumbers))
    #expect(try kept(["It ", "is"], "It is", 0.5) == .failure(.noNumbers))
    // Completions have lists beside each other.
    var text = ReceivedAnswer()
    let completion = """
      {"choices": [{"text": " four.", "finish_reason": "stop", "logprobs": {"tokens": [" four", "."], "token_logprobs": [-0.1, -0.2], \
      "top_logprobs": [{" four": -0.1, " five": -3}, null]}}]}
      """
    try text.add(JSON(parsing: Data(completion.utf8)))
    // Half a character is written by its bytes.
    var halves = ReceivedAnswer()
    let split =
      #"{"choices": [{"text": "é", "finish_reason": "stop", "logprobs": {"tokens": ["bytes:\\xc3", "bytes:\\xa9"], "#
      + #""token_logprobs": [-0.1, -0.2], "top_logprobs": null}}]}"#
    try halves.add(JSON(parsing: Data(split.utf8)))
    #expect(
      try AnswerRecord.logProbabilities(of: halves, isPlain: true).get()["tokens"]?.array?.count
        == 2)
    let lists = try AnswerRecord.logProbabilities(of: text, isPlain: false).get()
    #expect(
      lists["top"]?.array?[0].array?.count == 2 && lists["temperature_of"]?.string == "unknown")
  }

  @Test func moneyIsCountedExactly() {
    let dear = TokenPrice(input: 1e5, output: 1e5).cost(TokenCount(input: 1 << 40, output: 1 << 40))
    #expect(
      dear + dear == dear && dear > Money(dollars: 1e6)
        && Money(dollars: 1e300) == Money(dollars: 1e299))
    let price = TokenPrice(input: 0.15, output: 0.6)
    let each = price.cost(TokenCount(input: 1, output: 1))
    let sum = (0..<1_000_000).reduce(Money(0)) { sum, _ in sum + each }
    #expect(
      sum.dollars == 0.75 && sum == price.cost(TokenCount(input: 1_000_000, output: 1_000_000)))
  }
}
