// `retort train`
import ArgumentParser
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Training

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train one language model on text.",
    discussion: """
      Without a recipe, a small model learns Debian's `fortunes`. Any key of the recipe can be set
      on the command line: --set model.layers=4 --set data.text=[a.txt,b.txt]
      The finished model is in RUN/model, ready for `retort generate` and `retort evaluate`.
      """)

  @OptionGroup var arguments: RunArguments

  func run() throws {
    Interrupt.install()
    let recipe = try arguments.recipe(TrainRecipe.self)
    let folder = arguments.folder
    let profiling = arguments.profiling
    // A model that is trained further starts from the folder's sizes and weights.
    var new = recipe.model
    new.path = ""
    let old =
      recipe.model.path.isEmpty ? nil : ModelDirectory(URL(fileURLWithPath: recipe.model.path))
    let arm = try Arm(
      "model", new, model: old?.languageModel(),
      sequenceLength: recipe.data.sequenceLength, folder: folder)
    let (device, text) = try arguments.open(
      recipe, data: recipe.data, seed: recipe.seed, source: recipe.model.path)
    if !folder.isFinished(arm.name) {
      let store = VariableStore(on: device, seed: recipe.seed)
      try old?.load(arm.model, into: store, prefix: arm.name)
      try arm.model.declare(in: store, prefix: arm.name)
      let options = recipe.training.options(for: recipe.model, seed: recipe.seed)
      try arm.train(
        NextTokenObjective(arm.model), options, on: text, folder: folder, store: store,
        prefix: arm.name, profiling: profiling)
    }
    let store = VariableStore(on: device, seed: recipe.seed)
    try arm.load(into: store)
    let result = try evaluate(
      arm.model, teacher: nil, on: text.heldOut, batchSize: recipe.training.batchSize, store: store)
    let row = VerdictRow(
      arm: arm.name, parameterCount: arm.model.parameterCount, evaluation: result)
    print(
      "held out: \(fixed(row.natsPerByte, 4)) nats/byte, \(fixed(row.bitsPerByte, 4)) bits/byte; "
        + "model in \(arm.directory.url.relativePath)")
    let report = Report(
      title: "Training run", records: folder.records(),
      table: [
        ["", "parameters", "nats/byte", "bits/byte"],
        [
          arm.name, grouped(row.parameterCount), fixed(row.natsPerByte, 4),
          fixed(row.bitsPerByte, 4),
        ],
      ],
      sentence: "", recipe: try recipe.yaml(), device: device.name, continuations: [])
    try WholeFile.write(report.html, to: folder.url.appending(path: "report.html"))
  }
}
