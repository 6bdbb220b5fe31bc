// Recipes as they are described, checked, shown in README and kept in Examples.
import Checks
import Foundation
import Sentences
import Testing
import Yams

@testable import Command
@testable import Experiments
@testable import Text

@Suite struct RecipeTests {
  @Test func everyKeyIsDescribed() throws {
    func check(_ kind: RecipeKind<some Recipe>) throws {
      let recipe = kind.recipe
      let entries = try RecipeTree(recipe).entries
      #expect(entries.allSatisfy { $0.meaning.hasSuffix(".") })
      func keys(_ node: Node, _ path: String) -> [String] {
        node.mapping?.flatMap { key, value in
          [path + (key.string ?? "?")] + keys(value, path + (key.string ?? "?") + ".")
        } ?? []
      }
      let yaml = try #require(try Yams.compose(yaml: recipe.yaml()))
      #expect(entries.map(\.key) == keys(yaml, ""))
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

  /// Keys are those of the kind that reads the recipe. Files may have others, which are told; settings may not.
  @Test func everyKindHasKeysOfItsOwn() throws {
    let shop = try Workshop()
    let encoder = try shop.model("bert")
    func loaded(_ yaml: String, _ settings: String...) throws -> LoadedRecipe<DistillRecipe> {
      try shop.write("recipe.yaml", yaml)
      return try DistillRecipe.load(
        file: shop.path("recipe.yaml"), settings: settings, kinds: DistillRecipe.kinds)
    }
    let sentences = try loaded(
      """
      teacher: {path: \(encoder), steps: 7, text_share: 0}
      student: {from_teacher: {layers: [0]}, layers: 4, text_share: 1.0}
      data: {packing: False, tokenizer: ""}
      """, "distillation.sentences=mse")
    #expect(sentences.kind.name == "sentence encoders")
    #expect(
      sentences.notices
        == ["teacher.steps", "student.layers"].map {
          "\($0) is passed over: sentence encoders have no such key."
        })
    #expect(sentences.recipe.student.learningRate == 1e-4)
    #expect(
      sentences.changes.map(\.key)
        == ["teacher.path", "student.from_teacher.layers", "distillation.sentences"])
    let yaml = try sentences.recipe.yaml()
    #expect(yaml.contains("sentences: mse") && yaml.contains("from_teacher:"))
    #expect(!yaml.contains("packing") && !yaml.contains("mlp_width"))
    #expect(yaml.contains("teacher:\n  path: \(encoder)\nstudent:"), "\(yaml)")
    // What was written out is read again.
    let again = try loaded(yaml)
    #expect(try again.notices.isEmpty && again.recipe.yaml() == yaml)
    #expect(again.changes.map(\.key) == sentences.changes.map(\.key))
    let typed = #expect(throws: RecipeError.self) {
      try loaded("teacher: {path: \(encoder)}", "distillation.objective=jsd")
    }
    #expect(
      typed?.description.hasPrefix(
        "Recipe: distillation.objective cannot be set: sentence encoders have no such key. Known here: sentences,"
      ) == true, "\(String(describing: typed))")
    let words = try loaded("data: {pairs: x.csv}\nstudent: {learning_rate: 0}", "student.width=32")
    #expect(words.kind.name == "language models")
    #expect(words.notices == ["data.pairs is passed over: language models have no such key."])
    #expect(words.changes.map(\.key) == ["student.width"])
    #expect(throws: RecipeError.self) { try loaded("", "student.colour=red") }
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

  /// What values may be, wherever they come from.
  @Test func valuesAreReadAsTheyAreWritten() throws {
    struct Loose: RecipePart {
      enum Colour: String, Codable, CaseIterable { case red, blue }
      @Key("Shares.", .share) var shares = [0.5, 1e-7]
      @Key("A note.") var note = "none"
      @Key("A colour.") var colour = Colour.red
      @Key("A file.") var place = ""
      @Key("A wide number.", .from(1, to: 9)) var wide = 3

      mutating func resolve() { if note == "wide" { wide = 10 } }
      mutating func eachPath(_ body: (inout String) -> Void) { body(&place) }
    }
    func load(_ settings: String...) throws -> DistillRecipe {
      try .load(file: nil, settings: settings, parts: [Loose()])
    }
    func part(_ setting: String) throws -> Loose { try load(setting).part(Loose.self) }
    #expect(throws: RecipeError.self) { try load("shares=[0.5, 7]") }
    #expect(throws: RecipeError.self) { try load("note=wide") }
    // A text may look like a number, and may be empty.
    #expect(try part("note=nan").note == "nan" && part("note=").note == "")
    #expect(try load().yaml().contains("- 0.5\n- 1e-07\n"))
    for setting in ["note", "student..steps=4", "=4"] {
      #expect(throws: RecipeError.self) { try load(setting) }
    }
    #expect(try load(" student.steps = 4").student.steps == 4)
    var homely = try load("place=~/x")
    homely.makePathsAbsolute()
    #expect(homely.part(Loose.self).place == NSHomeDirectory() + "/x")
    // Bounds outlive a resume, whose parts were read from a file.
    #expect(throws: RecipeError.self) {
      try DistillRecipe.load(file: nil, settings: ["wide=10"], parts: homely.parts)
    }
    #expect(try homely.explanation.contains("# A wide number. From 1 to 9.\nwide: 3"))
    let shop = try Workshop()
    try shop.write("twice.yaml", "seed: 1\nstudent: {steps: 3}\nseed: 2\n")
    let twice = #expect(throws: RecipeError.self) {
      try DistillRecipe.load(file: shop.path("twice.yaml"), settings: [], parts: [])
    }
    #expect(twice?.description.contains("seed stands there twice.") == true)
    // Without a teacher a recipe is for the kind whose keys it has.
    try shop.write("dump.yaml", SentenceTask.kind.recipe.yaml())
    let example = repository.appending(path: "Examples/recipes/sentence-encoder.yaml")
    for file in [example.path, shop.path("dump.yaml")] {
      let checked = try shop.run(["recipe", "check", file])
      #expect(checked.output.contains("for sentence encoders"), "\(checked.output)")
    }
  }

  /// A part of a recipe that says what another one says would be read in its place.
  @Test func programsWithUnfitKeysAreEnded() async {
    func said(_ result: ExitTest.Result?) -> String {
      String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    }
    let clash = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      struct Clash: RecipePart {
        struct Student: RecipeSection {
          @Key("My steps.") var steps = 77
        }
        @Key("The student.") var student = Student()
      }
      _ = try DistillRecipe.load(file: nil, settings: [], parts: [Clash()])
    }
    #expect(said(clash).contains("both have the key student.steps"), "\(said(clash))")
    let low = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      struct Low: RecipePart { @Key("A number.", .from(1, to: 3)) var low = 0 }
      _ = try DistillRecipe.load(file: nil, settings: [], parts: [Low()])
    }
    #expect(said(low).contains("the default of Low.low must be from 1 to 3"), "\(said(low))")
    let plain = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      struct Plain: RecipePart { var plain = 3 }
      _ = try DistillRecipe.load(file: nil, settings: [], parts: [Plain()])
    }
    #expect(said(plain).contains("Plain.plain is no key"), "\(said(plain))")
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
    let answers = (10..<70).map { number in
      let tokens = " \(number).".utf8.map { "[\"\(Data([$0]).base64EncodedString())\", -0.5]" }
      return #"{"prompt": "Say \#(number).", "completion": " \#(number).", "logprobs": {"tokens": "#
        + "[\(tokens.joined(separator: ", "))]}}"
    }
    try shop.write("answers.jsonl", answers.joined(separator: "\n"))
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
    #expect(names.count >= 7)
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
