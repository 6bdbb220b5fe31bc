// A kind of model that the tool has never seen goes the whole way: teacher, students, controls, verdict, report.
import Foundation
import Storage
import Testing
import Training

@testable import retort

@Suite struct ExperimentTests {
  private func run(_ shop: Workshop, steps: Int, resume: Bool = false) throws {
    let folder = RunFolder(shop.path("run"))
    let settings =
      resume
      ? []
      : [
        "teacher.steps=400", "student.steps=\(steps)", "seeds=2", "training.batch_size=8",
        "training.log_interval=10", "training.warmup_steps=5", "teacher.learning_rate=0.02",
        "student.learning_rate=0.02",
      ].flatMap { ["--set", $0] }
    let arguments = try RunArguments.parse(
      ["--device", "reference", "--run", shop.path("run")] + (resume ? ["--resume"] : settings))
    let recipe = try arguments.recipe(DistillRecipe.self, in: folder)
    var experiment = Experiment(recipe, ToyTask(in: folder), in: folder)
    try experiment.run(arguments, since: .now)
  }

  @Test func aNewKindOfModelNeedsNoOtherFile() throws {
    let shop = try Workshop()
    try run(shop, steps: 400)
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
    for name in ["purity", "Sparkle", "nats/row", "toys are fine", "Rows per second"] {
      let isThere = report.contains(name)
      #expect(isThere, "\(name)")
    }
    let card = try shop.read("run/student/README.md")
    #expect(card.contains("purity") && card.contains("400 of 8 rows: 3,200 rows"), "\(card)")
    #expect(card.contains("library_name: retort") && !card.contains("## Use"))
  }

  @Test func aRunOfItGoesOn() throws {
    let shop = try Workshop()
    try run(shop, steps: 30)
    let before = try shop.json("run/verdict.json")
    // Everything is trained; the rest is judged again, with the same numbers.
    try FileManager.default.removeItem(atPath: shop.path("run/verdict.json"))
    try run(shop, steps: 30, resume: true)
    let after = try shop.json("run/verdict.json")
    #expect(before["arms"]?["student"]?["purity"] == after["arms"]?["student"]?["purity"])
    #expect(before["equal_compute"] == after["equal_compute"])
  }
}
