// `retort cache`
import ArgumentParser
import Base
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Text
import Tokenizers

struct Cache: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep what a teacher says of some data, for runs without the teacher.",
    discussion: """
      Takes the recipe, data and seed that `retort distill --cache` will run with. Codecs: `hidden` keeps \
      the last hidden states in float16 beside the teacher's head, exact over the whole vocabulary to \
      that rounding; `hidden:int8` the same in 8 bits; `topk:K` the K likeliest tokens and the sum of all \
      at each temperature; `logits` all logits in float16. An interrupted cache goes on where it stopped.
      """)

  @Option(help: "The folder of the teacher.")
  var teacher: String

  @Argument(
    help: ArgumentHelp(
      "A YAML recipe, as `retort distill` takes it.", valueName: "recipe"))
  var recipeFile: String?

  @Option(help: "Change one key of the recipe, as KEY.PATH=VALUE.")
  var set: [String] = []

  @OptionGroup var data: DataOptions

  @Option(help: "hidden, hidden:int8, topk:K or logits.")
  var codec = "hidden"

  @Option(
    help: "With topk: a temperature that runs will use, besides 1; may be given several times.")
  var temperature: [Double] = []

  @Option(help: "Sequences that the teacher reads at once.")
  var batchSize = 16

  @Option(help: "The folder to write, or to go on with.")
  var output: String

  @OptionGroup var device: DeviceOptions
  @OptionGroup var messages: MessageOptions

  func validate() throws {
    try requireCount(batchSize, "batch-size")
    guard temperature.allSatisfy({ $0 > 0 && $0 <= 100 }) else {
      throw ValidationError("--temperature must be above 0 and at most 100.")
    }
  }

  func run() throws {
    Interrupt.install()
    guard let codec = TeacherCodec(codec) else {
      throw ValidationError("--codec takes hidden, hidden:int8, topk:K (K up to 4096) or logits.")
    }
    let recipe = try LanguageTask.recipe(
      file: recipeFile,
      settings: ["teacher.path=\(quoted(teacher))"] + data.settings + set)
    let directory = ModelDirectory(URL(fileURLWithPath: teacher))
    let model = try directory.languageModel()
    let tokenizer = try RunTokenizer(folder: teacher)
    let length = recipe.text.data.sequenceLength
    guard length <= model.contextLength else {
      throw RecipeError(
        "data.sequence_length must be at most \(model.contextLength), the context of the teacher.")
    }
    let opened = try device.open()
    let size = min(tokenizer.tokenizer.vocabularySize, model.vocabularySize)
    let text = try RunText(
      recipe.text.data, tokenizer, packs: recipe.language.data.packing, classCount: size,
      seed: recipe.seed, shifts: false
    ).slice(recipe.language.student.textShare)
    note("\(opened.name)\n\(text.description)")
    let store = VariableStore(on: opened, seed: recipe.seed)
    let fingerprint = try directory.loadFrozen(model, into: store, prefix: "teacher") ?? ""
    let folder = URL(fileURLWithPath: output)
    if case .topK(let count) = codec, count > size {
      throw ValidationError("--codec topk:\(count): the teacher has only \(size) tokens.")
    }
    let writer = try TeacherCacheWriter(
      folder, codec, teacher: model, fingerprint: fingerprint, path: teacher,
      store: store, length: length, classCount: size,
      temperatures: temperature + [recipe.language.distillation.temperature],
      batchSize: min(batchSize, max(1, text.training.count + text.heldOut.count)),
      files: tokenizer.files)
    let rows = try writer.missing([text.training, text.heldOut])
    let description = writer.description
    let bytes = rows.count * description.rowBytes
    note(
      "\(counted(rows.count, "row")) of \(length) tokens to ask for, \(grouped(bytes >> 20)) MiB "
        + "(\(counted(description.rowBytes / length, "byte")) per token)")
    try requireSpace(bytes, folder)
    let progress = ProgressLine()
    let clock = ContinuousClock.now
    let batchSize = writer.batchSize
    for first in stride(from: 0, to: rows.count, by: batchSize) {
      let part = rows[first..<min(rows.count, first + batchSize)]
      try writer.write(part)
      progress.show(
        "cache", done: part.endIndex, of: rows.count,
        seconds: (ContinuousClock.now - clock).seconds,
        doneHere: part.endIndex, "rows")
      if Interrupt.wasRequested {
        try writer.finish()
        progress.end()
        warn(
          "Interrupted: \(grouped(part.endIndex)) of \(counted(rows.count, "row")) are kept. The same command "
            + "goes on.")
        throw ExitCode(130)
      }
    }
    try writer.finish()
    progress.end()
    try tell(
      "\(output): \(codec) of \(teacher), \(counted(description.rowBytes / length, "byte")) per token"
    )
  }

  /// Throws where the disk has not enough room.
  private func requireSpace(_ bytes: Int, _ folder: URL) throws {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
    guard let free = attributes?[.systemFreeSize] as? Int, bytes > free else { return }
    throw UserError(
      "The cache needs \(grouped(bytes >> 20)) MiB, the disk has \(grouped(free >> 20)) MiB. A smaller "
        + "codec is hidden:int8 or topk:K.")
  }
}
