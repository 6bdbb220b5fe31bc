// Distillation as a person runs it: caches, seeds, sentence encoders, and runs that are killed.
import Checks
import Experiments
import Foundation
import Storage
import Testing

@Suite struct DistillationToolTests {
  @Test func aCacheStandsForItsTeacher() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
    let data = ["--set", "data.files=[\(shop.path("text"))]", "--set", "data.sequence_length=8"]
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
      let verdict = try shop.json("run-\(name)/verdict.json")
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
    let teacher = try shop.teacher()
    let seeds = try shop.run(
      [
        "distill", "--device", "reference", "--teacher", teacher, "--run", shop.path("seeds"),
      ] + shop.tiny(["student"]) + ["--set", "seeds=0"])
    #expect(seeds.status == 0 && seeds.output.contains("3 seeds"), "\(seeds.errors)")
    // Small runs take three seeds; a second control that takes as much as the rest is left to the person.
    #expect(try shop.read("seeds/recipe.yaml").contains("\nseeds: 3\n"))
    #expect(try shop.read("seeds/recipe.yaml").contains("controls: data\n"))
    #expect(seeds.errors.contains("distillation.controls=both trains it"), "\(seeds.errors)")
    let verdict = try shop.json("seeds/verdict.json")
    #expect(verdict["equal_data"]?["seed_differences"]?.array?.count == 3)
    #expect(verdict["equal_compute"] == nil && !shop.exists("seeds/control-compute"))
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
    #expect(try shop.json("declined/verdict.json")["without_control"]?.string == "no time")
    #expect(!shop.exists("declined/control"))
  }

  @Test(
    .enabled(
      if: MiniLM.isHere && !Target.devices.isEmpty,
      "real weights on the reference take minutes; Scripts/minilm fetches all-MiniLM-L6-v2"))
  func aSentenceEncoderGetsASmallerOne() throws {
    let shop = try Workshop()
    // Some sentences are too short to be halved, so fewer are judged than are held out.
    let sentences = (0..<120).map {
      $0 % 3 == 0
        ? "{\"text\": \"Oh \($0).\"}" : "{\"text\": \"The \($0) cats sat on \($0 % 7) mats.\"}"
    }
    try shop.write("sentences.jsonl", sentences.joined(separator: "\n"))
    let result = try shop.run([
      "distill", "--teacher", MiniLM.folder.path, "--student",
      "from-teacher: {layers: [5], width: 64}", "--run", shop.path("run"), "--data",
      shop.path("sentences.jsonl"),
      "--set", "student.steps=2", "--set", "training.batch_size=4", "--set",
      "data.sequence_length=16", "--set", "distillation.sentences=mse", "--set",
      "distillation.hidden.weight=0.5", "--set", "distillation.relations={weight: 1, heads: 2}",
      "--set", "training.log_interval=1", "--seeds", "1",
    ])
    #expect(result.status == 0, "\(result.errors)")
    for part in ["of positions hold tokens", "have a mean cosine of", "MiB of memory"] {
      #expect(result.errors.contains(part), "\(part)")
    }
    let metrics = try JSON(
      parsing: Data(try shop.read("run/metrics.jsonl").split(separator: "\n")[0].utf8))
    #expect((metrics["hidden"]?.double ?? 0) > 0 && (metrics["relations"]?.double ?? 0) > 0)
    #expect(result.output.contains("similarities (Spearman)"))
    // The control can win by what models are judged by.
    #expect(result.output.contains("of reciprocal rank of a sentence's other half"))
    #expect(result.output.contains("Controls are cut from the teacher as the student is"))
    let pairs = (0..<9).map {
      "{\"sentence1\": \"a cat \($0)\", \"sentence2\": \"a cat \(2 * $0)\", \"score\": \($0)}"
    }
    try shop.write("pairs.jsonl", pairs.joined(separator: "\n"))
    let paired = try shop.run([
      "distill", "--teacher", MiniLM.folder.path, "--student", "from-teacher: {layers: [5]}",
      "--run", "paired", "--data", "text", "--set", "student.steps=2", "--set",
      "training.batch_size=4", "--set", "data.sequence_length=16", "--set",
      "data.pairs=pairs.jsonl", "--set", "distillation.control_weights=random", "--controls",
      "data", "--seeds", "1",
    ])
    #expect(paired.status == 0, "\(paired.errors)")
    #expect(paired.output.contains("over 9 paired held-out pairs"), "\(paired.output)")
    #expect(paired.output.contains("Controls begin with random weights."), "\(paired.output)")
    #expect(paired.errors.contains("with random weights, in the shape of the student"))
    #expect(
      try shop.json("run/verdict.json")["arms"]?["student"]?["similarity_rank_correlation"] != nil)
    // The student is a sentence encoder like its teacher, of its own width.
    #expect(
      try shop.json("run/student/1_Pooling/config.json")["word_embedding_dimension"]?.int == 64)
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
    #expect(
      new.status == 1 && new.errors.contains("Known here: path, from_teacher,"), "\(new.errors)")
    let none = try shop.run([
      "distill", "--teacher", MiniLM.folder.path, "--run", shop.path("none"), "--data",
      shop.path("text"), "--set", "data.sequence_length=16",
    ])
    #expect(
      none.status == 1 && none.errors.contains("is cut from it or a folder"), "\(none.errors)")
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
    for arm in ["teacher", "student", "control", "control-compute"] {
      let name = "\(arm)/model.safetensors"
      let bits = try ["whole", "killed"].map {
        try Data(contentsOf: URL(fileURLWithPath: shop.path("\($0)/\(name)")))
      }
      #expect(bits[0] == bits[1], "\(arm) after \(kills) kills")
    }
    // Every logged step is there once, and so is every measurement.
    let (steps, validation) = try shop.metrics("killed")
    func places(_ records: [JSON]) -> Set<String> {
      Set(records.map { "\($0["arm"]?.string ?? "") \($0["step"]?.int ?? 0)" })
    }
    #expect(places(steps).count == steps.count && places(validation).count == validation.count)
    #expect(steps.count(where: { $0["arm"]?.string != "control-compute" }) == 3 * 200)
    #expect(validation.count == 4 * 20)
  }
}

#if os(Linux)
  @Suite struct TeacherReadingTests {
    /// Bytes that this process and those it has waited for have read from files.
    private func bytesRead() throws -> Int {
      let lines = try String(contentsOfFile: "/proc/self/io", encoding: .utf8).split(
        separator: "\n")
      let line = try #require(lines.first { $0.hasPrefix("rchar: ") })
      return try #require(Int(line.dropFirst("rchar: ".count)))
    }

    /// Students and controls of two seeds, cut from the teacher, the doctor, judging, and a second process that only judges.
    @Test func aTeacherIsReadOnceInARun() throws {
      let shop = try Workshop()
      let device = ["--device", "reference"]
      let sizes = ["layers=2", "width=192", "heads=2", "key_value_heads=2", "mlp_width=512"]
      let trained = try shop.run(
        ["train", "--run", shop.path("t"), "--force"] + device + shop.tiny(["model"], steps: 1)
          + sizes.flatMap { ["--set", "model.\($0)"] })
      #expect(trained.status == 0, "\(trained.errors)")
      let exported = try shop.run(
        [
          "export", "--model", shop.path("t/model"), "--output", shop.path("teacher"),
          "--precision", "bf16",
        ])
      #expect(exported.status == 0, "\(exported.errors)")
      func size(_ model: String) throws -> Int {
        let file = shop.path("\(model)/model.safetensors")
        return try #require(FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
      }
      let before = try bytesRead()
      let run = try shop.run(
        ["distill", "--run", shop.path("run"), "--teacher", shop.path("teacher"), "--force"]
          + device
          + [
            "--student", "from-teacher: {layers: [1], width: 96}", "--seeds", "2", "--controls",
            "data",
          ]
          + [
            "data.files=[\(shop.path("text"))]", "data.sequence_length=8", "training.batch_size=1",
            "data.judged_tokens=64", "student.steps=1",
          ].flatMap { ["--set", $0] })
      #expect(run.status == 0, "\(run.errors)")
      let read = try bytesRead() - before
      let arms = ["student", "control", "student-2", "control-2"]
      // Each arm is read when it is judged and for its hash, the first student also for its speed; the rest are logs and texts.
      let others = try (arms + arms + ["student"]).reduce(0) { $0 + (try size("run/\($1)")) }
      // Once for its weights, and once for its hash.
      let teacher = 2 * (try size("teacher"))
      #expect((teacher..<teacher * 3 / 2).contains(read - others), "\(read - others) of \(teacher)")
    }
  }
#endif
