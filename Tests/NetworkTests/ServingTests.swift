// A server: what it takes, what it refuses, and that its answers can be collected.
import Base
import Checks
import Foundation
import HTTPTypes
import Hummingbird
import Models
import Storage
import Synchronization
import Tensors
import Testing
import Text

@testable import Collecting
@testable import Serving

@Suite struct ServingTests {
  private func fault(_ body: () throws -> Void) -> ServerFault? {
    do { try body() } catch { return error as? ServerFault }
    return nil
  }

  private func fields(_ text: String) throws -> RequestFields {
    try RequestFields(JSON(parsing: Data(text.utf8)), known: RequestFields.common)
  }

  @Test func fieldsAreHonouredNeutralOrRefused() throws {
    let good = try fields(
      """
      {"model": "m", "temperature": 0.5, "top_p": null, "user": "me", "metadata": {"a": 1}, "presence_penalty": 0.0, "logit_bias": {}, \
      "tools": [], "response_format": {"type": "text"}, "stop": ["a", "b"], "n": 2.0, "stream": true, "stream_options": {"include_usage": true}}
      """)
    #expect(!good.has("top_p") && good.has("temperature"))
    #expect(try good.sampling().temperature == 0.5 && good.sampling().topP == 1)
    #expect(try good.texts("stop", most: 16) == ["a", "b"] && good.whole("n", 1...8) == 2)
    #expect(try good.includesUsage(streams: true))
    for (text, name) in [
      ("{\"presence_penalty\": 0.5}", "presence_penalty"), ("{\"tools\": [1]}", "tools"),
      ("{\"logit_bias\": {\"3\": 1}}", "logit_bias"),
      ("{\"response_format\": {\"type\": \"json_object\"}}", "response_format"),
      ("{\"audio\": {}}", "audio"),
    ] {
      let found = fault { _ = try fields(text) }
      #expect(
        found?.status == 400 && found?.code == "unsupported_parameter" && found?.param == name,
        "\(text)")
    }
    for text in [
      "{\"temperature\": \"hot\"}", "{\"temperature\": 3}", "{\"top_p\": -0.1}", "{\"seed\": 1.5}",
      "{\"top_k\": -2}", "{\"min_p\": 2}",
    ] {
      #expect(fault { _ = try fields(text).sampling() }?.status == 400, "\(text)")
    }
    #expect(fault { _ = try fields("[]") }?.status == 400)
    // The same seed draws the same; without one no two need be the same.
    #expect(
      try fields("{\"seed\": 7}").sampling().seed == 7
        && fields("{\"seed\": -1}").sampling().seed == .max)
    #expect(try Set((0..<4).map { _ in try fields("{}").sampling().seed }).count > 1)
  }

  private func request(_ authority: String, _ headers: [(HTTPField.Name, String)] = []) -> Request {
    var fields = HTTPFields()
    for (name, value) in headers { fields[name] = value }
    let head = HTTPRequest(
      method: .get, scheme: "http", authority: authority, path: "/v1/models", headerFields: fields)
    return Request(head: head, body: .init(buffer: .init()))
  }

  @Test func onlyThoseWhoMayAskAreAnswered() throws {
    let key = String(repeating: "k", count: 32)
    let open = try ServerAccess(host: "127.0.0.1", key: nil, withoutKey: false, origin: nil)
    func status(_ access: ServerAccess, _ request: Request) -> Int {
      fault { try access.check(request, isOpen: false) }?.status ?? 200
    }
    for name in ["localhost:8080", "127.0.0.1", "[::1]:80", "LOCALHOST"] {
      #expect(status(open, request(name)) == 200, "\(name)")
    }
    for name in ["evil.example", "localhost.evil.example:8080", "127.evil.example", "", "[::2]"] {
      #expect(status(open, request(name)) == 403, "\(name)")
    }
    #expect(status(open, request("localhost:1", [(.origin, "http://localhost:1")])) == 200)
    for origin in ["https://evil.example", "null", "http://localhost:2"] {
      #expect(status(open, request("localhost:1", [(.origin, origin)])) == 403, "\(origin)")
    }
    let shared = try ServerAccess(
      host: "127.0.0.1", key: nil, withoutKey: false, origin: "https://app.example")
    #expect(status(shared, request("localhost", [(.origin, "https://app.example")])) == 200)
    let locked = try ServerAccess(host: "0.0.0.0", key: key, withoutKey: false, origin: nil)
    #expect(status(locked, request("anything.example")) == 401)
    #expect(status(locked, request("x", [(.authorization, "Bearer \(key)")])) == 200)
    #expect(status(locked, request("x", [(.authorization, "bearer \(key)")])) == 200)
    for wrong in [
      key, "Bearer ", "Bearer \(key)k", "Bearer \(key.dropLast())", "Bearer \(key.dropLast())l",
    ] {
      #expect(status(locked, request("x", [(.authorization, wrong)])) == 401, "\(wrong)")
    }
    #expect(throws: UserError.self) {
      try ServerAccess(host: "0.0.0.0", key: nil, withoutKey: false, origin: nil)
    }
    #expect(throws: UserError.self) {
      try ServerAccess(host: "127.0.0.1", key: "short", withoutKey: false, origin: nil)
    }
    #expect(try !ServerAccess(host: "0.0.0.0", key: nil, withoutKey: true, origin: nil).needsKey)
  }

  /// A server of the tool, on a port of its own.
  private func serve(_ model: String, _ shop: Workshop) throws -> (
    process: Process, address: String
  ) {
    let (process, _, errors) = try start(
      ["serve", "--device", "reference", "--model", model, "--port", "0", "--slots", "2"], [:],
      shop.folder)
    for _ in 0..<300 {
      let text = try String(contentsOf: errors, encoding: .utf8)
      if let found = text.firstMatch(of: /API: (http:[^)]*)\)/) {
        return (process, String(found.1))
      }
      guard process.isRunning else { break }
      usleep(50_000)
    }
    throw UserError("the server does not start: \(try String(contentsOf: errors, encoding: .utf8))")
  }

  @Test func whatIsServedIsCollectedWithTheModelsOwnNumbers() throws {
    let shop = try Workshop()
    let folder = try shop.model("llama-untied")
    let (process, address) = try serve(folder, shop)
    defer { process.terminate() }
    try shop.write("prompts.txt", "the cat\nwho sat\na dog\n")
    let collected = try shop.run([
      "collect", "--endpoint", address, "--model", "llama-untied", "--completions", "--input",
      "prompts.txt", "--output", "a.jsonl",
      "--samples", "2", "--logprobs", "3", "--max-tokens", "9", "--accept-terms", "unknown",
      "--because", "our own", "--sort",
    ])
    #expect(collected.status == 0, "\(collected.errors)")
    let files = ["a.jsonl", "a.filtered.jsonl"].filter(shop.exists)
    let records = try files.flatMap {
      try JSONLinesFile(try Data(contentsOf: shop.folder.appending(path: $0)), named: $0).objects
        .map(\.object)
    }
    #expect(records.count == 6)
    // Who answered, and under which terms, stands in the card of whatever learns from it.
    let trained = try shop.run(
      ["train", "--device", "reference", "--run", shop.path("run"), "--data", shop.path(files[0])]
        + shop.tiny(["model"])
        + [
          "--set", "data.files=[\(shop.path(files[0]))]", "--set", "data.sequence_length=16",
          "--set", "data.held_out=0.5",
        ])
    #expect(trained.status == 0, "\(trained.errors)")
    let card = try shop.read("run/model/README.md")
    #expect(
      card.contains("of llama-untied at \(address), under the terms unknown (unknown, accepted by")
        && card.contains(": our own)"),
      "\(card)")
    // The same model in memory, asked for the same tokens.
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    let directory = ModelDirectory(URL(fileURLWithPath: folder))
    let model = try directory.languageModel()
    try directory.load(model, into: store, prefix: "model")
    let alphabet = Array("abcdefghijklmnopqrstuvwxy \n".unicodeScalars)
    for record in records {
      let prompt = try #require(record["prompt"]?.string)
      let tokens = try #require(record["logprobs"]?["tokens"]?.array)
      let text = try tokens.map { token in
        String(
          decoding: try #require(Data(base64Encoded: token.array?[0].string ?? "")), as: UTF8.self)
      }
      #expect(text.joined() == record["completion"]?.string && text.count <= 9)
      let ids = (prompt + text.joined()).unicodeScalars.compactMap {
        alphabet.firstIndex(of: $0).map { Int32($0) }
      }
      // Rows of the table beyond the tokenizer are no tokens.
      let generator = SlotGenerator(
        model, vocabularySize: 28, store: store, slotCount: 1, capacity: 64)
      let found = Mutex<[Double]>([])
      var request = SlotRequest(ids, count: 0)
      (request.alternatives, request.scoresPrompt) = (0, true)
      request.onPrompt = { scores in found.withLock { $0 = scores.map(\.logProbability) } }
      generator.submit(request)
      while generator.step() {}
      let expected = found.withLock { $0 }.suffix(text.count)
      for (token, number) in zip(tokens, expected) {
        #expect(abs((token.array?[1].double ?? 9) - number) < 1e-4)
      }
    }
  }

  @Test func aServerSaysWhyItCannotBegin() throws {
    let shop = try Workshop()
    let folder = try shop.model("llama-untied")
    let open = try shop.run([
      "serve", "--device", "reference", "--model", folder, "--host", "0.0.0.0", "--port", "0",
    ])
    #expect(open.status == 1 && open.errors.contains("RETORT_SERVE_KEY"), "\(open.errors)")
    let (process, address) = try serve(folder, shop)
    defer { process.terminate() }
    let port = try #require(address.firstMatch(of: /:([0-9]+)\//)).1
    let taken = try shop.run([
      "serve", "--device", "reference", "--model", folder, "--port", String(port),
    ])
    #expect(taken.status == 1 && taken.errors.contains("is taken"), "\(taken.errors)")
    let none = try shop.run(["serve", "--device", "reference", "--model", shop.path("nothing")])
    #expect(none.status == 1)
  }
}
