// Files that are damaged at random, for as long as wanted.
import Base
import Checks
import Foundation
import Models
import Storage
import Testing
import Text
import Tokenizers

@testable import Command
@testable import Experiments

/// Damages what parsers read. `RETORT_FUZZ_SECONDS` is the time for each parser (1 unless given), `RETORT_FUZZ_SEED`
/// the seed, and `RETORT_FUZZ_CORPUS` a folder in which the input that is tried lies while it is tried: what ends the
/// process stays there.
@Suite struct FuzzTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let seconds = environment["RETORT_FUZZ_SECONDS"].flatMap { Double($0) } ?? 1
  private static let seed = environment["RETORT_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1

  /// Bytes that mean something to one parser or another.
  private static let words =
    [
      "{", "}", "[", "]", "(", ")", "\"", "'", "\\", ":", ",", "0", "-1", "1e999",
      "9223372036854775807", "null", "true",
      "{{", "}}", "{%", "%}", "{#", "|", "not ", "*", "+", "?", "{2}", "\\p{L}", "(?:", "(?=", "^",
      "$", "%", "\n", "\r\n",
      "\0", "\u{FEFF}", "é", "🙂", ".inf", "&a", "*a", "<<: ", "- ", "#", "\\u0000", "\\ud800",
      "<|im_end|>",
    ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80]]

  private static func damaged(_ seed: [UInt8], _ random: inout RandomData) -> [UInt8] {
    var bytes = seed
    for _ in 0...random.integer(below: 5) {
      let place = random.integer(below: bytes.count + 1)
      switch random.integer(below: 6) {
      case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(random.integer(below: 8)) }
      case 1: bytes.insert(contentsOf: words[random.integer(below: words.count)], at: place)
      case 2: bytes.removeSubrange(place..<min(bytes.count, place + random.integer(below: 30)))
      case 3: bytes = Array(bytes[..<place])
      case 4:
        let part = bytes[place..<min(bytes.count, place + random.integer(below: 40))]
        bytes.insert(contentsOf: part, at: random.integer(below: bytes.count + 1))
      default:
        let word = words[random.integer(below: words.count)]
        let count = random.integer(below: 300)
        bytes.insert(contentsOf: [[UInt8]](repeating: word, count: count).joined(), at: place)
      }
    }
    return bytes
  }

  /// Tries damaged inputs; each must be read, or refused by one of our own errors, within seconds.
  private func fuzz(_ name: String, _ seeds: [[UInt8]], _ body: ([UInt8]) throws -> Void) throws {
    var random = RandomData(seed: Self.seed &+ UInt64(name.utf8.reduce(0) { $0 + Int($1) }))
    let corpus = Self.environment["RETORT_FUZZ_CORPUS"].map {
      URL(fileURLWithPath: $0).appending(path: name)
    }
    if let corpus {
      try FileManager.default.createDirectory(
        at: corpus.deletingLastPathComponent(), withIntermediateDirectories: true)
    }
    let clock = ContinuousClock.now
    var (tried, read) = (0, 0)
    while ContinuousClock.now - clock < .seconds(Self.seconds) {
      let input = Self.damaged(seeds[random.integer(below: seeds.count)], &random)
      try corpus.map { try Data(input).write(to: $0) }
      let start = ContinuousClock.now
      tried += 1
      do {
        try body(input)
        read += 1
      } catch is UserError {
      } catch is TokenizerError {
      } catch is RecipeError {
      } catch { Issue.record("\(name), input \(tried): a foreign error: \(error)") }
      let taken = ContinuousClock.now - start
      #expect(taken < .seconds(5), "\(name), input \(tried) took \(taken)")
    }
    if let corpus { try FileManager.default.removeItem(at: corpus) }
    print("fuzz \(name): \(tried) inputs, \(read) of them read, \(tried - read) refused")
    #expect(tried > 10)
  }

  private func golden(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: goldenFolder(path)))
  }

  @Test func configurations() throws {
    let folder = try TemporaryFolder()
    let names = [
      "llama-llama3", "qwen3", "mistral-window", "gemma2", "gemma3", "gpt2-tied", "bert",
      "distilbert",
    ]
    try fuzz("configuration", try names.map { try golden("models/\($0)/config.json") }) { bytes in
      try Data(bytes).write(to: folder.url.appending(path: "config.json"))
      _ = try ModelDirectory(folder.url).model()
    }
  }

  @Test func tensorFiles() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "model.safetensors")
    try Safetensors.write([("a", .init([2, 3], [1, 2, 3, 4, 5, 6] as [Float]))], to: file)
    let seeds = [
      Array(try Data(contentsOf: file)),
      try golden("models/llama-untied/model-00001-of-00003.safetensors"),
    ]
    try fuzz("safetensors", seeds) { bytes in
      try Data(bytes).write(to: file)
      let read = try Safetensors(contentsOf: file)
      for entry in read.entries { _ = try read[entry.name] }
    }
  }

  @Test func ggufFiles() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "model.gguf")
    let seeds = try ["qwen2-q8_0", "tokenizer-llama2"].map { try golden("gguf/\($0).gguf") }
    try fuzz("gguf", seeds) { bytes in
      try Data(bytes).write(to: file)
      let read = try GGUF(contentsOf: file)
      for entry in read.entries { _ = try read.tensor(named: entry.name) }
      if read.entries.isEmpty {
        _ = try TokenizerDirectory(file).tokenizer.encode("It was")
      } else {
        let directory = ModelDirectory(file)
        try directory.check(directory.model())
      }
    }
  }

  @Test func indexes() throws {
    let folder = try TemporaryFolder()
    let copy = try folder.copy(of: "llama-untied")
    let name = "model.safetensors.index.json"
    try fuzz("index", [try golden("models/llama-untied/\(name)")]) { bytes in
      try Data(bytes).write(to: copy.appending(path: name))
      _ = try WeightFiles(folder: copy).names
    }
  }

  @Test func tokenizers() throws {
    let parts = try JSON(contentsOf: goldenFolder("tokenizers/parts.json"))
    let base = try #require(parts["base"]?.object)
    let seeds = try #require(parts["cases"]?.array).prefix(40).map { item -> [UInt8] in
      var object = base
      for part in item["parts"]?.object?.members ?? [] { object[part.key] = part.value }
      return Array(JSON.object(object).line.utf8)
    }
    try fuzz("tokenizer", seeds) { bytes in
      guard let json = try? JSON(parsing: Data(bytes)) else { throw UserError("no JSON") }
      let tokenizer = try Tokenizer(json)
      _ = tokenizer.decode(try tokenizer.encode("ab 12 é\n\n  !!c<e>a"))
    }
  }

  @Test func templates() throws {
    let file = try JSON(contentsOf: goldenFolder("templates.json"))
    let more = try JSON(contentsOf: goldenFolder("template_expressions.json"))
    let seeds =
      (file["templates"]?.object?.members ?? []).compactMap(\.value.string)
      + (more["cases"]?.array ?? []).compactMap { $0.array?[0].string }
    let messages = try #require(more["messages"]?.array)
    try fuzz("template", seeds.map { Array($0.utf8) }) { bytes in
      _ = try ChatTemplate(String(decoding: bytes, as: UTF8.self), tokens: ["eos_token": "</s>"])
        .render(messages, startsAnswer: true, options: ["d": more["data"] ?? .null])
    }
  }

  @Test func patterns() throws {
    let seeds = [
      #"'s|'t|'re| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#,
      #"(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
      #"(?<=a|bc)(?>x+)[a-z&&[^b]]*+(?=(\d{3})+(?!\d))"#,
    ]
    let file = try JSON(contentsOf: goldenFolder("tokenizers/gpt2.json"))
    let base = try #require(file.object)
    try fuzz("pattern", seeds.map { Array($0.utf8) }) { bytes in
      var object = base
      object["pre_tokenizer"] = try JSON(
        parsing: Data(
          #"{"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex": ""}}"#
            .utf8))
      let pattern = JSON.Object([("Regex", JSON.string(String(decoding: bytes, as: UTF8.self)))])
      var split = object["pre_tokenizer"]?.object
      split?["pattern"] = .object(pattern)
      object["pre_tokenizer"] = split.map(JSON.object)
      _ = try Tokenizer(.object(object)).encode("aaaa bbb 1234567 c\n\n  It's é")
    }
  }

  @Test func recipes() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "recipe.yaml")
    let seeds = [
      try LanguageTask.kind.recipe.yaml(), try LanguageTrainingTask.kind.recipe.yaml(),
      "model: {layers: 2, width: 64}",
    ]
    try fuzz("recipe", seeds.map { Array($0.utf8) }) { bytes in
      try Data(bytes).write(to: file)
      _ = try DistillRecipe.load(file: file.path, settings: [], kinds: DistillRecipe.kinds)
    }
  }

  @Test func completions() throws {
    let folder = try TemporaryFolder()
    for file in ByteLevelFile.files(ByteLevelFile.bytes, contextLength: nil) {
      try folder.write(file.text, to: file.name)
    }
    try folder.write(
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}",
      to: "chat_template.jinja")
    let text = try TokenizerDirectory(folder.url)
    let reader = EntryExamples(text.tokenizer, end: 256, directory: text)
    let data = folder.url.appending(path: "data.jsonl")
    let seeds = [
      #"{"text": "hello"}"#, #"[{"instruction": "a", "input": "b", "output": "c"}]"#,
      #"{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#,
      #"{"prompt": "a", "completion": "b"}"#,
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "tools": [{"name": "f"}]}"#,
    ]
    try fuzz("completions", seeds.map { Array(($0 + "\n").utf8) }) { bytes in
      try Data(bytes).write(to: data)
      _ = try DataEntry.read([data.path]).flatMap(reader.examples)
    }
  }

  @Test func tables() throws {
    let folder = try TemporaryFolder()
    let seeds = [
      "text,n\na,1\n\"b, \"\"c\"\"\nd\",2\n", "text\tn\n\"a\" b\t1\r\n", "\u{FEFF}text;n\na;b\n",
    ]
    for name in ["table.csv", "table.tsv"] {
      let file = folder.url.appending(path: name)
      try fuzz(name, seeds.map { Array($0.utf8) }) { bytes in
        try Data(bytes).write(to: file)
        _ = try DataEntry.read([file.path]).map { try $0.words() }
      }
    }
  }

  @Test func packedTexts() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "text.gz")
    // "one\n\ntwo\n" by gzip, twice.
    let member: [UInt8] = [
      31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 207, 75, 229, 226, 42, 41, 207, 231, 2, 0, 191, 103, 68,
      37, 9,
      0, 0, 0,
    ]
    try fuzz("gzip", [member, member + member]) { bytes in
      try Data(bytes).write(to: file)
      _ = try DataEntry.read([file.path])
    }
  }

  @Test func texts() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "text")
    let seeds = ["one\n%\ntwo\n%\nthree", "a b c\n\nd e f\n\ng", "é 🙂\r\nx\r\n"]
    try fuzz("text", seeds.map { Array($0.utf8) }) { bytes in
      try Data(bytes).write(to: file)
      _ = try DataEntry.read([file.path])
    }
  }
}
