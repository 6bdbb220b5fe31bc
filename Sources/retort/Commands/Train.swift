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

  @Argument(
    help: ArgumentHelp(
      "A YAML recipe; keys it leaves out keep their defaults.", valueName: "recipe"))
  var recipeFile: String?

  @Option(help: "Change one key of the recipe, as KEY.PATH=VALUE.")
  var set: [String] = []

  @OptionGroup var output: RunOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var profiling: ProfilingOptions

  @Option(help: "The seed of every random number.")
  var seed: UInt64?

  func run() throws {
    Interrupt.install()
    let (folder, recipe) = try RunFolder.open(output) {
      var made = try TrainRecipe.load(file: recipeFile, settings: set)
      if let seed { made.seed = seed }
      return made
    }
    let device = try self.device.open(profiling: profiling.isWanted)
    let text = try RunText(recipe.data, seed: recipe.seed)
    note("\(device.name)\n\(text.description)")
    var start = recipe.model
    start.path = ""
    let loaded =
      recipe.model.path.isEmpty ? nil : ModelDirectory(URL(fileURLWithPath: recipe.model.path))
    let arm = try Arm(
      "model", start, configuration: loaded?.configuration(),
      sequenceLength: recipe.data.sequenceLength, folder: folder)
    if !folder.isFinished(arm.name) {
      let store = VariableStore(on: device, seed: recipe.seed)
      try arm.model.declare(in: store, prefix: arm.name)
      try loaded?.loadWeights(of: arm.model, into: store, prefix: arm.name)
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
