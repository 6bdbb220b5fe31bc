// What commands write: links, pipes and others' files stay what they are, and what was made is kept.
import Checks
import Experiments
import Foundation
import Storage
import Tensors
import Testing

@Suite struct OutputTests {
  @Test func linksAndPipesStayWhatTheyAre() throws {
    let shop = try Workshop()
    let model = try shop.model("llama-linear")
    try shop.write("victim")
    try FileManager.default.createSymbolicLink(
      atPath: shop.path("link"), withDestinationPath: shop.path("victim"))
    func logits(_ output: String, _ more: [String] = []) throws -> Finished {
      try shop.run(
        [
          "logits", "--device", "reference", "--model", model, "--tokens", "1,2", "--output",
          shop.path(output),
        ]
          + more)
    }
    let refused = try logits("link")
    #expect(
      refused.status == 1 && refused.errors.contains("was not written by"), "\(refused.errors)")
    #expect(try shop.read("victim") == "precious")
    #expect(try logits("link", ["--overwrite"]).status == 0)
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: shop.path("link"))
    #expect(target == shop.path("victim"))
    #expect(try Safetensors(contentsOf: URL(fileURLWithPath: shop.path("victim")))["logits"] != nil)
    // What a command of this kind wrote may be replaced.
    #expect(try logits("link").status == 0)
    #expect(mkfifo(shop.path("pipe"), 0o600) == 0)
    let reader = Process()
    reader.executableURL = URL(fileURLWithPath: "/bin/sh")
    reader.arguments = ["-c", "cat '\(shop.path("pipe"))' > '\(shop.path("copy"))'"]
    try reader.run()
    #expect(try logits("pipe").status == 0)
    reader.waitUntilExit()
    #expect(try Safetensors(contentsOf: URL(fileURLWithPath: shop.path("copy")))["logits"] != nil)
    var status = stat()
    #expect(lstat(shop.path("pipe"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
  }

  @Test func completionsThatWereMadeAreKept() throws {
    let shop = try Workshop()
    let model = try shop.model("llama-linear")
    let lines = (0..<400).map { #"{"prompt": "ab\#($0 % 2 == 0 ? "c" : "d")", "n": \#($0)}"# }
    try shop.write("in.jsonl", lines.joined(separator: "\n") + "\n")
    func arguments(_ output: String, _ more: [String] = []) -> [String] {
      [
        "generate", "--device", "reference", "--model", model, "--input", shop.path("in.jsonl"),
        "--output",
        shop.path(output), "--count", "12",
      ] + more
    }
    #expect(try shop.run(arguments("whole.jsonl")).status == 0)
    let (process, _, _) = try start(arguments("part.jsonl"), [:], shop.folder)
    let deadline = Date().addingTimeInterval(60)
    while (try? shop.read("part.jsonl").isEmpty) ?? true, Date() < deadline {
      Thread.sleep(forTimeInterval: 0.005)
    }
    process.terminate()
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    let part = try shop.read("part.jsonl")
    let whole = try shop.read("whole.jsonl")
    #expect(part.hasSuffix("\n") && part.count < whole.count)
    // Another command does not go on with it.
    let other = try shop.run(arguments("part.jsonl", ["--seed", "2"]))
    #expect(other.status == 1 && other.errors.contains("another command"), "\(other.errors)")
    #expect(try shop.run(arguments("part.jsonl")).status == 0)
    #expect(try shop.read("part.jsonl") == shop.read("whole.jsonl"))
    let left = try FileManager.default.contentsOfDirectory(atPath: shop.folder.path)
    #expect(!left.contains { $0.hasPrefix(".") }, "\(left)")
  }

  /// A file that took the place of a half output is nobody's to cut.
  @Test(arguments: ["jsonl", "safetensors"]) func aStrangersFileIsNotGoneOnWith(kind: String) throws
  {
    let shop = try Workshop()
    let output = "out.\(kind)"
    try shop.write("in.jsonl", String(repeating: "{\"prompt\": \"ab\"}\n", count: 4000))
    try shop.write("in.txt", String(repeating: "the cat sat\n", count: 4000))
    let command =
      kind == "jsonl"
      ? [
        "generate", "--model", try shop.model("llama-linear"), "--input", shop.path("in.jsonl"),
        "--count", "9",
      ] : ["embed", "--model", try shop.model("bert"), "--input", shop.path("in.txt")]
    let arguments = command + ["--device", "reference", "--output", shop.path(output)]
    let (process, _, _) = try start(arguments, [:], shop.folder)
    let deadline = Date().addingTimeInterval(60)
    while !shop.exists(output), Date() < deadline { Thread.sleep(forTimeInterval: 0.002) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try #require(shop.exists(".retort-job.\(output)"))
    for text in ["note 1\nnote 2\nnote 3", "{\"prompt\": \"mine\"}\n"] {
      try shop.write(output, text)
      let result = try shop.run(arguments)
      #expect(result.status == 1 && result.errors.contains("--overwrite replaces it"))
      #expect(try shop.read(output) == text)
    }
  }

  /// Standard output is written where it stands, and no line comes between.
  @Test func standardOutputMayBeTheOutput() throws {
    let shop = try Workshop()
    let model = try shop.model("llama-linear")
    for redirection in [">", "| cat >"] {
      #expect(
        try shell(
          "'\(retort)' logits --device reference --model '\(model)' --tokens 1,2 --output /dev/stdout \(redirection) '\(shop.path("l"))' 2>/dev/null"
        ) == 0)
      let file = try Safetensors(contentsOf: URL(fileURLWithPath: shop.path("l")))
      #expect(try file["logits"]?.shape == [2, 37])
    }
  }

  @Test func namesMayBeLongFilesEmptyAndFoldersLinked() throws {
    let shop = try Workshop()
    let model = try shop.model("llama-linear")
    try shop.write("in.jsonl", "{\"prompt\": \"ab\"}\n\t\n")
    func generate(_ model: String, _ output: String) throws -> Finished {
      try shop.run([
        "generate", "--device", "reference", "--model", model, "--input", shop.path("in.jsonl"),
        "--output", shop.path(output), "--count", "2",
      ])
    }
    #expect(try generate(model, String(repeating: "n", count: 250)).status == 0)
    try shop.write("empty", "")
    #expect(try generate(model, "empty").status == 0)
    #expect(try generate(model, "no/such/o").errors.contains("its folder does not exist"))
    // A link of either kind to the input is the input.
    #expect(link(shop.path("in.jsonl"), shop.path("hard")) == 0)
    #expect(try generate(model, "hard").status == 64)
    // What lies beside a model is found behind a link.
    try FileManager.default.createSymbolicLink(
      atPath: shop.path("link"), withDestinationPath: model)
    let export = try shop.run(["export", "--model", shop.path("link"), "--output", shop.path("e")])
    #expect(export.status == 0 && shop.exists("e/tokenizer.json"), "\(export.errors)")
  }

  private let retort = products.appending(path: "retort").path

  private func shell(_ command: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  @Test func standardErrorMayBeMissingAndStandardOutputMayNot() throws {
    let shop = try Workshop()
    let train = (["train", "--device", "reference"] + shop.tiny(["model"])).map { "'\($0)'" }
      .joined(separator: " ")
    for (index, stream) in ["2>/dev/full", "2>&-"].enumerated() {
      #expect(
        try shell("'\(retort)' \(train) --run '\(shop.path("r\(index)"))' >/dev/null \(stream)")
          == 0)
      #expect(shop.exists("r\(index)/model/config.json"))
    }
    for stream in [">/dev/full", ">&-"] {
      #expect(
        try shell("'\(retort)' inspect '\(shop.path("r0/model"))' \(stream) 2>/dev/null") == 1)
    }
  }
}
