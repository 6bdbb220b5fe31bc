// `retort tune`
import ArgumentParser
import Base
import Experiments
import Foundation
import OpenCL
import OpenCLBackend
import Tensors
import Text
import Tokenizers
import Training

struct Tune: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the fastest kernels for a recipe's products of matrices on a device.",
    discussion: """
      Every run takes the kernels that are likeliest to be fast on a device of its class. This times
      a few of them on the shapes of a distillation, checks each one's numbers against exact sums,
      and keeps the winners for this device, driver and version of the kernels; other shapes use the
      nearest. `retort devices` shows what is known.
      """)

  @Argument(
    help: ArgumentHelp(
      "A YAML recipe, as `retort distill` takes it.", valueName: "recipe"))
  var recipeFile: String?

  @Option(help: "Change one key of the recipe, as KEY.PATH=VALUE.")
  var set: [String] = []

  @Flag(help: "Search on until within 10 % of the device's peak, or until nothing gets better.")
  var deep = false

  @Option(help: "The device, as PLATFORM:INDEX; the first GPU, else the first device.")
  var device: String?

  @OptionGroup var messages: MessageOptions

  func run() throws {
    let recipe = try LanguageTask.recipe(file: recipeFile, settings: set)
    let devices = try availableDevices()
    let chosen =
      device.map { name in devices.first { $0.identifier == name } }
      ?? DeviceRanking(devices).devices.first
    guard let chosen else {
      throw ValidationError("There is no OpenCL device\(device.map { " \($0)" } ?? "") to tune.")
    }
    guard var file = TuningFile(for: chosen, family: DeviceTraits(of: chosen).family) else {
      throw ValidationError("RETORT_CACHE is off, so there is nowhere to keep what is found.")
    }
    let problems = try Self.problems(recipe)
    note("\(chosen): \(problems.count) products")
    let tuner = try Tuner(chosen)
    var found: [Tuner.Finding] = []
    for problem in problems {
      guard let finding = try tuner.find(problem, isDeep: deep) else {
        warn("\(problem): no plan works; the others stay as they are")
        continue
      }
      let rate = problem.flopCount / finding.seconds / 1e9
      try tell(
        "\(problem): \(fixed(rate, 1)) GFLOP/s, \(fixed(100 * finding.fractionOfPeak, 0)) % of peak, "
          + "\(finding.tried) plans tried\(finding.refused > 0 ? ", \(finding.refused) refused" : "")"
      )
      found.append(finding)
      // After each, so that an interrupt keeps what is known.
      try file.add(found)
    }
    try tell("Kept in \(file.url.path)")
  }

  /// The products of the recipe's distillation step and of its teacher's training step, the most
  /// expensive first.
  private static func problems(_ recipe: DistillRecipe) throws -> [MatMulProblem] {
    let arms = try LanguageArms(recipe, folder: RunFolder("unused"))
    guard let teacher = try arms.teacher?.languageModel() else {
      throw ValidationError("A recipe with a cache has no teacher whose products could be tuned.")
    }
    let student = try arms.student.languageModel()
    let length = recipe.text.data.sequenceLength
    let inputs = Inputs(
      [.tokens: [length], .labels: [length]], rowCount: recipe.training.batchSize)
    let distillation = DistillationObjective(
      student: student, teacher: .model(teacher), recipe.language.distillation.divergence)
    let steps: [(any Objective, [Tensor])] = [
      (distillation, student.parameters().map(\.tensor)),
      (NextTokenObjective(teacher), teacher.parameters().map(\.tensor)),
    ]
    var cost: [MatMulProblem: Double] = [:]
    for (objective, parameters) in steps {
      let loss = objective.loss(inputs).total
      let graph = Graph(outputs: [loss] + gradients(of: loss, withRespectTo: parameters))
        .rewritten()
      for application in graph.applications {
        for problem in application.products {
          cost[problem, default: 0] += problem.flopCount
        }
      }
    }
    return cost.sorted { ($1.value, "\($0.key)") < ($0.value, "\($1.key)") }.map(\.key)
  }
}
