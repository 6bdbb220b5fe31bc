// Folders and files of a run: nothing of others is lost, nothing changes in silence.
import Checks
import Experiments
import Foundation
import Storage
import Tensors
import Testing

@Suite struct RunFolderTests {
  private func train(_ shop: Workshop, _ run: String, _ more: [String] = [], steps: Int = 4) throws
    -> Finished
  {
    try shop.run(
      ["train", "--device", "reference", "--run", shop.path(run)]
        + shop.tiny(["model"], steps: steps) + more)
  }

  @Test(arguments: [[], ["--overwrite"]]) func foldersOfOthersAreLeftAlone(options: [String]) throws
  {
    for path in [
      "model/w.pt", "checkpoints/e.pt", "student-7/t.tex", "report.html", "x/y/z", "notes",
    ] {
      let shop = try Workshop()
      try shop.write("p/\(path)")
      let result = try train(shop, "p", options)
      #expect(result.status == 1 && result.errors.contains("no run wrote"), "\(result.errors)")
      #expect(try shop.read("p/\(path)") == "precious")
      let files = try FileManager.default.subpathsOfDirectory(atPath: shop.path("p"))
      #expect(files.filter { !path.hasPrefix($0) }.isEmpty, "\(files)")
    }
  }

  @Test func overwritingDeletesWhatTheRunWroteAndNothingElse() throws {
    let shop = try Workshop()
    #expect(try train(shop, "r").status == 0)
    try shop.write("r/mine.txt")
    // A file of others among the run's own: nothing is deleted.
    try shop.write("r/model/book.txt")
    let refused = try train(shop, "r", ["--overwrite"])
    #expect(refused.status == 1 && refused.errors.contains("model/book.txt"), "\(refused.errors)")
    #expect(shop.exists("r/model/model.safetensors"))
    try FileManager.default.removeItem(atPath: shop.path("r/model/book.txt"))
    let before = try shop.read("r/recipe.yaml")
    #expect(try train(shop, "r", ["--overwrite", "--seed", "7"]).status == 0)
    #expect(try shop.read("r/mine.txt") == "precious" && shop.read("r/recipe.yaml") != before)
  }

  @Test func whatARunStartsFromIsNeverDeleted() throws {
    let shop = try Workshop()
    #expect(try train(shop, "r").status == 0)
    try FileManager.default.createSymbolicLink(
      atPath: shop.path("link"), withDestinationPath: shop.path("r"))
    for source in ["r/model", "link/model", "r/../link/./model"] {
      let result = try train(shop, "r", ["--overwrite", "--model", shop.path(source)])
      #expect(
        result.status == 1 && result.errors.contains("lies in the run folder"), "\(result.errors)")
      let tokenizer = try train(
        shop, "r", ["--overwrite", "--set", "data.tokenizer=\(shop.path(source))"])
      #expect(tokenizer.status == 1, "\(tokenizer.errors)")
    }
    #expect(shop.exists("r/model/model.safetensors") && shop.exists("r/model/tokenizer.json"))
  }

  @Test func twoProcessesNeverShareAFolder() throws {
    let shop = try Workshop()
    let settings =
      ["train", "--device", "reference", "--run", shop.path("r")]
      + shop.tiny(["model"], steps: 4000)
    let (first, _, _) = try start(settings, [:], shop.folder)
    let deadline = Date().addingTimeInterval(60)
    while !shop.exists("r/checkpoints/model.safetensors"), Date() < deadline {
      Thread.sleep(forTimeInterval: 0.02)
    }
    for options in [[], ["--overwrite"], ["--resume"]] {
      let second = try shop.run(
        options == ["--resume"]
          ? ["train", "--device", "reference", "--run", shop.path("r"), "--resume"]
          : settings + options)
      #expect(second.status == 1, "\(options): \(second.errors)")
      #expect(second.errors.contains("process") || second.errors.contains("holds a run"))
    }
    kill(first.processIdentifier, SIGKILL)
    first.waitUntilExit()
    // The lock went with its process.
    let free = try train(shop, "r", ["--overwrite"])
    #expect(free.status == 0, "\(free.errors)")
  }

  @Test func aTraceIsNoFileOfTheRunAndHasAFolder() throws {
    let shop = try Workshop()
    for (trace, message) in [
      ("r/metrics.jsonl", "lies in the run folder"), ("no/x", "folder does not exist"),
    ] {
      let result = try train(shop, "r", ["--trace", shop.path(trace)])
      #expect(result.status == 1 && result.errors.contains(message), "\(result.errors)")
    }
    #expect(try train(shop, "s").status == 0)
    let resumed = try shop.run([
      "train", "--device", "reference", "--run", shop.path("s"), "--resume", "--trace",
      shop.path("s/metrics.jsonl"),
    ])
    #expect(resumed.status == 1 && resumed.errors.contains("lies in the run folder"))
    try FileManager.default.createSymbolicLink(
      atPath: shop.path("link"), withDestinationPath: shop.path("nowhere"))
    let result = try train(shop, "link")
    #expect(result.status == 1 && result.errors.contains("leads to nothing"), "\(result.errors)")
    #expect(!shop.exists("r"))
  }

  /// A run that was killed after its first checkpoint.
  private func killed(_ shop: Workshop, _ command: [String], _ checkpoint: String) throws {
    let (process, _, _) = try start(command, [:], shop.folder)
    let deadline = Date().addingTimeInterval(60)
    while !shop.exists(checkpoint), Date() < deadline { Thread.sleep(forTimeInterval: 0.01) }
    Thread.sleep(forTimeInterval: 0.1)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  @Test func aRunGoesOnOnlyFromWhatItBeganWith() throws {
    let shop = try Workshop()
    #expect(try train(shop, "t").status == 0)
    let command =
      [
        "distill", "--device", "reference", "--force", "--run", shop.path("r"), "--teacher",
        shop.path("t/model"),
      ]
      + shop.tiny(["student"], steps: 300)
    try killed(shop, command, "r/checkpoints/student.safetensors")
    func resume() throws -> Finished {
      try shop.run(["distill", "--device", "reference", "--run", shop.path("r"), "--resume"])
    }
    func changing(_ path: String, _ change: (inout Data) -> Void, _ message: String) throws {
      let url = URL(fileURLWithPath: shop.path(path))
      let before = try Data(contentsOf: url)
      var data = before
      change(&data)
      try data.write(to: url)
      let result = try resume()
      #expect(result.status == 1 && result.errors.contains(message), "\(path): \(result.errors)")
      try before.write(to: url)
    }
    try changing("text", { $0[20] ^= 1 }, "the data have changed")
    try changing(
      "t/model/tokenizer_config.json", { $0 += Data("\n".utf8) }, "the teacher has changed")
    try changing("t/model/model.safetensors", { $0[$0.count - 3] ^= 1 }, "is damaged")
    try changing(
      "r/recipe.yaml",
      {
        $0 = Data(
          String(decoding: $0, as: UTF8.self).replacing("alpha: 0.1", with: "alpha: 0.2").utf8)
      },
      "recipe.yaml has changed")
    try changing(
      "t/model/config.json",
      { $0 = Data(String(decoding: $0, as: UTF8.self).replacing("1e-05", with: "0.1").utf8) },
      "the teacher has changed")
    try changing("r/.retort-run", { $0[$0.count / 2] ^= 1 }, "is damaged in")
    try changing("r/origins.json", { $0[$0.count / 2] ^= 1 }, "origins.json")
    let checkpoint = "r/checkpoints/student.safetensors"
    try changing(checkpoint, { $0[$0.count - 9] ^= 16 }, "does not have the checksum")
    try changing(checkpoint, { $0[60] ^= 1 }, "Error:")
    // One bad byte of a log costs one line.
    let metrics = URL(fileURLWithPath: shop.path("r/metrics.jsonl"))
    let lines = try shop.read("r/metrics.jsonl").split(separator: "\n")
    var log = try Data(contentsOf: metrics)
    try #require(lines.count > 1)
    log[log.count - 30] = 0xFF
    try log.write(to: metrics)
    let result = try shop.run([
      "distill", "--device", "reference", "--run", shop.path("r"), "--resume",
    ])
    #expect(result.status == 0, "\(result.errors)")
    #expect(try shop.read("r/metrics.jsonl").split(separator: "\n").first == lines[0])
  }

  @Test(arguments: [
    ("training.clip_norm=.inf", "training.clip_norm must be a finite number"),
    ("model.learning_rate=.nan", "model.learning_rate must be a finite number"),
    ("training.epsilon=1e-60", "training.epsilon"),
    ("training.beta2=0.999999999999", "training.beta2"),
    ("training.clip_norm=1e60", "training.clip_norm"), ("data.held_out=-.inf", "data.held_out"),
  ]) func numbersThatMeanNothingAreNamed(setting: String, message: String) throws {
    let shop = try Workshop()
    let result = try train(shop, "r", ["--set", setting])
    #expect(result.status == 1 && result.errors.contains(message), "\(result.errors)")
  }

  @Test func textsThatAreNoneAreRefused() throws {
    let shop = try Workshop()
    for (data, message) in [
      (Data("caf\u{e9}\n\n".unicodeScalars.map { UInt8($0.value) }), "offset 3"),
      (Data([0xFF, 0xFE, 0x61, 0]), "UTF-16"), (Data("a\0b\0".utf8), "offset 1"),
      (Data("{\n  \"text\": \"the cat\"\n".utf8), "is no JSON object"),
      (Data("[\n {\n  \"instruction\": \"a\",".utf8), "is no JSON"),
      (
        Data("{\"prompt\": \"\(String(repeating: "cat ", count: 300_000))\"}".utf8),
        "no `completion`"
      ),
    ] {
      try data.write(to: URL(fileURLWithPath: shop.path("text")))
      let result = try train(shop, "r")
      #expect(result.status == 1 && result.errors.contains(message), "\(result.errors)")
    }
  }

  @Test func memoryLimitsAreNumbersOfMebibytes() throws {
    let shop = try Workshop()
    for limit in ["-5", "1G", "0", "9999999999999999", "9223372036854775807", "1.5"] {
      let result = try shop.run(
        ["train", "--device", "reference", "--run", shop.path("r")] + shop.tiny(["model"]),
        ["RETORT_MEMORY_LIMIT": limit])
      #expect(result.status == 1 && result.errors.contains("RETORT_MEMORY_LIMIT"), "\(limit)")
    }
  }
}
