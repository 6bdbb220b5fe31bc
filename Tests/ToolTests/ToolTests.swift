// The tool as a person runs it: help, devices, training, and what goes wrong.
import Base
import Checks
import Experiments
import Foundation
import Storage
import Testing

@Suite struct ToolTests {
  @Test func everyCommandExplainsItself() throws {
    let shop = try Workshop()
    for command in [
      "devices", "selftest", "tune", "train", "distill", "generate", "evaluate", "embed", "logits",
      "inspect", "export", "tokenizer", "cache", "doctor",
    ] {
      let help = try shop.run([command, "--help"])
      #expect(help.status == 0 && help.output.contains("OVERVIEW"), "\(command)")
    }
    #expect(try shop.run(["devices"]).output.contains("reference"))
  }

  @Test func theDeviceOfADefaultRunPassesTheSelfTest() throws {
    let result = try Workshop().run(["selftest"])
    #expect(result.status == 0, "\(result.output) \(result.errors)")
    #expect(result.output.contains(" passed, 0 failed"))
  }

  @Test func aRunCanStoreValuesIn16Bits() throws {
    let shop = try Workshop()
    func run(_ command: String, _ precision: String, _ folder: String) throws -> Finished {
      try shop.run(
        [command, "--run", shop.path(folder), "--set", "training.precision=\(precision)"]
          + shop.tiny(command == "train" ? ["model"] : ["teacher", "student"]))
    }
    for (command, precision) in [("distill", "bf16"), ("train", "fp16")] {
      let result = try run(command, precision, precision)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try shop.read("\(precision)/recipe.yaml").contains("precision: \(precision)"))
    }
    let wrong = try run("distill", "fp8", "wrong")
    #expect(wrong.status == 1 && wrong.errors.contains("training.precision"), "\(wrong.errors)")
  }

  @Test(arguments: ["auto", "reference"]) func theMainJobLeavesARunFolder(device: String) throws {
    let shop = try Workshop()
    let run = ["distill", "--device", device, "--run", shop.path("run")]
    let result = try shop.run(run + shop.tiny(["teacher", "student"]))
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("BEAT") || result.output.contains("INCONCLUSIVE"))
    for arm in ["teacher", "student", "control", "control-compute"] {
      for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        #expect(shop.exists("run/\(arm)/\(file)"), "\(arm)/\(file)")
      }
      #expect(shop.exists("run/checkpoints/\(arm).safetensors"))
      #expect(result.errors.contains("\(arm): "))
    }
    let verdict = try shop.json("run/verdict.json")
    for question in ["equal_data", "equal_compute"] {
      #expect(verdict[question]?["interval_95"]?.array?.count == 2, "\(question)")
      #expect(result.output.contains("At \(question.replacing("_", with: " ")) "))
    }
    let (records, validation) = try shop.metrics("run")
    #expect(records.count(where: { $0["arm"]?.string != "control-compute" }) == 6)
    #expect(validation.count(where: { $0["arm"]?.string == "student" }) == 4)
    let facts = [
      "learning_rate", "gradient_norm", "tokens", "tokens_per_second", "flops", "seconds",
      "crc32c",
    ]
    for (arm, terms) in [
      ("control", ["loss", "ce"]), ("student", ["loss", "ce", "divergence", "kl"]),
    ] {
      let own = try #require(records.first { $0["arm"]?.string == arm })
      #expect(own.object?.members.map(\.key) == ["arm", "step"] + terms + facts, "\(own)")
    }
    #expect(
      validation.allSatisfy {
        $0.object?.members.map(\.key) == [
          "arm", "step", "validation", "flops", "seconds", "crc32c",
        ]
      })
    #expect(try shop.read("run/recipe.yaml").contains("sequence_length: 8"))

    // What was made can be used.
    let model = ["--model", shop.path("run/student"), "--device", device]
    let text = try shop.run(["generate", "--prompt", "Say", "--count", "5"] + model)
    #expect(text.status == 0 && text.output.hasPrefix("Say"), "\(text.errors)")
    let again = try shop.run(["generate", "--prompt", "Say", "--count", "5"] + model)
    #expect(text.output == again.output)
    let scores = try shop.run(
      ["evaluate", "--data", shop.path("text"), "--teacher", shop.path("run/teacher")] + model)
    #expect(scores.status == 0 && scores.output.contains("KL to teacher"), "\(scores.errors)")

    // The folder is not taken twice.
    let second = try shop.run(run + shop.tiny(["teacher", "student"]))
    #expect(second.status == 1 && second.errors.contains("--resume"))
    #expect(try shop.run(run + ["--resume"]).status == 0)
    let nothing = try shop.run(["distill", "--run", shop.path("none"), "--resume"])
    #expect(nothing.status == 1 && nothing.errors.contains("holds no run to resume"))
    // The finished teacher serves another run.
    let third = try shop.run(
      [
        "distill", "--device", device, "--run", shop.path("other"), "--set",
        "teacher.path=\(shop.path("run/teacher"))", "--set", "distillation.objective=jsd",
        "--force",
      ]
        + shop.tiny(["student"]))
    #expect(third.status == 0 && !shop.exists("other/teacher"), "\(third.errors)")
  }

  @Test func aRecipeFileIsOverlaidOnTheDefaults() throws {
    let shop = try Workshop()
    try """
    seed: 9
    model: {layers: 1, width: 8, heads: 2, key_value_heads: 2, mlp_width: 8, steps: 2}
    data: {files: ["\(shop.path("text"))"], sequence_length: 8}
    training: {batch_size: 2, micro_batches: 2}
    """.write(toFile: shop.path("recipe.yaml"), atomically: true, encoding: .utf8)
    let result = try shop.run(
      [
        "train", shop.path("recipe.yaml"), "--run", shop.path("run"), "--set", "model.steps=3",
        "--profile", "--trace", shop.path("trace.json"),
      ])
    #expect(result.status == 0, "\(result.errors)")
    let resolved = try shop.read("run/recipe.yaml")
    #expect(resolved.contains("seed: 9") && resolved.contains("steps: 3"))
    #expect(result.output.contains("GFLOP/s") && result.output.contains("nats/token"))
    #expect(
      try JSONSerialization.jsonObject(with: Data(shop.read("trace.json").utf8)) is [String: Any])
  }

  /// Arguments that fail, a part of the message, and whether the recipe's defaults are tiny.
  static let mistakes: [(arguments: [String], message: String)] = [
    (["--device", "7:7"], "There is no device 7:7"),
    (["--set", "student.layrs=4"], "Did you mean student.layers?"),
    (["--set", "student.layers=0"], "student.layers must be from 1 to 200"),
    (["--set", "student.layers=many"], "student.layers must be a whole number"),
    (["--set", "data.files=5"], "data.files must be a list"),
    (["--set", "data.packing=perhaps"], "data.packing must be true or false"),
    (["--objective", "revers_kl"], "not 'revers_kl'. Did you mean reverse_kl?"),
    (
      ["--set", "training.precision=fp8"],
      "training.precision is one of fp32, bf16, fp16, not 'fp8'"
    ),
    (["--set", "training.patience=2"], "training.patience must be 0 in a distillation"),
    (
      ["--set", "teacher.text_share=0.5"],
      "teacher.text_share cannot be set: language models have no such key."
    ),
    (["--set", "distillation.hidden.layers=[[a, b]]"], "layers[0][0] must be a whole number"),
    (["--steps", "5", "--epochs", "1"], "--steps and --epochs exclude each other"),
    (["--set", "data.validation=0.95"], "data.validation must be at least 0"),
    (["--set", "distillation.beta=2"], "between 0 and 1"),
    (["--set", "data.files=[/no/such/file]"], "Cannot read /no/such/file"),
    (["--set", "data.sequence_length=60000"], "smaller than one sequence"),
    (
      ["--set", "teacher.path=/no/such/model"],
      "There is no folder /no/such/model. Models are read from folders"
    ),
    (["/no/such/recipe.yaml"], "Cannot read /no/such/recipe.yaml"),
    (["--resume"], "takes no recipe, --set, --data, --seed, --budget or --force"),
  ]

  @Test(arguments: 0..<mistakes.count) func mistakesGetOneClearSentence(index: Int) throws {
    let shop = try Workshop()
    let (arguments, message) = Self.mistakes[index]
    let result = try shop.run(
      ["distill", "--device", "reference", "--run", shop.path("run")]
        + shop.tiny(["teacher", "student"]) + arguments)
    #expect(result.status != 0)
    #expect(result.errors.contains(message), "\(result.errors)")
    #expect(!shop.exists("run"), "a mistake leaves nothing behind")
  }

  @Test func aDamagedModelIsRefused() throws {
    let shop = try Workshop()
    let trained = try shop.run(
      ["train", "--device", "reference", "--run", shop.path("run")] + shop.tiny(["model"]))
    #expect(trained.status == 0, "\(trained.errors)")
    let weights = shop.path("run/model/model.safetensors")
    let whole = try Data(contentsOf: URL(fileURLWithPath: weights))
    for (damaged, message) in [
      (whole.prefix(whole.count - 100), "does not lie inside the file"),
      (whole.prefix(5), "it has 5 bytes"), (Data(repeating: 0xFF, count: 64), "its header claims"),
    ] {
      try damaged.write(to: URL(fileURLWithPath: weights))
      let result = try shop.run(
        ["generate", "--device", "reference", "--model", shop.path("run/model")])
      #expect(result.status == 1 && result.errors.contains(message), "\(result.errors)")
    }
  }

  @Test func aPlanThatDoesNotFitSaysSo() throws {
    let shop = try Workshop()
    let settings =
      shop.tiny(["model"]) + ["--device", "reference", "--set", "training.batch_size=512"]
    func train(_ options: [String]) throws -> Finished {
      try shop.run(
        ["train", "--run", shop.path("run")] + options + settings, ["RETORT_MEMORY_LIMIT": "1"])
    }
    let refused = try train([])
    #expect(
      refused.status == 1 && refused.errors.contains("but the device has 1 MiB: use smaller"),
      "\(refused.errors)")
    #expect(!shop.exists("run"), "a run that is refused leaves nothing behind")
    let forced = try train(["--force"])
    #expect(forced.status == 1 && forced.errors.contains("too much (weights"), "\(forced.errors)")
  }

  @Test func aFullDiskLeavesNoHalfFile() throws {
    // /dev/full answers every write as a full disk does.
    let shop = try Workshop()
    #expect(throws: UserError.self) {
      try WholeFile.write("x", to: URL(fileURLWithPath: "/no/such/folder/file"))
    }
    let file = URL(fileURLWithPath: shop.path("file"))
    try WholeFile.write("before", to: file)
    #expect(throws: UserError.self) {
      try WholeFile.write(to: file) { _ in
        let full = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
        try full.write(contentsOf: Data(repeating: 1, count: 1 << 16))
      }
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == "before")
    let left = try FileManager.default.contentsOfDirectory(atPath: shop.folder.path)
    #expect(!left.contains { $0.hasPrefix(".file") })
  }

  @Test func anInterruptSavesAndTheRunGoesOn() throws {
    let shop = try Workshop()
    let settings = shop.tiny(["model"], steps: 800)
    let arguments = ["train", "--device", "reference", "--run", shop.path("run")]
    let (process, _, errors) = try start(arguments + settings, [:], shop.folder)
    let deadline = Date().addingTimeInterval(60)
    while !shop.exists("run/checkpoints/model.safetensors"), Date() < deadline {
      Thread.sleep(forTimeInterval: 0.05)
    }
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    let message = try String(contentsOf: errors, encoding: .utf8)
    #expect(message.contains("Interrupted:") && message.contains("--resume"), "\(message)")
    let saved = try Safetensors(
      contentsOf: URL(fileURLWithPath: shop.path("run/checkpoints/model.safetensors")))
    let step = Int(saved.metadata["step"] ?? "") ?? 0
    #expect(step > 0 && step < 800)
    #expect(!shop.exists("run/model"))

    // The command that the message names goes on, and no step is logged twice or lost.
    let resumed = try shop.run(
      ["train", "--run", shop.path("run"), "--resume", "--device", "reference"])
    #expect(resumed.status == 0 && shop.exists("run/model/config.json"), "\(resumed.errors)")
    let (steps, validation) = try shop.metrics("run")
    #expect(steps.map { $0["step"]?.int } == (1...400).map { 2 * $0 })
    #expect(validation.map { $0["step"]?.int } == (1...20).map { 40 * $0 })
  }

  @Test func anInterruptWhileJudgingLosesNothing() throws {
    let shop = try Workshop()
    let lines = (0..<2000).map { "Saying number \($0): the cat sat on mat \($0 % 7)." }
    try shop.write("long", lines.joined(separator: "\n%\n"))
    let train = ["train", "--device", "reference", "--run", shop.path("run")]
    let (process, _, errors) = try start(
      train + shop.tiny(["model"])
        + ["--set", "data.files=[\(shop.path("long"))]", "--set", "data.held_out=0.5"],
      [:], shop.folder)
    let deadline = Date().addingTimeInterval(60)
    func messages() throws -> String { try String(contentsOf: errors, encoding: .utf8) }
    while try !messages().contains("judging the model 1/"), Date() < deadline {
      Thread.sleep(forTimeInterval: 0.01)
    }
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    let said = try messages()
    #expect(said.contains("Interrupted while judging (model)"), "\(said)")
    let steps = try shop.read("run/metrics.jsonl")
    let resumed = try shop.run(train + ["--resume"])
    #expect(resumed.status == 0 && resumed.output.contains("held out:"), "\(resumed.errors)")
    // Nothing was trained again.
    #expect(!resumed.errors.contains("model 4/4") && steps.split(separator: "\n").count == 6)
    #expect(try shop.read("run/metrics.jsonl") == steps)
  }

  @Test func withoutADriverTheReferenceComputes() throws {
    let shop = try Workshop()
    let nothing = ["OCL_ICD_VENDORS": shop.path("no-vendors")]
    try FileManager.default.createDirectory(
      atPath: shop.path("no-vendors"), withIntermediateDirectories: true)
    let devices = try shop.run(["devices"], nothing)
    #expect(devices.status == 0 && devices.errors.contains("No OpenCL driver is installed"))
    let result = try shop.run(
      ["train", "--run", shop.path("run")] + shop.tiny(["model"]), nothing)
    #expect(result.status == 0 && result.errors.contains("reference device"), "\(result.errors)")
  }
}
