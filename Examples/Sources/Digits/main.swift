// A classifier of handwritten digits from arrays, with checkpoints.
import Foundation
import Retort

extension Field {
  static let pixels = Field("pixels")
  static let digit = Field("digit", .int32)
}

struct Classifier: Module {
  let hidden = Linear(64, 64)
  let output = Linear(64, 10)

  /// Pixels [B, 64] -> logits [B, 10]
  func logits(_ pixels: Tensor) -> Tensor { output(hidden(pixels).relu()) }
}

// A line holds 64 pixels from 0 to 16, and the digit that they show.
let rows = try String(contentsOfFile: "Data/digits.csv", encoding: .utf8)
  .split(separator: "\n").map { $0.split(separator: ",").compactMap { Float($0) } }
let images = ArrayDataset(
  [
    .pixels: TensorData([rows.count, 64], rows.flatMap { $0.prefix(64).map { $0 / 16 } }),
    .digit: TensorData([rows.count], rows.map { Int32($0[64]) }),
  ], labels: .digit, unit: "images")
let (training, test) = (images.rows(0..<1500), images.rows(1500..<images.count))

let model = Classifier()
let loss = LossFunction("-log softmax(z)[digit]") { inputs in
  Loss("ce", model.logits(inputs[.pixels]).crossEntropy(labels: inputs[.digit]).sum())
}
let options = TrainingOptions(stepCount: 600, batchSize: 32, learningRate: 0.01)
let trainer = try Trainer(
  loss, of: model, data: training, options: options, on: OpenCLDevice.best())
try trainer.run(checkpoint: URL(fileURLWithPath: "digits.safetensors")) { event in
  if case .step(let numbers) = event, numbers.step % 100 == 0 { print(numbers) }
}

let answers = try test.values(on: trainer.store) { model.logits($0[.pixels]).argMax() }
let right = zip(answers.integers, rows[1500...]).count { $0 == Int32($1[64]) }
print("\(right) of \(test.count) pictures that it has not seen are read rightly")
