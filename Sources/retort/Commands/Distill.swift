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
      the teacher ('from-teacher: {layers: [0, 2, 4], width: 256}'). --data takes texts, or .jsonl that \
      a teacher wrote; --cache what `retort cache` kept of a teacher. A teacher that is a sentence encoder       gets a student whose vectors are like its own; the control then learns from sentences alone.
      """)

  @Option(help: "The folder of the teacher.")
  var teacher: String?

  @Option(help: "A folder, the sizes of a new model, or parts of the teacher.")
  var student: String?

  @Option(help: "The folder of a teacher's cache, in place of the teacher itself.")
  var cache: String?

  @Option(help: "How many seeds student and control are trained with.")
  var seeds: Int?

  @Option(help: "Train no control, for this reason, which the verdict repeats.")
  var withoutControl: String?

  @OptionGroup var arguments: RunArguments

  func validate() throws {
    let own: [Any?] = [teacher, student, cache, seeds, withoutControl]
    if arguments.resume, own.contains(where: { $0 != nil }) {
      throw ValidationError("--resume goes on with the recipe in the folder; it takes no other.")
    }
  }

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
    if let cache { settings.append("distillation.cache=\(quoted(cache))") }
    if let seeds { settings.append("seeds=\(seeds)") }
    if let withoutControl {
      settings.append("distillation.without_control=\(quoted(withoutControl))")
    }
    return settings
  }

  func run() throws {
    Interrupt.install()
    let recipe = try arguments.recipe(DistillRecipe.self, settings: settings)
    let folder = arguments.folder
    let path = recipe.teacher.path
    if !path.isEmpty, try ModelDirectory(URL(fileURLWithPath: path)).model() is any Encoder {
      try SentenceDistillation(recipe, arguments).run()
      return
    }
    let arms = try DistillationArms(recipe, folder: folder)
    let (device, text) = try arguments.open(recipe, sources: [path, recipe.student.path]) {
      try RunText(recipe.data, arms.tokenizer, seed: recipe.seed, shifts: arms.cache == nil)
    }
    let export = ModelExport(tokenizer: arms.tokenizer, precision: recipe.training.export)
    func train(
      _ arm: Arm, _ sizes: ModelRecipe, seed: UInt64, as prefix: String,
      _ objective: (VariableStore) throws -> any Objective
    ) throws {
      guard !folder.isFinished(arm.name) else { return }
      let store = VariableStore(on: device, seed: seed)
      try arm.train(
        try objective(store), recipe.training.options(for: sizes, seed: seed), on: text.training,
        folder: folder, store: store, prefix: prefix, profiling: arguments.profiling,
        export: export)
    }
    if let teacher = arms.teacher, recipe.teacher.path.isEmpty {
      try train(teacher, recipe.teacher, seed: recipe.seed, as: teacher.name) { _ in
        NextTokenObjective(try teacher.languageModel(), classCount: arms.classCount)
      }
    }
    for pair in arms.pairs {
      try train(pair.student, recipe.student, seed: pair.seed, as: "student") { store in
        try arms.objective(
          recipe.distillation, student: pair.student, teacher: arms.loadTeacher(into: store))
      }
      guard recipe.distillation.withoutControl.isEmpty else { continue }
      // Same names, same seed, same batches: only the teacher is missing.
      try train(pair.control, recipe.student, seed: pair.seed, as: "student") { _ in
        NextTokenObjective(try pair.control.languageModel(), classCount: arms.classCount)
      }
    }
    try DistillationJudge(arms: arms, text: text, recipe: recipe, device: device, folder: folder)
      .judge()
  }
}
