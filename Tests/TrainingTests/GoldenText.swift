// A golden model that continues texts.
import Checks
import Foundation
import Models
import Storage
import Tensors
import Text

/// A model of `transformers` on a device, and the text that it continued greedily there.
struct GoldenText {
  let model: any LanguageModel
  let store: VariableStore
  let tokens: [Int32]

  init(_ name: String, on device: any Device) throws {
    let directory = ModelDirectory(goldenFolder("models/\(name)"))
    model = try directory.languageModel()
    store = VariableStore(on: device, seed: 1)
    try directory.load(model, into: store, prefix: "model")
    let file = try Safetensors(contentsOf: directory.url.appending(path: "golden.safetensors"))
    tokens = try file["generated"]?.integers ?? []
  }

  func greedy(_ prompts: [[Int32]], count: Int = 64, capacity: Int = 71, batchSize: Int? = nil)
    throws -> [[Int32]]
  {
    try Generator(
      model, store: store, batchSize: batchSize ?? prompts.count, capacity: capacity
    ).generate(prompts, count: count, sampling: Sampling(), ends: [])
  }
}
