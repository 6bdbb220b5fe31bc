// `retort distill`
import ArgumentParser
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Training

struct Distill: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Distil a teacher into a student, and find out whether it helped.",
    discussion: """
      Trains a teacher on text (or takes the one that --teacher names), distils it into a student, \
      trains the same student without the teacher on the same budget as a control, and compares the \
      two on held-out text. Without a recipe the text is Debian's `fortunes`. Any key of the recipe \
      can be set on the command line: --set student.layers=4

      --student takes the folder of a model, sizes of a new one ('layers: 4, width: 256'), or parts of \
      the teacher ('from-teacher: {layers: [0, 2, 4], width: 256}').
      """)

  @Option(help: "The folder of the teacher.")
  var teacher: String?

  @Option(help: "A folder, the sizes of a new model, or parts of the teacher.")
  var student: String?

  @OptionGroup var arguments: RunArguments

  /// The options as settings of the recipe.
  private var settings: [String] {
    var settings = teacher.map { ["teacher.path=\(quoted($0))"] } ?? []
    if let student {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: student, isDirectory: &isFolder), isFolder.boolValue
      {
        settings.append("student.path=\(quoted(student))")
      } else {
        settings.append("student={\(student.replacing("from-teacher:", with: "from_teacher:"))}")
      }
    }
    return settings
  }

  func run() throws {
    Interrupt.install()
    let recipe = try arguments.recipe(DistillRecipe.self, settings: settings)
    let folder = arguments.folder
    let arms = try DistillationArms(recipe, folder: folder)
    let (teacher, student, control) = (arms.teacher, arms.student, arms.control)
    let (device, text) = try arguments.open(
      recipe, data: recipe.data, arms.tokenizer, seed: recipe.seed,
      sources: [recipe.teacher.path, recipe.student.path])
    func train(
      _ arm: Arm, _ objective: any Objective, _ sizes: ModelRecipe, as prefix: String,
      beside teacher: Arm? = nil
    ) throws {
      guard !folder.isFinished(arm.name) else { return }
      let store = VariableStore(on: device, seed: recipe.seed)
      try teacher?.load(into: store)
      try arm.train(
        objective, recipe.training.options(for: sizes, seed: recipe.seed), on: text,
        folder: folder, store: store, prefix: prefix, profiling: arguments.profiling,
        export: ModelExport(tokenizer: arms.tokenizer, precision: recipe.training.export))
    }
    if recipe.teacher.path.isEmpty {
      try train(teacher, NextTokenObjective(teacher.model), recipe.teacher, as: teacher.name)
    }
    let objective = DistillationObjective(
      student: student.model, teacher: teacher.model, recipe.distillation.kind,
      temperature: Float(recipe.distillation.temperature),
      alpha: Float(recipe.distillation.alpha))
    try train(student, objective, recipe.student, as: "student", beside: teacher)
    // Same names, same seed, same batches: only the teacher is missing.
    try train(control, NextTokenObjective(control.model), recipe.student, as: "student")
    try judge(arms, text, recipe, device: device, folder: folder)
  }

  /// Evaluates the arms, prints the table and the continuations, writes verdict and report.
  private func judge(
    _ arms: DistillationArms, _ text: RunText, _ recipe: DistillRecipe, device: any Device,
    folder: RunFolder
  ) throws {
    let store = VariableStore(on: device, seed: recipe.seed)
    let all = [arms.teacher, arms.student, arms.control]
    for arm in all { try arm.load(into: store) }
    let rows = try all.map { arm in
      VerdictRow(
        arm: arm.name, parameterCount: arm.model.parameterCount,
        evaluation: try evaluate(
          arm.model, teacher: arm.name == "teacher" ? nil : arms.teacher.model, on: text.heldOut,
          batchSize: recipe.training.batchSize, store: store), bytesPerToken: text.bytesPerToken)
    }
    let result = VerdictTable(
      rows: rows,
      verdict: Verdict(
        student: rows[1].evaluation.windowLosses, control: rows[2].evaluation.windowLosses))
    print("\n" + table(result.cells) + "\n\n" + result.sentence + "\n")
    try WholeFile.write(
      result.json(device: device.name), to: folder.url.appending(path: "verdict.json"))
    var continuations: [(arm: String, text: String)] = []
    var sampling = Sampling()
    sampling.temperature = 0.7
    sampling.seed = UInt32(truncatingIfNeeded: recipe.seed)
    let (tokenizer, end) = (arms.tokenizer.tokenizer, arms.tokenizer.endOfText)
    for arm in all {
      let prompt = [end] + tokenizer.encode(text.prompt)
      let generator = Generator(
        arm.model, vocabularySize: tokenizer.vocabularySize, store: store,
        capacity: prompt.count + 120)
      let ids = try generator.generate([prompt], count: 120, sampling: sampling, ends: [end])[0]
      let continuation = tokenizer.decode(ids)
      continuations.append((arm.name, text.prompt + continuation))
      print("\(arm.name): \(text.prompt)|\(continuation)\n")
    }
    let report = Report(
      title: "Distillation run", records: folder.records(), table: result.cells,
      sentence: result.sentence, recipe: try recipe.yaml(), device: device.name,
      continuations: continuations)
    try WholeFile.write(report.html, to: folder.url.appending(path: "report.html"))
    print("Everything is in \(folder.url.relativePath); open report.html there.")
  }
}
