// A character model: trained on a text file, it continues a sentence. `swift run -c release Characters book.txt "Once"`
import Foundation
import Retort

let arguments = CommandLine.arguments.dropFirst()
let text = try String(contentsOfFile: arguments.first ?? "../README.md", encoding: .utf8)
let prompt = arguments.dropFirst().first ?? "The teacher"

let bytes = text.utf8.map { Int32($0) }
let end = bytes.count * 95 / 100
let training = TokenWindows(Array(bytes[..<end]), length: 64)
let validation = TokenWindows(Array(bytes[end...]), length: 64, shifts: false)

let model = CharacterModel(width: 128, layerCount: 2, headCount: 4, contextLength: 64)
let trainer = try Trainer(
  NextTokenObjective(model), of: model, data: training, validation: validation,
  options: TrainingOptions(stepCount: 400, batchSize: 16, learningRate: 3e-3),
  on: OpenCLDevice.best())
try trainer.run(checkpoint: URL(fileURLWithPath: "characters.safetensors")) { event in
  switch event {
  case .step(let numbers) where numbers.step % 50 == 0: print(numbers)
  case .validation(_, let loss, _): print("on text that it does not train on: loss \(loss)")
  default: break
  }
}

var sampling = Sampling()
sampling.temperature = 0.7
let generator = Generator(model, store: trainer.store, capacity: 64)
let continued = try generator.generate(
  [prompt.utf8.map { Int32($0) }], count: 200, sampling: sampling)[0]
print(prompt + String(decoding: continued.map { UInt8($0) }, as: UTF8.self))
