// Adapters through the tool: trained, gone on with, read by every command, merged.
import Checks
import Foundation
import Storage
import Testing

@Suite struct AdapterToolTests {
  private func lora(_ shop: Workshop, _ run: String, _ more: [String] = []) throws -> Finished {
    try shop.run(
      [
        "train", "--device", "reference", "--model", try shop.teacher(), "--lora", "2", "--run",
        run, "--set", "model.learning_rate=0.02", "--force",
      ] + shop.tiny(["model"], steps: 20) + more)
  }

  @Test func anAdapterIsTrainedReadAndMerged() throws {
    let shop = try Workshop()
    let run = try lora(shop, "run")
    #expect(run.status == 0, "\(run.errors)")
    let configuration = try shop.json("run/model/adapter_config.json")
    #expect(configuration["peft_type"]?.string == "LORA" && configuration["r"]?.int == 2)
    #expect(!shop.exists("run/model/config.json") && shop.exists("run/model/tokenizer.json"))
    // The checkpoint holds the additions and their moments alone.
    let checkpoint = try Safetensors(
      contentsOf: URL(fileURLWithPath: shop.path("run/checkpoints/model.safetensors")))
    #expect(!checkpoint.entries.isEmpty)
    for entry in checkpoint.entries where entry.shape.rank == 2 {
      #expect(entry.name.contains("lora_"), "\(entry.name)")
    }
    let lineage = try shop.json("run/model/lineage.json")
    #expect(lineage["sources"]?.array?.first?["role"]?.string == "base")
    #expect(try shop.read("run/model/README.md").contains("library_name: peft"))

    let exported = try shop.run(["export", "--model", "run/model", "--output", "merged"])
    #expect(exported.status == 0, "\(exported.errors)")
    func evaluated(_ model: String) throws -> String {
      let found = try shop.run([
        "evaluate", "--device", "reference", "--model", model, "--data", "text", "--json",
      ])
      #expect(found.status == 0, "\(found.errors)")
      return try JSON(parsing: Data(found.output.utf8))["bits_per_byte"]?.line ?? found.output
    }
    let (apart, merged, base) = try (
      evaluated("run/model"), evaluated("merged"), evaluated("teacher/model")
    )
    #expect(apart == merged && apart != base, "\(apart) \(merged) \(base)")
    let texts = try ["run/model", "merged"].map {
      try shop.run([
        "generate", "--device", "reference", "--model", $0, "--prompt", "Saying", "--count", "8",
        "--temperature", "0",
      ]).output
    }
    #expect(texts[0] == texts[1] && !texts[0].isEmpty)
    #expect(try shop.run(["inspect", "run/model"]).status == 0)

    // Additions are to whole models, which is known before the first step.
    let twice = try shop.run([
      "train", "--device", "reference", "--model", "run/model", "--lora", "2", "--run", "twice",
      "--data", "text",
    ])
    #expect(twice.status == 1 && twice.errors.contains("adapter already"), "\(twice.errors)")
    #expect(!shop.exists("twice/recipe.yaml"))
    #expect(try shop.read("merged/README.md").contains("library_name: transformers"))

    // A base that has moved is a sentence.
    try FileManager.default.moveItem(
      atPath: shop.path("teacher/model"), toPath: shop.path("elsewhere"))
    let lost = try shop.run(["evaluate", "--model", "run/model", "--data", "text"])
    #expect(lost.status == 1 && lost.errors.contains("base_model_name_or_path"), "\(lost.errors)")
  }

  /// A student that is trained through an adapter stands beside a control that is, too.
  @Test func aStudentMayHaveAnAdapter() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
    let run = try shop.run(
      [
        "distill", "--device", "reference", "--run", "run", "--teacher", teacher, "--student",
        teacher, "--set", "student.adapter.rank=2", "--set",
        "student.adapter.targets=[q_proj,down_proj]",
        "--set", "distillation.controls=data", "--force",
      ] + shop.tiny(["student"]))
    #expect(run.status == 0, "\(run.errors)")
    for arm in ["student", "control"] {
      #expect(shop.exists("run/\(arm)/adapter_model.safetensors"), "\(arm)")
    }
    #expect(try shop.json("run/verdict.json")["arms"] != nil)
    // What cannot be meant is a sentence.
    for (settings, words) in [
      (["student.adapter.rank=200"], "above the width"),
      (["student.adapter.rank=2", "student.adapter.targets=[nothing]"], "no linear layer"),
      (["student.adapter.rank=2", "student.path="], "student.adapter.rank"),
      (
        [
          "student.adapter.rank=2", "distillation.on_policy.lambda=0.5", "distillation.alpha=0",
        ], "on-policy"
      ),
      (["teacher.adapter.rank=2"], "teacher.adapter"),
    ] {
      let refused = try shop.run(
        [
          "distill", "--device", "reference", "--run", "other", "--teacher", teacher, "--student",
          teacher,
        ] + settings.flatMap { ["--set", $0] } + ["--set", "data.files=[\(shop.path("text"))]"])
      #expect(
        refused.status != 0 && refused.errors.contains(words), "\(settings): \(refused.errors)")
    }
  }

  /// The same bits whatever is computed again; what a process began may be gone on with by one that keeps all.
  @Test func valuesThatAreComputedAgainChangeNothing() throws {
    let shop = try Workshop()
    func train(_ run: String, _ recompute: String, _ more: [String] = []) throws -> Finished {
      try shop.run(
        ["train", "--device", "reference", "--run", run]
          + shop.tiny(["model"], steps: 6) + ["--set", "model.layers=3"]
          + ["--set", "training.recompute=\(recompute)"] + more)
    }
    var models: [Data] = []
    for recompute in ["none", "layers", "2", "auto"] {
      let run = try train(recompute, recompute)
      #expect(run.status == 0, "\(run.errors)")
      #expect(
        run.errors.contains("computed again") == (recompute == "layers" || recompute == "2"),
        "\(run.errors)")
      models.append(
        try Data(
          contentsOf: URL(fileURLWithPath: shop.path("\(recompute)/model/model.safetensors"))))
    }
    #expect(Set(models).count == 1)
    let wrong = try train("wrong", "some")
    #expect(wrong.status == 1 && wrong.errors.contains("training.recompute"), "\(wrong.errors)")
  }

  /// Which ways fit a device, of a training and of a distillation by a model of the same shape; the command that is told works.
  @Test func theWaysThatFitADeviceAreTold() throws {
    let shop = try Workshop()
    let wide = ["width", "mlp_width"].flatMap { ["--set", "model.\($0)=64"] }
    let trained = try shop.run(
      ["train", "--device", "reference", "--run", "wide"] + shop.tiny(["model"], steps: 2) + wide
        + ["--set", "model.heads=2", "--set", "model.key_value_heads=2"])
    #expect(trained.status == 0, "\(trained.errors)")
    let model = shop.path("wide/model")
    func told(_ memory: String, _ more: [String] = []) throws -> JSON {
      let found = try shop.run(
        [
          "inspect", model, "--device-memory", memory, "--sequence-length", "16", "--batch-size",
          "2", "--json",
        ] + more)
      #expect(found.status == 0, "\(found.errors)")
      return try JSON(parsing: Data(found.output.utf8))
    }
    func bytes(_ told: JSON) -> [Int] {
      (told["ways"]?.array ?? []).compactMap { $0["bytes"]?.int }
    }
    let alone = try told("1GiB")
    let sizes = bytes(alone)
    #expect(sizes.count == 5 && sizes[0] >= sizes[1] && sizes[1] >= sizes[2] && sizes[2] > sizes[3])
    let command = "retort train --model \(model) --batch-size 2"
    #expect(alone["command"]?.string?.hasPrefix(command) == true)
    let taught = try told("1GiB", ["--teacher", model])
    // The most and the least of a distillation are more than those alone.
    #expect(bytes(taught).count == 10 && bytes(taught) == bytes(taught).sorted(by: >))
    #expect(bytes(taught)[0] > sizes[0] && bytes(taught)[9] > sizes[4])
    // The command of the way that needs least is one that the tool takes.
    let last = try #require(taught["ways"]?.array?.last?["options"]?.array).compactMap(\.string)
    #expect(last.contains("--set teacher.storage=nf4"))
    let settings = last.flatMap { $0.split(separator: " ").map(String.init) }
    let run = try shop.run(
      [
        "distill", "--device", "reference", "--teacher", model, "--student", model, "--run", "by",
        "--force", "--controls", "data", "--seeds", "1",
      ] + shop.tiny(["student"], steps: 2) + settings)
    #expect(run.status == 0, "\(run.errors)")
    let none = try shop.run(["inspect", model, "--teacher", model])
    #expect(none.status != 0 && none.errors.contains("--teacher needs --device-memory"))
  }
}
