// A run that has ended, or was interrupted, goes on to more steps than it was to have.
import Base
import Checks
import Experiments
import Foundation
import Storage
import Testing

@Suite struct LengtheningTests {
  /// With a rate that never falls, what comes of a longer run says nothing of how it became so.
  private static let steady =
    ["final_rate_share=1", "validation_interval=3"].flatMap { ["--set", "training.\($0)"] }

  private func train(_ shop: Workshop, _ run: String, steps: Int, _ more: [String] = []) throws
    -> Finished
  {
    try shop.run(
      ["train", "--device", "reference", "--run", shop.path(run)]
        + shop.tiny(["model"], steps: steps) + Self.steady + more)
  }

  private func lengthen(
    _ shop: Workshop, _ run: String, _ options: [String], command: String = "train"
  ) throws -> Finished {
    try shop.run(
      [command, "--device", "reference", "--run", shop.path(run), "--resume"] + options)
  }

  private func weights(_ shop: Workshop, _ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: shop.path("\(path)/model.safetensors")))
  }

  @Test func aLongerRunIsTheSameAsOneThatWasLongFromTheBeginning() throws {
    let shop = try Workshop()
    #expect(try train(shop, "whole", steps: 21).status == 0)
    #expect(try train(shop, "run", steps: 6).status == 0)
    let short = try weights(shop, "run/model")
    let longer = try lengthen(shop, "run", ["--steps", "14"])
    #expect(longer.status == 0, "\(longer.errors)")
    #expect(longer.errors.contains("one of 14 steps instead of 6"), "\(longer.errors)")
    // Twice, and with the same command again, which has nothing left to do.
    for _ in 0..<2 {
      let again = try lengthen(shop, "run", ["--steps", "21"])
      #expect(again.status == 0, "\(again.errors)")
    }
    #expect(try weights(shop, "run/model") == weights(shop, "whole/model"))
    #expect(try weights(shop, "run/model") != short)
    // It is now a run of so many steps like any other.
    #expect(try shop.read("run/recipe.yaml") == shop.read("whole/recipe.yaml"))
    #expect(try lengthen(shop, "run", []).status == 0)
    let steps = try shop.metrics("run").steps.compactMap { $0["step"]?.int }
    #expect(steps == Array(stride(from: 2, through: 20, by: 2)) + [21], "\(steps)")
    let about = try shop.json("run/run.json")
    #expect(about["later_commands"]?.array?.count == 2, "\(about)")
    #expect(about["recipe_changes"]?.text.contains("21") == true, "\(about)")
    #expect(try shop.read("run/report.html").contains("made longer by"))
    #expect(try shop.read("run/model/README.md").contains("21"))
  }

  @Test func allArmsOfADistillationBecomeLonger() throws {
    let shop = try Workshop()
    func distill(_ run: String, _ steps: Int) throws -> Finished {
      try shop.run(
        ["distill", "--device", "reference", "--run", shop.path(run)]
          + shop.tiny(["teacher", "student"], steps: 6) + Self.steady
          + ["--set", "student.steps=\(steps)", "--controls", "both"])
    }
    #expect(try distill("whole", 12).status == 0)
    #expect(try distill("run", 5).status == 0)
    let teacher = try weights(shop, "run/teacher")
    let longer = try lengthen(shop, "run", ["--steps", "12"], command: "distill")
    #expect(longer.status == 0, "\(longer.errors)")
    for arm in ["teacher", "student", "control", "control-compute"] {
      #expect(try weights(shop, "run/\(arm)") == weights(shop, "whole/\(arm)"), "\(arm)")
    }
    #expect(try weights(shop, "run/teacher") == teacher)
    let (own, whole) = (try shop.json("run/verdict.json"), try shop.json("whole/verdict.json"))
    for question in ["equal_data", "equal_compute"] { #expect(own[question] == whole[question]) }
    func flops(_ run: String) throws -> [String] {
      try shop.read("\(run)/arms.jsonl").split(separator: "\n").compactMap {
        let arm = try JSON(parsing: Data($0.utf8))
        return "\(arm["arm"]?.string ?? "") \(arm["steps"]?.int ?? 0) \(arm["flops"]?.double ?? 0)"
      }.sorted()
    }
    #expect(try flops("run") == flops("whole"))
  }

  /// The rate follows the schedule of the longer run from the step where the shorter one ended.
  @Test func theRateFollowsTheLongerSchedule() throws {
    let shop = try Workshop()
    func settings(_ steps: Int) -> [String] {
      ["train", "--device", "reference"] + shop.tiny(["model"], steps: steps)
        + ["--set", "training.log_interval=1"]
    }
    #expect(try shop.run(settings(20) + ["--run", shop.path("whole")]).status == 0)
    #expect(try shop.run(settings(10) + ["--run", shop.path("run")]).status == 0)
    #expect(try lengthen(shop, "run", ["--steps", "20"]).status == 0)
    func rates(_ run: String) throws -> [Double] {
      try shop.metrics(run).steps.compactMap { $0["learning_rate"]?.double }
    }
    let (whole, run) = (try rates("whole"), try rates("run"))
    #expect(whole.count == 20 && run.count == 20)
    #expect(run.suffix(10) == whole.suffix(10) && run[9] < 0.2 * run[10], "\(run)")
  }

  @Test func itIsRefusedInASentence() throws {
    let shop = try Workshop()
    #expect(try train(shop, "run", steps: 6).status == 0)
    let before = try weights(shop, "run/model")
    let fewer = try lengthen(shop, "run", ["--steps", "5"])
    #expect(
      fewer.status == 1 && fewer.errors.contains("has 6 steps and can only become longer"),
      "\(fewer.errors)")
    for options in [
      ["--epochs", "3"], ["--batch-size", "4"], ["--learning-rate", "0.1"], ["--lora", "2"],
      ["--steps", "9", "--seed", "3"],
    ] {
      let refused = try lengthen(shop, "run", options)
      #expect(refused.status == 64 && refused.errors.contains("--resume"), "\(refused.errors)")
    }
    // What it goes on from is gone.
    let checkpoint = shop.path("run/checkpoints/model.safetensors")
    try FileManager.default.moveItem(atPath: checkpoint, toPath: shop.path("c"))
    let missing = try lengthen(shop, "run", ["--steps", "9"])
    #expect(
      missing.status == 1 && missing.errors.contains("is not here any more"), "\(missing.errors)")
    try FileManager.default.moveItem(atPath: shop.path("c"), toPath: checkpoint)
    // Nothing has changed by asking.
    #expect(try shop.read("run/recipe.yaml").contains("steps: 6"))
    // The model of fewer steps stays until there is another, and what is not the run's stays altogether.
    try shop.write("run/model/notes.txt")
    let foreign = try lengthen(shop, "run", ["--steps", "9"])
    #expect(foreign.status == 1 && foreign.errors.contains("model/notes.txt"), "\(foreign.errors)")
    #expect(try weights(shop, "run/model") == before && shop.exists("run/model/notes.txt"))
    try FileManager.default.removeItem(atPath: shop.path("run/model/notes.txt"))
    let done = try lengthen(shop, "run", ["--steps", "9"])
    #expect(done.status == 0, "\(done.errors)")
    #expect(try weights(shop, "run/model") != before)
  }

  /// A process that ends while it notes that the run is longer leaves one that goes on.
  @Test func endingInBetweenLosesNothing() throws {
    let shop = try Workshop()
    #expect(try train(shop, "run", steps: 6).status == 0)
    let recipe = try shop.read("run/recipe.yaml")
    #expect(try lengthen(shop, "run", ["--steps", "9"]).status == 0)
    let longer = try weights(shop, "run/model")
    try recipe.write(toFile: shop.path("run/recipe.yaml"), atomically: true, encoding: .utf8)
    #expect(try lengthen(shop, "run", []).status == 0)
    #expect(try lengthen(shop, "run", ["--steps", "9"]).status == 0)
    #expect(try weights(shop, "run/model") == longer)
    // Another recipe is refused as ever.
    try recipe.replacing("steps: 6", with: "steps: 7")
      .write(toFile: shop.path("run/recipe.yaml"), atomically: true, encoding: .utf8)
    let other = try lengthen(shop, "run", [])
    #expect(
      other.status == 1 && other.errors.contains("recipe.yaml has changed"), "\(other.errors)")
  }
}
