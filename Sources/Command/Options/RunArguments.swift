// What the commands that train have in common.
import ArgumentParser
import Base
import Experiments
import Foundation
import Storage
import Tensors
import Text

/// The arguments of a training run, and how a run is opened with them.
struct RunArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A YAML recipe; keys it leaves out keep their defaults.", valueName: "recipe"))
  var recipeFile: String?

  @Option(help: "Change one key of the recipe, as KEY.PATH=VALUE.")
  var set: [String] = []

  @OptionGroup var data: DataOptions

  @Option(help: "The seed of every random number.")
  var seed: UInt64?

  @Option(help: "A time for the whole run, such as 3m: steps are cut so that all fits.")
  var budget: String?

  @Option(
    help:
      "The folder that the run writes to; without it a new one, runs/1, runs/2 and so on, to which runs/latest leads."
  )
  var run: String?

  @Flag(help: "Go on with the run in the folder, with the recipe it holds.")
  var resume = false

  @Flag(help: "Delete the run in the folder and start anew.")
  var overwrite = false

  @Flag(help: "Begin even where `retort doctor` refuses; the run's folder says so.")
  var force = false

  @OptionGroup var device: DeviceOptions
  @OptionGroup var profiling: ProfilingOptions

  static var resumeTakesNoOptions: ValidationError {
    ValidationError(
      "--resume goes on with the recipe in the folder; it takes no options that change it, but for --steps, which make the run longer."
    )
  }

  func validate() throws {
    if resume, overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
    if resume,
      force || recipeFile != nil || !set.isEmpty || seed != nil || budget != nil || data.areGiven
    {
      throw ValidationError(
        "--resume goes on with the recipe in the folder; it takes no recipe, --set, --data, --seed, --budget or --force."
      )
    }
  }

  /// The folder of the run: the one that is named, the latest to go on with, or a new one.
  func folder() throws -> RunFolder {
    if let run { return RunFolder(run) }
    return resume ? NumberedRuns.latest : try NumberedRuns.take()
  }

  /// The recipe to run with, changed by `settings` of options. Nothing is written yet; a folder that
  /// holds a run already is only taken when told how.
  func recipe<R: CommandRecipe>(
    _ type: R.Type, in folder: RunFolder, settings: [String] = []
  ) throws -> LoadedRecipe<R> {
    try profiling.requireFree(run: folder.url)
    if resume {
      try folder.resume()
      let isTraining = RecipeFile(folder.recipe.path)?.isOfTraining ?? false
      guard isTraining == (R.command == TrainRecipe.command) else {
        throw UserError(
          "The run in \(folder.name) is that of another command: go on with `retort "
            + "\(isTraining ? TrainRecipe.command : DistillRecipe.command) --run \(folder.name) --resume`."
        )
      }
      return try R.load(file: folder.recipe.path)
    }
    let loaded = try given(type, settings: settings)
    try folder.requireFree(overwrite: overwrite, sources: loaded.recipe.sources)
    return loaded
  }

  /// The recipe as file and options give it, whatever the folder holds. Its paths are absolute, so that the run
  /// can go on from any place.
  func given<R: CommandRecipe>(_ type: R.Type, settings: [String]) throws -> LoadedRecipe<R> {
    let own =
      data.settings + (seed.map { ["seed=\($0)"] } ?? [])
      + (budget.map { ["training.budget=\(quoted($0))"] } ?? [])
    var loaded = try R.load(file: recipeFile, settings: settings + own + set)
    try loaded.recipe.change(TextRecipe.self) {
      $0.data.files = try DataFiles.expanded($0.data.files)
    }
    loaded.recipe.makePathsAbsolute()
    return loaded
  }

  /// How the run is begun.
  private var options: RunOptions {
    var options = RunOptions()
    (options.resumes, options.isForced) = (resume, force)
    options.command = ["retort"] + CommandLine.arguments.dropFirst()
    options.profiling = profiling.profiling
    return options
  }

  /// Opens the device and runs `body` on it, whose events it shows; says how to go on after an interrupt. With `steps` a run that
  /// goes on becomes longer.
  func run(
    in folder: RunFolder, for command: String, steps: Int?,
    _ body: (any Device, RunOptions, RunObserver) throws -> Void
  ) throws {
    var options = options
    if resume { options.stepCount = steps }
    let device = try self.device.open(profiling: options.profiling.isWanted)
    let display = RunDisplay(of: folder)
    var hasBegun = resume
    let observer = display.observer {
      hasBegun = true
      if run == nil, !resume { try NumberedRuns.lead(to: folder) }
    }
    do { try body(device, options, observer) } catch {
      // An interrupt may break what it comes upon, such as a compiler or a wait for input.
      guard let sentence = error is RunInterrupted ? "\(error)" : interruptedBy(error) else {
        throw error
      }
      StatusLine.end()
      warn(
        hasBegun
          ? "\(sentence) Go on with `retort \(command) --run \(folder.name) --resume`, on the same --device."
          : sentence)
      throw ExitCode(130)
    }
  }
}

/// What an error says that came after an interrupt; nil where there was none.
private func interruptedBy(_ error: any Error) -> String? {
  guard Interrupt.wasRequested, !(error is ExitCode) else { return nil }
  return "Interrupted (\(abridged("\(error)", to: 300)))."
}

/// A text as YAML reads it back.
func quoted(_ text: String) -> String { text.json }
