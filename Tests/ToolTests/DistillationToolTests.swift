// Distillation as a person runs it: caches, completions, seeds, the doctor, and runs that are killed.
import Checks
import Foundation
import Storage
import Testing

@Suite struct DistillationToolTests {
  private func json(_ shop: Workshop, _ name: String) throws -> JSON {
    try JSON(contentsOf: URL(fileURLWithPath: shop.path(name)))
  }

  /// A teacher that knows the workshop's text.
  private func teacher(_ shop: Workshop) throws -> String {
    let trained = try shop.run(
      ["train", "--device", "reference", "--run", shop.path("teacher")]
        + shop.tiny(["model"], steps: 150) + ["--set", "model.learning_rate=0.02"])
    #expect(trained.status == 0, "\(trained.errors)")
    return shop.path("teacher/model")
  }

  @Test func aCacheStandsForItsTeacher() throws {
    let shop = try Workshop()
    let teacher = try teacher(shop)
    let data = ["--set", "data.text=[\(shop.path("text"))]", "--set", "data.sequence_length=8"]
    for codec in ["hidden", "hidden:int8", "topk:5", "logits"] {
      let name = codec.replacing(":", with: "-")
      let made = try shop.run(
        [
          "cache", "--device", "reference", "--teacher", teacher, "--codec", codec, "--output",
          shop.path(name),
        ]
          + data)
      #expect(made.status == 0 && made.errors.contains("bytes per token"), "\(made.errors)")
      let again = try shop.run(
        [
          "cache", "--device", "reference", "--teacher", teacher, "--codec", codec, "--output",
          shop.path(name),
        ]
          + data)
      #expect(again.status == 0 && again.errors.contains("0 rows"), "\(again.errors)")
      let run = try shop.run(
        [
          "distill", "--device", "reference", "--cache", shop.path(name), "--run",
          shop.path("run-\(name)"),
        ]
          + shop.tiny(["student"]))
      #expect(run.status == 0, "\(run.errors)")
      let verdict = try json(shop, "run-\(name)/verdict.json")
      #expect(verdict["arms"]?["student"]?["kl_to_teacher"]?.double != nil)
      #expect(verdict["arms"]?["teacher"] == nil)
    }
    // Another seed has other rows, and a list no other temperature.
    let other = try shop.run(
      [
        "distill", "--device", "reference", "--cache", shop.path("hidden"), "--run", shop.path("x"),
        "--seed", "2",
      ]
        + shop.tiny(["student"]))
    #expect(other.status == 1 && other.errors.contains("the cache lacks"), "\(other.errors)")
    let warm = try shop.run(
      [
        "distill", "--device", "reference", "--cache", shop.path("topk-5"), "--run", shop.path("x"),
        "--set",
        "distillation.temperature=2",
      ] + shop.tiny(["student"]))
    #expect(warm.status == 1 && warm.errors.contains("not for 2.0"), "\(warm.errors)")
    let stranger = try shop.run(
      [
        "distill", "--device", "reference", "--cache", shop.path("hidden"), "--run", shop.path("x"),
        "--teacher", shop.path("run-hidden/student"),
      ] + shop.tiny(["student"]))
    #expect(
      stranger.status == 1 && stranger.errors.contains("another teacher"), "\(stranger.errors)")
  }

  @Test func seedsAndDeclinedControlsAreInTheVerdict() throws {
    let shop = try Workshop()
    let teacher = try teacher(shop)
    let seeds = try shop.run(
      [
        "distill", "--device", "reference", "--teacher", teacher, "--seeds", "3", "--run",
        shop.path("seeds"),
      ] + shop.tiny(["student"]))
    #expect(seeds.status == 0 && seeds.output.contains("3 seeds"), "\(seeds.errors)")
    let verdict = try json(shop, "seeds/verdict.json")
    #expect(verdict["seed_differences"]?.array?.count == 3)
    let student = verdict["arms"]?["student"]
    for key in [
      "kl_to_teacher", "top1_agreement", "expected_calibration_error", "training_flops",
      "training_seconds", "tokens_per_second", "bytes",
    ] { #expect(student?[key]?.double != nil, "\(key)") }
    #expect(
      shop.exists("seeds/student-3/config.json") && shop.exists("seeds/control-2/config.json"))
    let two = try shop.run(
      [
        "distill", "--device", "reference", "--teacher", teacher, "--teacher",
        shop.path("seeds/student"), "--run", shop.path("two"), "--set",
        "distillation.hidden.weight=1", "--set", "distillation.relations={weight: 1, heads: 2}",
      ] + shop.tiny(["student"]))
    #expect(
      two.status == 0 && two.errors.contains("2 teachers with weights 0.5, 0.5"), "\(two.errors)")
    #expect(two.errors.contains("KL(relations of teacher layer 0 || student layer 0)"))
    #expect(try shop.read("two/metrics.jsonl").contains("\"relations\":0."))
    let declined = try shop.run(
      [
        "distill", "--device", "reference", "--teacher", teacher, "--without-control", "no time",
        "--run", shop.path("declined"),
      ] + shop.tiny(["student"]))
    #expect(declined.status == 0 && declined.output.contains("no control was trained (no time)"))
    #expect(try json(shop, "declined/verdict.json")["without_control"]?.string == "no time")
    #expect(!shop.exists("declined/control"))
  }

  @Test func completionsOfATeacherAreLearnt() throws {
    let shop = try Workshop()
    let learnt = try shop.run([
      "tokenizer", "train", "--data", shop.path("text"), "--size", "300", "--output",
      shop.path("tokenizer"),
    ])
    #expect(learnt.status == 0)
    let lines = (0..<40).map {
      "{\"prompt\": \"Saying number \($0):\", \"completion\": \" the cat sat on mat \($0 % 7).\"}"
    }
    try lines.joined(separator: "\n").write(
      toFile: shop.path("data.jsonl"), atomically: true, encoding: .utf8)
    func train(_ lines: [String], _ run: String) throws -> Finished {
      try lines.joined(separator: "\n").write(
        toFile: shop.path("data.jsonl"), atomically: true, encoding: .utf8)
      return try shop.run(
        [
          "train", "--device", "reference", "--run", shop.path(run), "--data",
          shop.path("data.jsonl"),
          "--set", "data.tokenizer=\(shop.path("tokenizer"))",
        ] + shop.tiny(["model"]) + ["--set", "data.text=[]", "--set", "data.sequence_length=40"])
    }
    let result = try train(lines, "run")
    #expect(
      result.status == 0 && result.errors.contains("tokens that are learnt"), "\(result.errors)")
    let wrong = try train(lines + ["{\"prompt\": 3}"], "wrong")
    #expect(wrong.status == 1 && wrong.errors.contains("data.jsonl, line 41"), "\(wrong.errors)")
    #expect(!shop.exists("wrong"))
    let long = String(repeating: "word ", count: 60)
    let masked = try train(
      (0..<4).map { _ in "{\"prompt\": \"\(long)\", \"completion\": \"x\"}" }, "masked")
    #expect(
      masked.status == 1 && masked.errors.contains("nothing would be learnt"), "\(masked.errors)")
  }

  @Test func shortTextsShareRows() throws {
    let shop = try Workshop()
    let teacher = try teacher(shop)
    try (0..<40).map { "{\"text\": \"m\($0 % 10)\"}" }.joined(separator: "\n").write(
      toFile: shop.path("data.jsonl"), atomically: true, encoding: .utf8)
    let options = [
      "--teacher", teacher, "--force", "--device", "reference", "--data", shop.path("data.jsonl"),
      "--overwrite",
      "--run", shop.path("run"), "--set", "data.packing=true", "--set", "student.steps=2", "--set",
      "training.batch_size=2", "--set", "data.sequence_length=8", "--student",
      "layers: 1, width: 8, heads: 2, key_value_heads: 1, mlp_width: 8",
    ]
    // A teacher of longer texts: it knows nothing of these.
    let packed = try shop.run(["distill"] + options)
    #expect(packed.status == 0 && packed.errors.contains("in 9 rows"), "\(packed.errors)")
    let onPolicy = try shop.run(
      ["distill"] + options
        + ["--set", "distillation.alpha=0", "--set", "distillation.on_policy.lambda=1"])
    #expect(onPolicy.status == 1 && onPolicy.errors.contains("data.packing must be false"))
    let text = try shop.run(
      ["train", "--set", "data.packing=true", "--data", shop.path("text"), "--run", shop.path("t")])
    #expect(text.status == 1 && text.errors.contains("data.packing must be false"))
  }

  @Test func theDoctorSaysWhatWouldSpoilARun() throws {
    let shop = try Workshop()
    let teacher = try teacher(shop)
    let data = shop.tiny(["student"]) + ["--device", "reference"]
    let fine = try shop.run(["doctor", "--teacher", teacher] + data)
    #expect(fine.status == 0 && !fine.output.contains("refused"), "\(fine.output)\(fine.errors)")
    for part in ["one tokenizer of 257", "100.0 % of positions", "perplexity", "MiB of memory"] {
      #expect(fine.output.contains(part), "\(part)")
    }
    // A teacher that was never trained teaches noise.
    let noise = try shop.run(
      ["train", "--device", "reference", "--run", shop.path("noise")]
        + shop.tiny(["model"], steps: 1)
        + ["--set", "model.learning_rate=0.000001"])
    #expect(noise.status == 0)
    let options = ["--teacher", shop.path("noise/model"), "--run", shop.path("run")]
    let refused = try shop.run(["distill"] + options + data)
    #expect(refused.status == 1 && refused.errors.contains("knows nothing of this text"))
    let forced = try shop.run(["distill", "--force", "--overwrite"] + options + data)
    #expect(forced.status == 0 && forced.output.contains("This run was forced although"))
    let reasons = try json(shop, "run/verdict.json")["forced_against"]?.array?.compactMap {
      $0.string
    }
    #expect(reasons?.count == 1)
  }

  @Test func aTrainingIsLookedAtToo() throws {
    let shop = try Workshop()
    let teacher = try teacher(shop)
    let settings = shop.tiny(["model"]) + ["--device", "reference"]
    let looked = try shop.run(["doctor", "--model", teacher] + settings)
    #expect(looked.status == 0, "\(looked.errors)")
    for part in ["the model's perplexity", "100.0 % of positions", "MiB of memory"] {
      #expect(looked.output.contains(part), "\(part): \(looked.output)")
    }
    // A recipe says by its keys what it is for.
    try "model: {layers: 1}".write(
      toFile: shop.path("train.yaml"), atomically: true, encoding: .utf8)
    let recipe = try shop.run(["doctor", shop.path("train.yaml")] + settings)
    #expect(recipe.status == 0 && !recipe.output.contains("tokenizer"), "\(recipe.output)")
    // Weights that are not numbers: every bit after the header is set.
    let file = URL(fileURLWithPath: teacher + "/model.safetensors")
    var bytes = try Data(contentsOf: file)
    let header = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    bytes.replaceSubrange(header..., with: [UInt8](repeating: 0xff, count: bytes.count - header))
    try bytes.write(to: file)
    let options = ["--model", teacher, "--run", shop.path("run")]
    let refused = try shop.run(["train"] + options + settings)
    #expect(
      refused.status == 1 && refused.errors.contains("does not have the checksum"),
      "\(refused.errors)")
    let forced = try shop.run(["train", "--force", "--overwrite"] + options + settings)
    #expect(
      forced.status == 1 && forced.errors.contains("does not have the checksum"), "\(forced.errors)"
    )
  }

  @Test func modelsThatReadOrWriteOtherwiseAreRefused() throws {
    let shop = try Workshop()
    let (teacher, student) = (try shop.model("qwen2-tied"), try shop.model("llama-linear"))
    let lines = (0..<12).map {
      #"{"messages": [{"role": "user", "content": "abc"}, {"role": "assistant", "content": "\#("defgh".prefix($0 % 5 + 1))"}]}"#
    }
    try lines.joined(separator: "\n").write(
      toFile: shop.path("data.jsonl"), atomically: true, encoding: .utf8)
    func distill() throws -> Finished {
      try shop.run([
        "distill", "--device", "reference", "--teacher", teacher, "--student", student, "--data",
        shop.path("data.jsonl"), "--run", shop.path("run"), "--overwrite", "--set",
        "student.steps=1", "--set",
        "training.batch_size=2", "--set", "data.sequence_length=24",
      ])
    }
    // The same tokenizer, another chat template
    let file = URL(fileURLWithPath: student + "/tokenizer_config.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    try text.replacing("}}\\n{% endfor", with: "}}.{% endfor").write(
      to: file, atomically: true, encoding: .utf8)
    let template = try distill()
    #expect(
      template.status == 1 && template.errors.contains("use one chat template for both"),
      "\(template.errors)")
    // Another tokenizer
    let tokens = URL(fileURLWithPath: student + "/tokenizer.json")
    try String(contentsOf: tokens, encoding: .utf8).replacing(
      "\"a\": 0, \"b\": 1", with: "\"b\": 0, \"a\": 1"
    )
    .write(to: tokens, atomically: true, encoding: .utf8)
    let tokenizer = try distill()
    #expect(
      tokenizer.status == 1 && tokenizer.errors.contains("has another tokenizer than the teacher")
        && tokenizer.errors.contains("retort generate --model TEACHER"), "\(tokenizer.errors)")
  }

  @Test(
    .enabled(
      if: MiniLM.isHere && !Target.devices.isEmpty,
      "real weights on the reference take minutes; Scripts/minilm fetches all-MiniLM-L6-v2"))
  func aSentenceEncoderGetsASmallerOne() throws {
    let shop = try Workshop()
    let result = try shop.run([
      "distill", "--teacher", MiniLM.folder.path, "--student",
      "from-teacher: {layers: [5], width: 64}", "--run", shop.path("run"), "--data",
      shop.path("text"),
      "--set", "student.steps=2", "--set", "training.batch_size=4", "--set",
      "data.sequence_length=16", "--set", "distillation.sentences=mse", "--set",
      "distillation.hidden.weight=0.5", "--set", "distillation.relations={weight: 1, heads: 2}",
      "--set", "training.log_interval=1",
    ])
    #expect(result.status == 0, "\(result.errors)")
    for part in ["of positions hold tokens", "have a mean cosine of", "MiB of memory"] {
      #expect(result.errors.contains(part), "\(part)")
    }
    let metrics = try JSON(
      parsing: Data(try shop.read("run/metrics.jsonl").split(separator: "\n")[0].utf8))
    #expect((metrics["hidden"]?.double ?? 0) > 0 && (metrics["relations"]?.double ?? 0) > 0)
    #expect(result.output.contains("similarities (Spearman)"))
    #expect(
      try json(shop, "run/verdict.json")["arms"]?["student"]?["similarity_rank_correlation"] != nil)
    // The student is a sentence encoder like its teacher, of its own width.
    #expect(
      try json(shop, "run/student/1_Pooling/config.json")["word_embedding_dimension"]?.int == 64)
    #expect(shop.exists("run/student/modules.json"))
    let embedded = try shop.run([
      "embed", "--model", shop.path("run/student"), "--input", shop.path("text"), "--output",
      shop.path("e.safetensors"),
    ])
    #expect(embedded.output.contains("64 numbers each"), "\(embedded.errors)")
    let new = try shop.run([
      "distill", "--teacher", MiniLM.folder.path, "--student", "layers: 1", "--run",
      shop.path("new"), "--data", shop.path("text"), "--set", "data.sequence_length=16",
    ])
    #expect(new.status == 1 && new.errors.contains("is cut from it or a folder"), "\(new.errors)")
    // Sentences that are all the same teach nothing.
    try [String](repeating: "The cat sat on the mat.", count: 40).joined(separator: "\n%\n").write(
      toFile: shop.path("same"), atomically: true, encoding: .utf8)
    let same = try shop.run([
      "doctor", "--teacher", MiniLM.folder.path, "--student", "from-teacher: {layers: [5]}",
      "--data", shop.path("same"), "--set", "data.sequence_length=16",
    ])
    #expect(same.status == 1 && same.output.contains("tells nothing apart"), "\(same.output)")
  }

  @Test func aRunThatIsKilledAgainAndAgainEndsWithTheSameBits() throws {
    let shop = try Workshop()
    let settings =
      shop.tiny(["teacher", "student"], steps: 400)
      + ["--set", "training.checkpoint_interval=10", "--device", "reference"]
    let whole = try shop.run(["distill", "--run", shop.path("whole")] + settings)
    #expect(whole.status == 0, "\(whole.errors)")
    var random = RandomData(seed: UInt64(ProcessInfo.processInfo.processIdentifier))
    var kills = 0
    var isDone = false
    while !isDone {
      // A run that was killed before it began has nothing to resume.
      let begun = shop.exists("killed/recipe.yaml")
      let arguments =
        begun
        ? ["distill", "--run", shop.path("killed"), "--resume", "--device", "reference"]
        : ["distill", "--run", shop.path("killed")] + settings
      let (process, _, errors) = try start(arguments, [:], shop.folder)
      if kills < 12 {
        Thread.sleep(forTimeInterval: 0.05 + Double(random.integer(below: 400)) / 1000)
        if process.isRunning {
          kill(process.processIdentifier, SIGKILL)
          kills += 1
        }
      }
      process.waitUntilExit()
      isDone = process.terminationReason == .exit
      if isDone {
        let text = try String(contentsOf: errors, encoding: .utf8)
        #expect(process.terminationStatus == 0, "after \(kills) kills: \(text)")
      }
    }
    #expect(kills > 2)
    for arm in ["teacher", "student", "control"] {
      let name = "\(arm)/model.safetensors"
      let bits = try ["whole", "killed"].map {
        try Data(contentsOf: URL(fileURLWithPath: shop.path("\($0)/\(name)")))
      }
      #expect(bits[0] == bits[1], "\(arm) after \(kills) kills")
    }
    // Every logged step is there once.
    let steps = try shop.read("killed/metrics.jsonl").split(separator: "\n").map {
      try JSON(parsing: Data($0.utf8))
    }
    #expect(steps.count == 3 * 200)
    #expect(Set(steps.map { "\($0["arm"]?.string ?? "") \($0["step"]?.int ?? 0)" }).count == 600)
  }
}
