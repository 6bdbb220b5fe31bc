// What the commands that train have in common.
import ArgumentParser
import Foundation
import Storage
import Tensors

/// The arguments of a training run, and how a run is opened with them.
struct RunArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A YAML recipe; keys it leaves out keep their defaults.", valueName: "recipe"))
  var recipeFile: String?

  @Option(help: "Change one key of the recipe, as KEY.PATH=VALUE.")
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "A text file to learn from, or a teacher's .jsonl; may be given several times.",
      discussion: "In place of data.text or data.completions."))
  var data: [String] = []

  @Option(help: "The seed of every random number.")
  var seed: UInt64?

  @Option(help: "The folder that the run writes to.")
  var run = "runs/latest"

  @Flag(help: "Go on with the run in the folder, with the recipe it holds.")
  var resume = false

  @Flag(help: "Delete the run in the folder and start anew.")
  var overwrite = false

  @Flag(help: "Begin even where `retort doctor` refuses; the run's folder says so.")
  var force = false

  @OptionGroup var device: DeviceOptions
  @OptionGroup var profiling: ProfilingOptions

  func validate() throws {
    if resume, overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
    if resume, force || recipeFile != nil || !set.isEmpty || seed != nil || !data.isEmpty {
      throw ValidationError(
        "--resume goes on with the recipe in the folder; it takes no recipe, --set, --data, --seed or --force."
      )
    }
  }

  /// `--data` as settings of a recipe.
  static func settings(ofData data: [String]) throws -> [String] {
    guard let first = data.first else { return [] }
    let isCompletion = first.hasSuffix(".jsonl")
    guard data.allSatisfy({ $0.hasSuffix(".jsonl") == isCompletion }) else {
      throw ValidationError("--data takes either texts or .jsonl files.")
    }
    let files = data.map(quoted).joined(separator: ", ")
    return ["data.\(isCompletion ? "completions" : "text")=[\(files)]"]
  }

  var folder: RunFolder { RunFolder(url: URL(fileURLWithPath: run)) }

  /// The recipe to run with, changed by `settings` of options. Nothing is written yet; a folder that
  /// holds a run already is only taken when told how.
  func recipe<R: Recipe>(_ type: R.Type, settings: [String] = []) throws -> R {
    if resume {
      guard FileManager.default.fileExists(atPath: folder.recipe.path) else {
        throw StorageError("\(run) holds no run to resume: it has no recipe.yaml.")
      }
      return try R.load(file: folder.recipe.path, settings: [])
    }
    if folder.holdsRun, !overwrite {
      throw StorageError(
        "\(run) holds a run already. Use --resume to go on with it, --overwrite to delete it, or "
          + "--run with another folder.")
    }
    return try given(type, settings: settings)
  }

  /// The recipe as file and options give it, whatever the folder holds.
  func given<R: Recipe>(_ type: R.Type, settings: [String]) throws -> R {
    let own = try Self.settings(ofData: data) + (seed.map { ["seed=\($0)"] } ?? [])
    return try R.load(file: recipeFile, settings: settings + own + set)
  }

  /// Opens the device and reads the text; nothing is written yet. `sources` are the folders of models that
  /// the run starts from; empty ones count as none.
  func open<Text: CustomStringConvertible>(
    sources: [String], text read: () throws -> Text
  ) throws -> (any Device, Text) {
    let own = folder.url.standardizedFileURL.path + "/"
    for source in sources where overwrite && !source.isEmpty {
      if (URL(fileURLWithPath: source).standardizedFileURL.path + "/").hasPrefix(own) {
        throw StorageError("\(source) lies in the run folder that --overwrite would delete.")
      }
    }
    let device = try self.device.open(profiling: profiling.isWanted)
    let text = try read()
    note("\(device.name)\n\(text)")
    return (device, text)
  }

  /// Says what was found before a run, and begins it in its folder; throws where something refuses it and
  /// nobody insists. What was overruled is kept in the folder. A run that goes on was looked at when it began.
  func begin(_ recipe: some Recipe, after find: () throws -> [Finding]) throws {
    guard !resume else { return }
    let findings = try find()
    for finding in findings { note(finding.line) }
    let refusals = findings.filter { $0.level == .refusal }
    guard refusals.isEmpty || force else {
      throw StorageError(
        refusals.map(\.text).joined(separator: "; ") + ". --force begins all the same.")
    }
    try folder.begin(recipe)
    if !refusals.isEmpty { try folder.noteForced(refusals.map(\.text)) }
  }
}

/// A text as YAML reads it back.
func quoted(_ text: String) -> String { text.json }
