// `retort distill`
import ArgumentParser
import Foundation
import Models
import Storage
import Tensors
import Text
import Training

struct Distill: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Distil a teacher into a student, and find out whether it helped.",
    discussion: """
      Trains a teacher on text (or takes the one that --teacher names), distils it into a student, trains the same \
      student without the teacher as a control, once on the same data and once with the same arithmetic, and compares \
      them on held-out text. Without a recipe the text is Debian's `fortunes`. Any key of the recipe \
      can be set on the command line: --set student.layers=4

      --student takes the folder of a model, sizes of a new one ('layers: 4, width: 256'), or parts of \
      the teacher ('from-teacher: {layers: [0, 2, 4], width: 256}'). --data takes texts, or .jsonl that \
      a teacher wrote; --cache what `retort cache` kept of a teacher. A teacher that is a sentence encoder \
      gets a student whose vectors are like its own; the controls then learn from sentences alone.
      """)

  @OptionGroup var models: DistillationOptions

  @OptionGroup var arguments: RunArguments
  @OptionGroup var messages: MessageOptions

  func validate() throws {
    if arguments.resume, models.areGiven {
      throw ValidationError(
        "--resume goes on with the recipe in the folder; it takes no options that change it.")
    }
  }

  func run() throws {
    Interrupt.install()
    let start = ContinuousClock.now
    let folder = try arguments.folder()
    var recipe = try arguments.recipe(DistillRecipe.self, in: folder, settings: models.settings)
    let path = recipe.teacher.path
    if !path.isEmpty, try ModelDirectory(URL(fileURLWithPath: path)).model() is any Encoder {
      var distillation = try SentenceDistillation(recipe, arguments, in: folder)
      try distillation.run()
      return
    }
    let arms = try DistillationArms(recipe, folder: folder)
    let (device, text) = try arguments.open {
      try RunText(
        recipe.data, arms.tokenizer, classCount: arms.classCount, seed: recipe.seed,
        shifts: arms.cache == nil)
    }
    let slice = try text.slice(recipe.student.textShare)
    let weights = try arms.readTeachers(on: device)
    let plan = try arms.plan(recipe, text, slice: slice, sharing: weights)
    let chosen = try plan.settle(&recipe, judgedRows: text.heldOut.count, since: start)
    var origins = RunOrigins()
    try origins.add(recipe)
    origins.add("the text", text.fingerprint)
    try arms.addOrigins(recipe, weights, to: &origins)
    try arguments.begin(
      recipe, in: folder, origins: origins, on: device, data: ("\(text)", text.fingerprint),
      phases: plan.phases
    ) {
      try chosen
        + DistillationDoctor(
          arms: arms, text: text, slice: slice, recipe: recipe, plan: plan, weights: weights
        ).findings()
    }
    let export = ModelExport(tokenizer: arms.tokenizer, precision: recipe.training.export)
    let profiles = RunProfiles(arguments.profiling, in: folder)
    let clock = try plan.clock(recipe, judgedRows: text.heldOut.count, in: folder)
    /// Trains an arm that is not finished, on what `make` gives for its store.
    func train(
      _ arm: Arm, _ sizes: ModelRecipe, seed: UInt64, as prefix: String,
      _ make: (VariableStore) throws -> (objective: any Objective, data: any Dataset)
    ) throws {
      guard !folder.isFinished(arm.name) else { return }
      let store = weights.sharing(seed: seed)
      let (objective, data) = try make(store)
      try arm.train(
        objective, recipe.training.options(for: sizes, seed: seed), on: data,
        validation: text.validation, folder: folder, origins: origins, store: store,
        prefix: prefix, profiles: profiles, export: export,
        sequenceLength: recipe.data.sequenceLength,
        teacher: arm.name.hasPrefix("student") ? arms.teacher?.directory : nil, clock: clock)
    }
    if let teacher = arms.teacher, recipe.teacher.path.isEmpty {
      try train(teacher, recipe.teacher, seed: recipe.seed, as: teacher.name) { _ in
        (try arms.nextToken(teacher), text.training)
      }
    }
    let trials = try arms.trials(of: recipe)
    for trial in trials {
      try train(trial.student, recipe.student, seed: trial.seed, as: "student") { store in
        let objective = try arms.objective(
          recipe.distillation, student: trial.student,
          teacher: try arms.loadTeacher(into: weights))
        let data = try studentData(trial.student, slice, arms, recipe, store: store)
        return (objective, objective.data(over: data))
      }
      for control in trial.controls {
        // Same names, same seed, same batches: only the teacher is missing.
        let sizes = try plan.controlRecipe(control.question, recipe)
        try train(control.arm, sizes, seed: trial.seed, as: "student") { _ in
          (try arms.nextToken(control.arm), slice.training)
        }
      }
    }
    try DistillationJudge(
      arms: arms, text: text, trials: trials, plan: plan, recipe: recipe, weights: weights,
      folder: folder
    ).judge()
  }

  /// The text, or rows of it that the student continues itself.
  private func studentData(
    _ arm: Arm, _ text: RunText, _ arms: DistillationArms, _ recipe: DistillRecipe,
    store: VariableStore
  ) throws -> any TokenData {
    let options = recipe.distillation.onPolicy.options
    guard options.lambda > 0 else { return text.training }
    note(
      "\(arm.name) writes a row itself with probability \(options.lambda), at temperature "
        + "\(options.temperature)")
    return OnPolicyData(
      text.training, student: try arm.languageModel(), classCount: arms.classCount,
      end: arms.tokenizer.endOfText, store: store, batchSize: recipe.training.batchSize, options)
  }
}
