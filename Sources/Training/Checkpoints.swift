// What a training is gone on with, and the best weights it had.
import Base
import Foundation
import Storage
import Tensors

extension Trainer {
  func save(_ url: URL, step: Int, targetCount: Int) throws {
    let names = Set(checkpointNames)
    try store.save(
      to: url,
      metadata: [
        "step": String(step), "of": String(options.stepCount), "targets": String(targetCount),
        "run": fingerprint,
      ],
      where: { names.contains($0.name) })
  }

  /// The number of steps that the checkpoint holds, with its variables loaded; 0 without one. A training that was to have fewer
  /// steps goes on as a longer one.
  func resume(_ url: URL) throws -> Int {
    resumedTargetCount = 0
    guard FileManager.default.fileExists(atPath: url.path) else { return 0 }
    let file = try Safetensors(contentsOf: url)
    guard file.metadata["run"] == fingerprint else {
      throw Self.belongsElsewhere(url)
    }
    let planned = file.metadata["of"].flatMap { Int($0) } ?? options.stepCount
    guard planned <= options.stepCount else {
      throw UserError(
        "\(url.path) belongs to a training of \(grouped(planned)) steps, which cannot become one of \(grouped(options.stepCount)).",
        remedy: .startAnew)
    }
    guard let step = file.metadata["step"].flatMap({ Int($0) }), (0...planned).contains(step),
      let targets = file.metadata["targets"].flatMap({ Int($0) }), targets >= 0
    else {
      throw UserError(
        "\(url.path) does not say which of the \(options.stepCount) steps it holds: it is damaged.")
    }
    try store.load(checkpointNames, from: file)
    resumedTargetCount = targets
    return step
  }

  // MARK: Best weights

  /// Keeps the weights as the best so far.
  func saveBest(_ best: BestWeights, to url: URL) throws {
    let names = Set(parameterNames)
    try store.save(
      to: url,
      metadata: [
        "step": String(best.step), "of": String(options.stepCount), "loss": String(best.loss),
        "run": fingerprint,
      ],
      where: { names.contains($0.name) })
  }

  /// What an earlier process kept as the best weights of this very run, which goes on from some step. They may be of a later
  /// step: the steps between come to the same weights again, unless the run has become longer since.
  func keptBest(_ url: URL, from first: Int) throws -> BestWeights? {
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let metadata = try Safetensors(contentsOf: url).metadata
    guard metadata["run"] == fingerprint else { throw Self.belongsElsewhere(url) }
    guard let step = metadata["step"].flatMap({ Int($0) }),
      let loss = metadata["loss"].flatMap({ Double($0) }), (1...options.stepCount).contains(step),
      loss.isFinite
    else { throw UserError("\(url.path) does not say whose weights it holds: it is damaged.") }
    guard step <= first || metadata["of"] == String(options.stepCount) else { return nil }
    return BestWeights(step: step, loss: loss)
  }

  /// Takes the kept weights back.
  func loadBest(_ url: URL) throws {
    try store.load(parameterNames, from: try Safetensors(contentsOf: url))
  }

  private static func belongsElsewhere(_ url: URL) -> UserError {
    UserError(
      "\(url.path) belongs to a training with other options, data or models, another loss, or another version of Retort, so it "
        + "cannot go on as it would have. Put back what was there; without the file it begins anew.",
      remedy: .startAnew)
  }
}
