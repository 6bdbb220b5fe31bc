// `retort distill`
import ArgumentParser
import Distillation
import Foundation
import Storage
import Tensors
import Tokenizers
import Training

struct Distill: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Distil a teacher into a student, and find out whether it helped.",
    discussion: """
      Trains a teacher on text (or takes the one that teacher.path names), distils it into a
      student, trains the same student without the teacher on the same budget as a control, and
      compares the two on held-out text. Without a recipe the text is Debian's `fortunes`. Any key
      of the recipe can be set on the command line: --set student.layers=4
      """)

  @OptionGroup var arguments: RunArguments

  func run() throws {
    Interrupt.install()
    let recipe = try arguments.recipe(DistillRecipe.self)
    let folder = arguments.folder
    let profiling = arguments.profiling

    func arm(_ name: String, _ model: ModelRecipe) throws -> Arm {
      try Arm(name, model, sequenceLength: recipe.data.sequenceLength, folder: folder)
    }
    let teacher = try arm("teacher", recipe.teacher)
    let student = try arm("student", recipe.student)
    let control = try arm("control", recipe.student)
    let (device, text) = try arguments.open(
      recipe, data: recipe.data, seed: recipe.seed, source: recipe.teacher.path)
    if recipe.teacher.path.isEmpty, !folder.isFinished(teacher.name) {
      try teacher.train(
        NextTokenObjective(teacher.model),
        recipe.training.options(for: recipe.teacher, seed: recipe.seed), on: text, folder: folder,
        store: VariableStore(on: device, seed: recipe.seed), prefix: teacher.name,
        profiling: profiling)
    }
    let studentOptions = recipe.training.options(for: recipe.student, seed: recipe.seed)
    if !folder.isFinished(student.name) {
      let store = VariableStore(on: device, seed: recipe.seed)
      try teacher.load(into: store)
      try student.train(
        DistillationObjective(
          student: student.model, teacher: teacher.model, recipe.distillation.kind,
          temperature: Float(recipe.distillation.temperature),
          alpha: Float(recipe.distillation.alpha)),
        studentOptions, on: text, folder: folder, store: store, prefix: "student",
        profiling: profiling)
    }
    if !folder.isFinished(control.name) {
      // Same names, same seed, same batches: only the teacher is missing.
      try control.train(
        NextTokenObjective(control.model), studentOptions, on: text, folder: folder,
        store: VariableStore(on: device, seed: recipe.seed), prefix: "student",
        profiling: profiling)
    }
    try judge(
      [teacher, student, control], text, recipe, device: device, folder: folder)
  }

  /// Evaluates the arms, prints the table and the continuations, writes verdict and report.
  private func judge(
    _ arms: [Arm], _ text: RunText, _ recipe: DistillRecipe, device: any Device, folder: RunFolder
  ) throws {
    let store = VariableStore(on: device, seed: recipe.seed)
    for arm in arms { try arm.load(into: store) }
    let rows = try arms.map { arm in
      VerdictRow(
        arm: arm.name, parameterCount: arm.model.parameterCount,
        evaluation: try evaluate(
          arm.model, teacher: arm.name == "teacher" ? nil : arms[0].model, on: text.heldOut,
          batchSize: recipe.training.batchSize, store: store))
    }
    let result = VerdictTable(
      rows: rows,
      verdict: Verdict(
        student: rows[1].evaluation.windowLosses, control: rows[2].evaluation.windowLosses))
    print("\n" + table(result.cells) + "\n\n" + result.sentence + "\n")
    try WholeFile.write(
      result.json(device: device.name), to: folder.url.appending(path: "verdict.json"))
    var continuations: [(arm: String, text: String)] = []
    let tokenizer = ByteTokenizer()
    for arm in arms {
      let generator = try Generator(
        arm.model, contextLength: recipe.data.sequenceLength, store: store)
      let ids = try generator.generate(
        [ByteTokenizer.endOfText] + tokenizer.encode(text.prompt), count: 120, temperature: 0.7,
        seed: UInt32(truncatingIfNeeded: recipe.seed), end: ByteTokenizer.endOfText)
      continuations.append((arm.name, text.prompt + tokenizer.decode(ids)))
      print("\(arm.name): \(text.prompt)|\(tokenizer.decode(ids))\n")
    }
    let report = Report(
      title: "Distillation run", records: folder.records(), table: result.cells,
      sentence: result.sentence, recipe: try recipe.yaml(), device: device.name,
      continuations: continuations)
    try WholeFile.write(report.html, to: folder.url.appending(path: "report.html"))
    print("Everything is in \(folder.url.relativePath); open report.html there.")
  }
}
