// Recipes as they are described, checked, shown in README and kept in Examples.
import Checks
import Foundation
import Testing
import Yams

@testable import Command
@testable import Experiments
@testable import Text

@Suite struct RecipeTests {
  @Test func everyKeyIsDescribed() throws {
    func check(_ kind: RecipeKind<some Recipe>) throws {
      let recipe = kind.recipe
      let schema = RecipeSchema(of: recipe.sections)
      #expect(schema.entries.allSatisfy { $0.meaning.hasSuffix(".") })
      func keys(_ node: Node, _ path: String) -> [String] {
        node.mapping?.flatMap { key, value in
          [path + (key.string ?? "?")] + keys(value, path + (key.string ?? "?") + ".")
        } ?? []
      }
      let yaml = try #require(try Yams.compose(yaml: recipe.yaml()))
      #expect(schema.entries.map(\.key) == keys(yaml, ""))
      // The description is the recipe.
      let text = try kind.description()
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 }, "\(text)")
      #expect(try Yams.compose(yaml: text) == yaml)
    }
    for kind in DistillRecipe.kinds { try check(kind) }
    for kind in TrainRecipe.kinds { try check(kind) }
  }

  @Test func everyBoundHolds() throws {
    let kind = LanguageTask.kind
    let entries = RecipeSchema(of: kind.recipe.sections).entries.filter { $0.bounds != nil }
    #expect(entries.count > 30)
    for entry in entries {
      let error = #expect(throws: RecipeError.self, "\(entry.key)") {
        try DistillRecipe.load(file: nil, settings: ["\(entry.key)=-1"], kinds: [kind])
      }
      let words = entry.bounds?.words ?? "?"
      #expect(error?.description == "Recipe: \(entry.key) must be \(words).")
    }
    // A number that is below 1 until it is rounded to single precision.
    #expect(throws: RecipeError.self) {
      try TrainRecipe.load(file: nil, settings: ["training.beta2=0.99999999"])
    }
  }

  @Test func aRecipeIsChecked() throws {
    let shop = try Workshop()
    try shop.write("good.yaml", "student: {layers: 4}\nteacher: {path: nowhere}\n")
    let good = try shop.run(["recipe", "check", shop.path("good.yaml")])
    // A run would fail for want of it.
    #expect(good.status == 1 && good.errors.contains("nowhere, which it reads, is not here."))
    #expect(
      good.output.contains("is a recipe of `retort distill` for language models. It changes\n"))
    #expect(good.output.contains("  student.layers: 4, not 2\n"), "\(good.output)")
    try shop.write("bad.yaml", "model: {layers: 4}\ntraining: {precision: bf61}\n")
    let bad = try shop.run(["recipe", "check", shop.path("bad.yaml")])
    #expect(
      bad.status == 1 && bad.errors.contains("bad.yaml, line 2: training.precision is one of"))
    #expect(bad.errors.contains("Did you mean bf16?"), "\(bad.errors)")
  }

  /// Keys are those of the kind that reads the recipe; of others it is said that they are passed over.
  @Test func everyKindHasKeysOfItsOwn() throws {
    let shop = try Workshop()
    let encoder = try shop.model("bert")
    func loaded(_ settings: String...) throws -> LoadedRecipe<DistillRecipe> {
      try DistillRecipe.load(file: nil, settings: settings, kinds: DistillRecipe.kinds)
    }
    let sentences = try loaded(
      "teacher.path=\(encoder)", "student.from_teacher.layers=[0]", "student.layers=4",
      "data.packing=false", "distillation.sentences=mse")
    #expect(sentences.kind.name == "sentence encoders")
    #expect(
      sentences.notices == ["student.layers is passed over: sentence encoders have no such key."])
    #expect(sentences.recipe.student.learningRate == 1e-4)
    let yaml = try sentences.recipe.yaml()
    #expect(yaml.contains("sentences: mse") && yaml.contains("from_teacher:"))
    #expect(!yaml.contains("packing") && !yaml.contains("mlp_width"))
    // What was written out is read again, also where it has the keys of every kind.
    try shop.write("again.yaml", yaml)
    let again = try DistillRecipe.load(
      file: shop.path("again.yaml"), settings: [], kinds: DistillRecipe.kinds)
    #expect(try again.notices.isEmpty && again.recipe.yaml() == yaml)
    let words = try loaded("data.pairs=x.csv", "student.width=32")
    #expect(words.kind.name == "language models")
    #expect(words.notices == ["data.pairs is passed over: language models have no such key."])
    #expect(words.changes.map(\.key).contains("student.width"))
    #expect(throws: RecipeError.self) { try loaded("student.colour=red") }
    // Kinds that share a key agree in its default.
    for kind in DistillRecipe.kinds {
      for other in DistillRecipe.kinds {
        let (mine, theirs) = (try RecipeTree(kind.recipe), try RecipeTree(other.recipe))
        for entry in mine.schema.entries where !entry.isSection {
          let line = theirs.line(of: entry.key)
          #expect(line == nil || line == mine.line(of: entry.key), "\(entry.key)")
        }
      }
    }
    let shown = try shop.run(["recipe", "distill", "--kind", "sentence-encoders"])
    #expect(shown.output.contains("for sentence encoders") && !shown.output.contains("packing"))
    let none = try shop.run(["recipe", "distill", "--kind", "poems"])
    #expect(none.status == 64 && none.errors.contains("language-models"), "\(none.errors)")
  }

  @Test(arguments: [
    (["distil"], "There is no command 'retort distil'. Did you mean `retort distill`?"),
    (["generat", "--model", "x"], "Did you mean `retort generate`?"),
    (["recipe", "trian"], "no command 'retort recipe trian'. Did you mean `retort recipe train`?"),
    (["tokenizer", "frobnicate"], "'retort tokenizer frobnicate'. There are train, "),
    (["foo"], "There is no command 'retort foo'. There are devices, "),
  ]) func mistypedCommandsAreNamed(words: [String], message: String) throws {
    let result = try Workshop().run(words)
    #expect(result.status == 64 && result.errors.contains(message), "\(result.errors)")
  }

  // MARK: Examples

  /// Every example does what its first lines say, for two steps, short rows and models of tests' sizes.
  @Test func examplesRun() throws {
    let shop = try Workshop()
    let trained = try shop.run(
      ["train", "--device", "reference", "--run", shop.path("teacher")]
        + shop.tiny(["model"], steps: 2)
        + ["--set", "data.sequence_length=16", "--set", "model.layers=2"])
    #expect(trained.status == 0, "\(trained.errors)")
    let questions = (0..<60).map { "\"What is \($0)?\",\"It is \($0), of course.\"" }
    try shop.write("answers.csv", "question,answer\n" + questions.joined(separator: "\n"))
    let prompts = (0..<60).map { #"{"prompt": "Say \#($0).", "completion": " \#($0), said."}"# }
    try shop.write("prompts.jsonl", prompts.joined(separator: "\n"))
    let text = try shop.read("text")
    for name in ["book.txt", "notes.txt"] { try shop.write(name, text) }
    // The letters that the golden encoder's tokenizer has.
    let sentences = (0..<60).map {
      "a cat sat on a mat" + String(repeating: " and a mat", count: $0 % 5)
    }
    try shop.write("sentences.txt", sentences.joined(separator: "\n"))
    let models = [
      "sentence-encoder.yaml": try shop.model("bert"), "": shop.path("teacher/model"),
    ]
    let folder = repository.appending(path: "Examples/recipes")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names.count >= 6)
    for name in names {
      let lines = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        .split(separator: "\n")
      let command = try #require(lines.first { $0.hasPrefix("#   retort ") }, "\(name)")
      let words = command.split(separator: " ").dropFirst(2).map { word in
        switch word {
        case "DIR": models[name] ?? models[""] ?? "?"
        case _ where word.hasPrefix("Examples/"): repository.appending(path: String(word)).path
        case _ where word.hasPrefix("runs/") || word.contains("."): shop.path(String(word))
        default: String(word)
        }
      }
      let isNew = words[0] == "train" && !words.contains("--model")
      let sizes = ["layers=1", "width=8", "heads=2", "key_value_heads=1", "mlp_width=8"]
      // A teacher of two steps is no teacher, so the run is forced.
      let run = try shop.run(
        words + ["--steps", "2", "--device", "reference", "--force"]
          + ["--set", "data.sequence_length=16"]
          + (words[0] == "distill" ? ["--seeds", "1"] : [])
          + (isNew ? sizes.flatMap { ["--set", "model.\($0)"] } : []))
      #expect(run.status == 0, "\(name): \(run.errors)")
      let report = try #require(words.last).appending("/report.html")
      #expect(FileManager.default.fileExists(atPath: report), "\(name)")
    }
  }
}
