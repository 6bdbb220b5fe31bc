// Damaged configurations: a sentence each time, or a model that can be made.
import Checks
import Foundation
import Layers
import Models
import Storage
import Tensors
import Testing

@Suite struct ConfigurationFuzzTests {
  /// What a number, text or list of a configuration may become.
  private static let values = [
    "0", "-1", "1e300", "1.5", "9007199254740993", "300", "67108864", "67108865", "null", "true",
    "\"x\"", "[]",
    "[1]", "{}", "\"\"", "[\"full_attention\"]", "1e-320", "NaN",
  ]

  /// Makes the model and looks for its weights, which must not take more than the file's size.
  private func load(_ directory: ModelDirectory) -> String? {
    do {
      let model = try directory.model()
      _ = model.parameters().count
      try directory.check(model)
      return nil
    } catch { return "\(error)" }
  }

  @Test(arguments: GoldenModel.all) func everyFieldMayHoldAnything(golden: GoldenModel) throws {
    let folder = try TemporaryFolder()
    let directory = ModelDirectory(try folder.copy(of: golden.name))
    let file = directory.url.appending(path: "config.json")
    let fields = try #require(try JSON(contentsOf: file).object)
    for member in fields.members {
      for value in Self.values {
        var changed = fields
        changed[member.key] = .string("HERE")
        let text = JSON.object(changed).text.replacing("\"HERE\"", with: value)
        try folder.write(text, to: "\(golden.name)/config.json")
        if let sentence = load(directory) {
          #expect(sentence.contains(directory.url.path) && sentence.hasSuffix("."), "\(sentence)")
        }
      }
      var missing = fields
      missing[member.key] = nil
      try folder.write(JSON.object(missing).text, to: "\(golden.name)/config.json")
      if let sentence = load(directory) { #expect(sentence.contains(directory.url.path)) }
    }
  }

  @Test(arguments: GoldenModel.all) func damagedTextIsRefusedOrRead(golden: GoldenModel) throws {
    let folder = try TemporaryFolder()
    let directory = ModelDirectory(try folder.copy(of: golden.name))
    let file = directory.url.appending(path: "config.json")
    let whole = try Data(contentsOf: file)
    var random = RandomData(seed: 9)
    for _ in 0..<200 {
      var damaged = whole
      switch random.integer(below: 3) {
      case 0: damaged = whole.prefix(random.integer(below: whole.count))
      case 1:
        for _ in 0...random.integer(below: 4) {
          damaged[random.integer(below: whole.count)] = UInt8(random.integer(below: 256))
        }
      default:
        let start = random.integer(below: whole.count)
        damaged.removeSubrange(start..<min(whole.count, start + random.integer(below: 30)))
      }
      try damaged.write(to: file)
      if let sentence = load(directory) { #expect(sentence.contains(directory.url.path)) }
    }
    for deep in ["[", "{\"a\":"] {
      try Data(String(repeating: deep, count: 200_000).utf8).write(to: file)
      #expect(load(directory)?.contains("is not JSON") == true)
    }
  }

  @Test func damagedIndexesOfShardsAreRefused() throws {
    let folder = try TemporaryFolder()
    let directory = ModelDirectory(try folder.copy(of: "llama-untied"))
    let name = "llama-untied/model.safetensors.index.json"
    let whole = try String(
      contentsOf: directory.url.appending(path: "model.safetensors.index.json"), encoding: .utf8)
    for text in [
      "", "[]", "{}", "{\"weight_map\": 3}", "{\"weight_map\": {\"a\": 1}}",
      "{\"weight_map\": {\"a\": \"../x\"}}", "{\"weight_map\": {\"a\": \"missing.safetensors\"}}",
      whole.replacing("\"model.norm.weight\"", with: "\"model.other.weight\""),
      String(repeating: "{\"weight_map\":", count: 100_000),
    ] {
      try folder.write(text, to: name)
      #expect(load(directory)?.contains(directory.url.path) == true, "\(text.prefix(60))")
    }
  }
}
