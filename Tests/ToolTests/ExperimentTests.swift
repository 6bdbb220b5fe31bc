import Base
// A kind of model that the tool has never seen goes the whole way: teacher, students, controls, verdict, report.
import Checks
import Experiments
import Foundation
import Storage
import Tensors
import Testing
import Training

@Suite struct ExperimentTests {
  /// Everything that an experiment told.
  private final class Log {
    var events: [RunEvent] = []
    /// After so many lines of numbers the run is asked to stop.
    var stopsAfter = Int.max
    var lineCount = 0

    /// After so many lines it throws.
    var throwsAfter = Int.max

    func add(_ event: RunEvent) throws {
      events.append(event)
      if lineCount >= throwsAfter { throw CancellationError() }
      if case .step = event { lineCount += 1 }
    }
  }

  /// As a program of one's own would: a recipe, a task, a device, and who listens.
  @discardableResult private func run(
    _ shop: Workshop, steps: Int, resamples: Bool = false, width: Int = 6, builtWidth: Int? = nil,
    overwrite: Bool = false, _ log: Log = Log()
  ) throws -> Outcome {
    let folder = RunFolder(shop.path("run"))
    let recipe = try DistillRecipe(
      for: ToyTask.self, "student.width=\(width)", "teacher.steps=400", "student.steps=\(steps)",
      "seeds=2", "training.batch_size=8",
      "training.log_interval=10", "training.warmup_steps=5", "teacher.learning_rate=0.02",
      "student.learning_rate=0.02")
    var experiment = Experiment(
      recipe, ToyTask(recipe, in: folder, resamples: resamples, width: builtWidth), in: folder)
    return try experiment.run(
      on: ReferenceDevice(), overwrite: overwrite, onEvent: { try log.add($0) },
      shouldStop: { log.lineCount >= log.stopsAfter })
  }

  @Test func aNewKindOfModelNeedsNoOtherFile() throws {
    let (shop, start) = (try Workshop(), ContinuousClock.now)
    try run(shop, steps: 400)
    let wall = (ContinuousClock.now - start) / .seconds(1)
    // What trainings took is part of what everything took, however often validation rows were measured.
    let costs = try shop.read("run/arms.jsonl").split(separator: "\n").compactMap {
      try JSON(parsing: Data($0.utf8))["seconds"]?.double
    }
    #expect(costs.count == 7 && costs.reduce(0, +) < wall, "\(costs) in \(wall)")
    #expect(costs.reduce(0, +) > wall / 20, "\(costs) in \(wall)")
    let verdict = try shop.json("run/verdict.json")
    // Two questions over two seeds, each a paired difference of the task's own losses.
    for question in ["equal_data", "equal_compute"] {
      #expect(verdict[question]?["unit"]?.string == "nats/row")
      #expect(verdict[question]?["paired_points"]?.int == 200)
      #expect(verdict[question]?["seeds"]?.int == 2)
    }
    func purity(_ arm: String) throws -> Double {
      try #require(verdict["arms"]?[arm]?["purity"]?.double)
    }
    // The teacher has read fifty times as much, and knows the classes.
    #expect(try purity("teacher") > 0.8 && purity("student") > 0.4)
    #expect(verdict["quality"]?.string == "purity")
    // Losses are paired rows: their mean difference is that of the means.
    func nats(_ arm: String) throws -> Double {
      try #require(verdict["arms"]?[arm]?["nats_per_row"]?.double)
    }
    let difference = try #require(verdict["equal_data"]?["difference"]?.double)
    #expect(try abs(difference - (nats("control") - nats("student"))) < 1e-9)

    // A name that no other file knows reaches logs, TensorBoard, the report and the cards.
    let (records, validation) = try shop.metrics("run")
    let control = try #require(records.last { $0["arm"]?.string == "control" })
    let (ce, sparkle) = (control["ce"]?.double ?? 0, control["sparkle"]?.double ?? 0)
    #expect(sparkle > 0 && abs(sparkle - 2 * ce) < 1e-6)
    #expect(control["rows"]?.int == 3200 && control["rows_per_second"]?.double ?? 0 > 0)
    #expect(!validation.isEmpty)
    let folder = shop.path("run/tensorboard/control")
    let events = try #require(FileManager.default.contentsOfDirectory(atPath: folder).first)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(events)"))
    #expect(bytes.range(of: Data("sparkle".utf8)) != nil)
    #expect(bytes.range(of: Data("rows_per_second".utf8)) != nil)
    let report = try shop.read("run/report.html")
    for name in [
      "purity", "Sparkle", "nats/row", "toys are fine", "Rows per second",
      "higher is better: purity",
    ] {
      let isThere = report.contains(name)
      #expect(isThere, "\(name)")
    }
    let card = try shop.read("run/student/README.md")
    #expect(card.contains("purity") && card.contains("400 of 8 rows: 3,200 rows"), "\(card)")
    #expect(card.contains("library_name: retort") && !card.contains("## Use"))
  }

  @Test func aMeasureThatIsNoMeanIsResampled() throws {
    let shop = try Workshop()
    try run(shop, steps: 60, resamples: true)
    let verdict = try shop.json("run/verdict.json")
    let answer = try #require(verdict["equal_data"])
    #expect(answer["resamples"]?.int == 1000 && answer["paired_points"]?.int == 200)
    let seeds = try #require(answer["seed_differences"]?.array).compactMap(\.double)
    let difference = try #require(answer["difference"]?.double)
    #expect(seeds.count == 2 && abs(difference - (seeds[0] + seeds[1]) / 2) < 1e-12)
    let interval = try #require(answer["interval_95"]?.array).compactMap(\.double)
    #expect(interval[1] - interval[0] > 0.05)
    #expect(interval[0] < difference && difference < interval[1])
    #expect(try shop.read("run/report.html").contains("(1,000 resamples), 2 seeds."))
  }

  @Test func aRunOfItGoesOn() throws {
    let shop = try Workshop()
    try run(shop, steps: 30)
    let before = try shop.json("run/verdict.json")
    // Everything is trained; the rest is judged again, with the same numbers.
    try FileManager.default.removeItem(atPath: shop.path("run/verdict.json"))
    try run(shop, steps: 30)
    let after = try shop.json("run/verdict.json")
    #expect(before["arms"]?["student"]?["purity"] == after["arms"]?["student"]?["purity"])
    #expect(before["equal_compute"] == after["equal_compute"])
  }

  /// A program that asks for more steps of the student makes its run longer, and no other change does.
  @Test func aRunOfItBecomesLonger() throws {
    let shop = try Workshop()
    try run(shop, steps: 30)
    let teacher = try shop.read("run/teacher/config.json")
    // A process that ended between two files of the first try, and one that did not.
    let recipe = try shop.read("run/recipe.yaml")
    let about = try shop.read("run/run.json")
    try run(shop, steps: 60)
    try recipe.write(toFile: shop.path("run/recipe.yaml"), atomically: true, encoding: .utf8)
    for _ in 0..<2 {
      try about.write(toFile: shop.path("run/run.json"), atomically: true, encoding: .utf8)
      try run(shop, steps: 60)
    }
    try run(shop, steps: 60)
    let steps = try shop.metrics("run").steps
    for (arm, count) in [("teacher", 400), ("student", 60), ("control-2", 60)] {
      #expect(steps.last { $0["arm"]?.string == arm }?["step"]?.int == count, "\(arm)")
    }
    #expect(try shop.read("run/teacher/config.json") == teacher)
    let fewer = #expect(throws: UserError.self) { try run(shop, steps: 45) }
    #expect(fewer != nil)
  }

  @Test func itTellsEverythingThatHappens() throws {
    let (shop, log) = (try Workshop(), Log())
    try run(shop, steps: 30, log)
    var (trained, judged, outlooks): ([String], [String], [Outlook]) = ([], [], [])
    for case .progress(let activity, let outlook) in log.events {
      let isDone = activity.progress.map { $0.done == $0.total } ?? false
      if activity.kind == .training, isDone, trained.last != activity.subject {
        trained.append(activity.subject)
        outlooks += outlook.map { [$0] } ?? []
      }
      if activity.kind == .loading, activity.progress == nil { judged.append(activity.subject) }
    }
    let arms = [
      "teacher", "student", "control", "control-compute", "student-2", "control-2",
      "control-compute-2",
    ]
    #expect(trained == arms)
    #expect(Set(judged).isSuperset(of: arms))
    // Every training knows its place, and from the second on the time that all others take.
    #expect(outlooks.map(\.done) == Array(0..<7) && outlooks.allSatisfy { $0.total == 7 })
    let left = outlooks.dropFirst().map { $0.secondsLeft ?? -1 }
    #expect(left.allSatisfy { $0 > 0 }, "\(left)")
    let begins = log.events.firstIndex { if case .begun = $0 { true } else { false } }
    let firstStep = log.events.firstIndex { if case .step = $0 { true } else { false } }
    #expect(try #require(begins) < #require(firstStep))
    guard case .ended(let outcome, let about)? = log.events.last else {
      Issue.record("the last event is no end")
      return
    }
    #expect(
      outcome.answers?.verdict(.compute)?.seedDifferences.count == 2
        && about?.findings.isEmpty == false)
    #expect(outcome.json(of: about).json + "\n" == (try shop.read("run/verdict.json")))
  }

  /// What a program changes between two runs in one folder is refused, and named.
  @Test func itGoesOnOnlyAsItBegan() throws {
    let shop = try Workshop()
    try run(shop, steps: 30)
    let recipe = #expect(throws: UserError.self) { try run(shop, steps: 29) }
    #expect(
      recipe?.description.contains("run began: student.steps is 29 and was 30.") == true,
      "\(String(describing: recipe))")
    let task = #expect(throws: UserError.self) { try run(shop, steps: 30, width: 7) }
    #expect(
      task?.description.contains("began: student.width is 7 and was 6.") == true,
      "\(String(describing: task))")
    // A task whose own code has changed.
    let code = #expect(throws: UserError.self) { try run(shop, steps: 30, builtWidth: 7) }
    #expect(
      code?.description.contains("training of the student and the training of the control have")
        == true,
      "\(String(describing: code))")
    // Nothing was lost by asking.
    let again = try run(shop, steps: 30)
    #expect(again.equalData != nil && again["student", "purity"] ?? 0 > 0.2)
    let anew = try run(shop, steps: 31, width: 7, overwrite: true)
    #expect(try shop.json("run/verdict.json")["arms"]?["student"]?["parameters"]?.int == 7 * 7 + 4)
    #expect(anew.equalCompute != nil)
  }

  /// A task's own keys are keys like all others: described, bounded, written out, and the only ones beside those of every run.
  @Test func aTaskHasKeysOfItsOwn() throws {
    let recipe = try DistillRecipe(for: ToyTask.self, "student={width: 7, shape: square}")
    #expect(recipe.part(ToyRecipe.self).student.width == 7)
    #expect(recipe.student.steps == 250 && recipe.student.learningRate == 4e-3)
    let yaml = try recipe.yaml()
    #expect(yaml.contains("student:\n  width: 7\n  shape: square\n  steps: 250\n"), "\(yaml)")
    func message(_ setting: String) -> String {
      let error = #expect(throws: RecipeError.self) {
        try DistillRecipe(for: ToyTask.self, setting)
      }
      return error?.description ?? ""
    }
    #expect(message("student.width=65") == "Recipe: student.width must be from 1 to 64.")
    #expect(message("student.shape=sqare").contains("one of round, square, not 'sqare'."))
    #expect(message("student.shape=sqare").contains("Did you mean square?"))
    // Keys of language models are none of these.
    #expect(
      message("student.layers=2").contains(
        "Known here: width, shape, steps, epochs, learning_rate."))
    #expect(message("data.files=[a]").contains("there is no key data"))
    let plain = #expect(throws: RecipeError.self) { try DistillRecipe("student.width=7") }
    #expect(plain?.description.contains("there is no key student.width") == true)
  }

  /// What a listener throws ends the run, and the same process goes on with it.
  @Test func itOutlivesAListenerThatThrows() throws {
    let (shop, log) = (try Workshop(), Log())
    log.throwsAfter = 9
    #expect(throws: CancellationError.self) { try run(shop, steps: 30, log) }
    try run(shop, steps: 30)
    let record = try shop.read("run/run.json")
    #expect(!record.contains("fortunes") && record.contains("\"files\":[]"), "\(record)")
  }

  @Test func itStopsWhereItIsAsked() throws {
    let (whole, shop, log) = (try Workshop(), try Workshop(), Log())
    try run(whole, steps: 30)
    // In the teacher, then in a control.
    for lines in [7, 45] {
      log.stopsAfter = lines
      let error = #expect(throws: RunInterrupted.self) {
        try run(shop, steps: 30, log)
      }
      guard case .training(let arm, let step, _)? = error?.stage else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(arm == (lines == 7 ? "teacher" : "control") && step > 0, "\(arm), \(step)")
    }
    try run(shop, steps: 30)
    for arm in ["teacher", "control-compute-2"] {
      let path = "run/\(arm)/model.safetensors"
      let weights = try Data(contentsOf: URL(fileURLWithPath: shop.path(path)))
      #expect(try weights == Data(contentsOf: URL(fileURLWithPath: whole.path(path))), "\(arm)")
    }
  }
}
