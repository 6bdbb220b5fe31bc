// Runs that are to end within a time, and how long is left.
import Checks
import Foundation
import Storage
import Testing
import Text

@testable import Command
@testable import Experiments

@Suite struct BudgetTests {
  @Test func timesAreRead() {
    let known = [("90s", 90.0), ("3m", 180), ("1h", 3600), ("1h30m", 5400), ("2m05s", 125)]
    for (text, seconds) in known { #expect(TimeSpan(text)?.seconds == seconds) }
    for text in [
      "", "3", "m", "0s", "-3m", "3 m", "1.5h", "5m1h", "999999999999999999999s", "99999999h",
    ] {
      #expect(TimeSpan(text) == nil, "\(text)")
    }
  }

  @Test func stepsAreCutToFit() {
    let time = StepTime(preparing: 10, secondsPerStep: 0.1)
    let run = RunTime(
      parts: (0..<3).map { _ in .init(time: time, stepCount: 1000) }, judging: 20,
      rowsPerStep: 16)
    #expect(run.share(fitting: 1e9) == 1 && run.share(fitting: 1) == 0)
    for seconds in [60.0, 120, 300] {
      let steps = RunTime.scaled(1000, run.share(fitting: seconds))
      let cut = RunTime(
        parts: (0..<3).map { _ in .init(time: time, stepCount: steps) }, judging: 20,
        rowsPerStep: 16)
      #expect(cut.seconds <= seconds && cut.seconds > seconds - 0.5, "\(seconds)")
    }
  }

  @Test func theClockKnowsWhatIsLeft() throws {
    let clock = RunClock([
      RunClock.training("teacher", like: "teacher", flops: 100),
      RunClock.training("student", like: "student", flops: 20),
      RunClock.training("student-2", like: "student", flops: 20),
      RunClock.judging("student", flops: 10),
    ])
    #expect(clock.secondsLeft(beside: "teacher") == nil)
    clock.finish("teacher", seconds: 50)
    // Everything is as fast as the teacher was, until something else is known.
    let first = try #require(clock.secondsLeft(beside: "student"))
    #expect(abs(first - (0.5 + 10 + 5)) < 1e-9)
    clock.finish("student", seconds: 30)
    let left = try #require(clock.secondsLeft(beside: "nothing"))
    #expect(clock.outlook(beside: "student-2").done == 2)
    #expect(clock.outlook(beside: "student-2").total == 3)
    #expect(abs(left - (0.5 + 30 + 10 * 80.0 / 120)) < 1e-9)
  }

  /// Where nobody chose sizes, a slow machine takes smaller models before it gives up seeds and most of the steps.
  @Test func aShortBudgetTakesSmallerModels() throws {
    let shop = try Workshop()
    func doctor(_ more: [String]) throws -> String {
      try shop.run(
        ["doctor", "--device", "reference", "--data", shop.path("text"), "--budget", "4s"]
          + [
            "data.sequence_length=8", "training.batch_size=1", "data.judged_tokens=64",
            "teacher.steps=4000000", "student.steps=4000000",
          ].flatMap { ["--set", $0] } + more
      ).output
    }
    let smaller = try doctor([])
    #expect(
      smaller.contains("the teacher has 115,584 parameters instead of 626,688, the student 33,088"),
      "\(smaller)")
    for chosen in ["student.layers=1", "teacher.width=64"] {
      let kept = try doctor(["--set", chosen])
      #expect(!kept.contains("usual sizes") && kept.contains("within 4s there is time"), "\(kept)")
    }
    let sizes = try DistillRecipe.load(file: nil, settings: [], kinds: [LanguageTask.kind]).recipe
    let offered = LanguageTask.smaller(sizes)
    #expect(offered.count == 2)
    for recipe in offered { try recipe.language.validate() }
  }

  @Test func aBudgetBecomesARecipe() throws {
    let shop = try Workshop()
    let start = ContinuousClock.now
    let run = try shop.run(
      ["distill", "--device", "reference", "--run", "run", "--budget", "10s"]
        + shop.tiny(["teacher", "student"], steps: 100_000)
        + ["--set", "training.checkpoint_interval=100000", "--set", "training.log_interval=1000"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("within 10s there is time for"), "\(run.errors)")
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    // All steps would take minutes. Other work may begin on the machine once the steps are measured.
    #expect(seconds < 40, "\(seconds) seconds")
    // What was chosen stands in the recipe, which needs no budget any more.
    let recipe = try DistillRecipe.load(file: shop.path("run/recipe.yaml")).recipe
    #expect(recipe.training.budget.isEmpty && (50..<100_000).contains(recipe.teacher.steps))
    let records = try shop.metrics("run").steps
    #expect(records.last { $0["arm"]?.string == "student" }?["step"]?.int == recipe.student.steps)
    let little = try shop.run(
      [
        "doctor", "--device", "reference", "--budget", "1s", "--epochs", "3", "--set",
        "data.judged_tokens=0",
      ]
        + shop.tiny(["teacher", "student"], steps: 100_000))
    #expect(little.output.contains("within 1s there is time for"), "\(little.output)")
    // Passes over the text would decide the steps anew.
    let passes = try shop.run(
      ["train", "--device", "reference", "--run", "passes", "--budget", "5s", "--epochs", "1000"]
        + shop.tiny(["model"]) + ["--set", "training.checkpoint_interval=100000"])
    #expect(passes.status == 0, "\(passes.errors)")
    let cut = try TrainRecipe.load(file: shop.path("passes/recipe.yaml")).recipe
    #expect(cut.model.epochs == 0 && cut.model.steps > 4)
    // A machine that has time enough changes nothing.
    let enough = try shop.run(
      ["doctor", "--device", "reference", "--budget", "1h"] + shop.tiny(["teacher", "student"]))
    #expect(enough.output.contains("there is time for 100 % of the steps: 4 steps of the teacher"))
    // Models whose sizes somebody chose keep them.
    for run in [run.errors, little.output, enough.output] { #expect(!run.contains("usual sizes")) }
    let wrong = try shop.run(["train", "--budget", "soon", "--run", "other"])
    #expect(wrong.errors.contains("training.budget must be a time such as 90s, 3m or 1h30m"))
  }
}
