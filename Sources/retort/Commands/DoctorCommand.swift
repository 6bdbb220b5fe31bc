// `retort doctor`
import ArgumentParser
import Foundation

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Look at a distillation before it runs.",
    discussion: """
      Tokenizers, chat templates, padding of vocabularies, the share of tokens that carry loss, the \
      teacher's perplexity on this text, rows of a cache, memory and time. `retort distill` looks at the \
      same before every run, and refuses what would spoil it silently, unless --force is given.
      """)

  @OptionGroup var models: DistillationOptions
  @OptionGroup var arguments: RunArguments

  func run() throws {
    let recipe = try DistillRecipe.load(
      file: arguments.recipeFile,
      settings: models.settings + (try RunArguments.settings(ofData: arguments.data))
        + (arguments.seed.map { ["seed=\($0)"] } ?? []) + arguments.set)
    let arms = try DistillationArms(recipe, folder: arguments.folder)
    let text = try RunText(
      recipe.data, arms.tokenizer, seed: recipe.seed, shifts: arms.cache == nil)
    let findings = try Doctor(
      arms: arms, text: text, recipe: recipe, device: try arguments.device.open()
    ).findings()
    print(text)
    for finding in findings { print(finding.line) }
    if findings.contains(where: { $0.level == .refusal }) { throw ExitCode.failure }
  }
}
