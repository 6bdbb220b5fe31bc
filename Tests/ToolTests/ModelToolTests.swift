// Commands that use models of others: generate, logits, embed, inspect, export, tokenizer.
import Checks
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Testing
import Tokenizers

@Suite struct ModelToolTests {
  @Test func textsAreContinuedOneByOneAndInBatches() throws {
    let shop = try Workshop()
    let model = try shop.model("mistral-window")
    let options = [
      "--device", "reference", "--model", model, "--count", "12", "--temperature", "0",
    ]
    let one = try shop.run(["generate", "--prompt", "the cat"] + options)
    #expect(one.status == 0 && one.output.hasPrefix("the cat"), "\(one.errors)")
    #expect(one.errors.contains("prompt: 7 tokens") && one.errors.contains("new: "))
    let chat = try shop.run(
      ["generate", "--chat", "--system", "sss", "--prompt", "why"] + options)
    #expect(chat.status == 0, "\(chat.errors)")

    try """
    {"id": 1, "prompt": "the cat"}

    {"id": 2, "messages": [{"role": "system", "content": "sss"}, {"role": "user", "content": "why"}]}
    {"id": 3, "prompt": "a"}
    """.write(toFile: shop.path("in.jsonl"), atomically: true, encoding: .utf8)
    let many = try shop.run(
      [
        "generate", "--input", shop.path("in.jsonl"), "--output", shop.path("out.jsonl"),
        "--batch-size", "2",
      ]
        + options)
    #expect(many.status == 0, "\(many.errors)")
    let lines = try JSONLinesFile(Data(shop.read("out.jsonl").utf8), named: "out").objects
      .map(\.object)
    #expect(lines.map { $0["id"]?.int } == [1, 2, 3])
    #expect("the cat" + (lines[0]["completion"]?.string ?? "") + "\n" == one.output)
    #expect((lines[1]["completion"]?.string ?? "") + "\n" == chat.output)
    #expect(lines.allSatisfy { ["stop", "length"].contains($0["finish_reason"]?.string) })

    // A stop string ends a text.
    let text = lines[0]["completion"]?.string ?? ""
    try #require(text.count > 6)
    let stop = String(text.dropFirst(3).prefix(2))
    let stopped = try shop.run(["generate", "--prompt", "the cat", "--stop", stop] + options)
    let rest = text.range(of: stop).map { text[..<$0.lowerBound] } ?? "?"
    #expect(stopped.output == "the cat" + rest + "\n")
    // Draws depend on the seed alone.
    let draws = try (1...2).map { seed in
      try (0..<2).map { _ in
        try shop.run(
          ["generate", "--prompt", "a", "--seed", "\(seed)", "--top-k", "9", "--top-p", "0.95"]
            + options + ["--temperature", "2"]
        ).output
      }
    }
    #expect(draws[0][0] == draws[0][1] && draws[0][0] != draws[1][0])
  }

  @Test func wrongRequestsGetOneSentence() throws {
    let shop = try Workshop()
    let model = try shop.model("llama-untied")
    func errors(_ line: String) throws -> String {
      try "{\"prompt\": \"a\"}\n\(line)\n".write(
        toFile: shop.path("in.jsonl"), atomically: true, encoding: .utf8)
      let result = try shop.run([
        "generate", "--device", "reference", "--model", model, "--input", shop.path("in.jsonl"),
        "--output", shop.path("out.jsonl"),
      ])
      #expect(result.status == 1 && !shop.exists("out.jsonl"))
      return result.errors
    }
    #expect(try errors("{\"prompt\"").contains("line 2, is no JSON object"))
    #expect(try errors("{\"body\": \"a\"}").contains("line 2: there is neither"))
    #expect(
      try errors("{\"messages\": [{\"content\": \"a\"}]}").contains(
        "line 2: a message has no `role`"))
    try FileManager.default.removeItem(atPath: model + "/tokenizer_config.json")
    #expect(
      try errors("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}").contains(
        "no chat template"))
    try FileManager.default.removeItem(atPath: model + "/tokenizer.json")
    let none = try shop.run(["generate", "--device", "reference", "--model", model])
    #expect(none.status == 1 && none.errors.contains("has no tokenizer.json"))
    // What people give instead of a model's folder.
    let (folder, name) = (shop.folder.path, URL(fileURLWithPath: model).lastPathComponent)
    for (given, message) in [
      ("gpt2", "There is no folder \(folder)/gpt2. Models are read from folders"),
      (".", "There are models in \(folder)/\(name)."),
      ("text", "text is a file of another kind; a model is a folder or a GGUF file."),
    ] {
      for command in ["generate", "inspect"] {
        let result = try shop.run(
          [command]
            + (command == "inspect" ? [given] : ["--model", given, "--device", "reference"]))
        #expect(result.status == 1 && result.errors.contains(message), "\(result.errors)")
      }
    }
    for options in [
      ["--top-p", "0"], ["--temperature", "-1"], ["--count", "0"], ["--input", "x"],
    ] {
      #expect(try shop.run(["generate", "--model", model] + options).status == 64)
    }
  }

  @Test(arguments: ["gpt2-tied", "bert-masked"]) func logitsAreWritten(golden: String) throws {
    let shop = try Workshop()
    let folder = goldenFolder("models/\(golden)")
    let numbers = try Safetensors(contentsOf: folder.appending(path: "golden.safetensors"))
    let tokens = try #require(numbers["tokens"])
    let ids = tokens.integers.prefix(tokens.shape[1])
    let result = try shop.run([
      "logits", "--device", "reference", "--model", folder.path, "--tokens",
      ids.map(String.init).joined(separator: ","), "--output", shop.path("l.safetensors"),
      "--hidden-states",
    ])
    #expect(result.status == 0, "\(result.errors)")
    let file = try Safetensors(contentsOf: URL(fileURLWithPath: shop.path("l.safetensors")))
    #expect(try file["tokens"]?.integers == Array(ids))
    if golden == "gpt2-tied" {
      let expected = try #require(numbers["logits"]).floats.prefix(12 * 37)
      let got = try #require(try file["logits"])
      #expect(got.shape == [12, 37])
      #expect(zip(got.floats, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    }
    #expect(try file["hidden.2"]?.shape == [ids.count, 16])
    let wrong = try shop.run([
      "logits", "--device", "reference", "--model", folder.path, "--tokens", "1,99", "--output",
      shop.path("w"),
    ])
    #expect(wrong.status == 64 && wrong.errors.contains("Ids must be from 0 to"))
  }

  @Test(.enabled(if: MiniLM.isHere, "Scripts/minilm fetches all-MiniLM-L6-v2"))
  func sentencesAreEmbedded() throws {
    let shop = try Workshop()
    try "A cat sits.\n\nA dog runs fast.\n".write(
      toFile: shop.path("in"), atomically: true, encoding: .utf8)
    for output in ["e.safetensors", "e.jsonl"] {
      let result = try shop.run([
        "embed", "--model", MiniLM.folder.path, "--input", shop.path("in"), "--output",
        shop.path(output),
      ])
      #expect(result.status == 0 && result.output.contains("3 sentences"), "\(result.errors)")
    }
    let file = try Safetensors(contentsOf: URL(fileURLWithPath: shop.path("e.safetensors")))
    let lines = try JSONLinesFile(Data(shop.read("e.jsonl").utf8), named: "e").objects
    #expect(try file["embeddings"]?.shape == [3, 384] && lines.count == 3)
    let first = lines[0].object["embedding"]?.array?.compactMap { $0.double } ?? []
    #expect(first.count == 384)
    #expect(
      try zip(first, file["embeddings"]?.floats ?? []).allSatisfy { abs($0 - Double($1)) < 1e-6 })
    let wrong = try shop.run([
      "generate", "--device", "reference", "--model", MiniLM.folder.path,
    ])
    #expect(wrong.status == 1 && wrong.errors.contains("retort embed"))
  }

  @Test(arguments: ["qwen3", "distilbert", "llama-untied"]) func modelsAreShownAndWrittenAgain(
    golden: String
  ) throws {
    let shop = try Workshop()
    let folder = goldenFolder("models/\(golden)").path
    let shown = try shop.run(["inspect", folder])
    #expect(shown.status == 0 && shown.output.contains("to train, batch of"), "\(shown.errors)")
    #expect(shown.output.contains("weights: F32") && shown.output.contains("tokenizer: "))
    let written = try shop.run([
      "export", "--model", folder, "--output", shop.path("half"), "--precision", "fp16",
    ])
    #expect(written.status == 0, "\(written.errors)")
    #expect(try shop.run(["inspect", shop.path("half")]).output.contains("weights: F16"))
    let again = try shop.run(["export", "--model", folder, "--output", shop.path("half")])
    #expect(again.status == 1 && again.errors.contains("exists already"))
  }

  /// A template that cannot be read is there all the same, and the reason is said.
  @Test func aRefusedTemplateIsShown() throws {
    let shop = try Workshop()
    let folder = try shop.model("qwen3")
    func shown(_ template: String) throws -> String {
      try template.write(toFile: folder + "/chat_template.jinja", atomically: true, encoding: .utf8)
      return try shop.run(["inspect", folder]).output
    }
    #expect(try shown("{{ messages[0].content }}").contains("chat template: yes"))
    let refused = try shown("{% for m in messages %}")
    #expect(
      refused.contains("chat template: refused. ") && refused.contains("endfor"), "\(refused)")
  }

  @Test func aModelFromScratchMayHaveALearntTokenizer() throws {
    let shop = try Workshop()
    let learnt = try shop.run([
      "tokenizer", "train", "--data", shop.path("text"), "--size", "300", "--output",
      shop.path("tokenizer"),
    ])
    #expect(learnt.status == 0, "\(learnt.errors)")
    let ids = try shop.run([
      "tokenizer", "encode", "--model", shop.path("tokenizer"), "--text", "the cat sat",
    ])
    let list = ids.output.trimmingCharacters(in: .newlines)
    #expect(list.split(separator: ",").count < 11)
    #expect(
      try shop.run([
        "tokenizer", "decode", "--model", shop.path("tokenizer"), "--tokens", list,
      ]).output == "the cat sat\n")
    let trained = try shop.run(
      [
        "train", "--device", "reference", "--run", shop.path("run"), "--set",
        "data.tokenizer=\(shop.path("tokenizer"))", "--set", "training.export=bf16",
      ] + shop.tiny(["model"]))
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(try shop.read("run/model/README.md").contains("library_name: transformers"))
    let size = try JSON(contentsOf: URL(fileURLWithPath: shop.path("run/model/config.json")))
    #expect(
      size["vocab_size"]?.int
        == (try TokenizerDirectory(URL(fileURLWithPath: shop.path("tokenizer"))).tokenizer
          .vocabularySize))

    // It is trained further by name, with its own tokenizer.
    let further = try shop.run(
      [
        "train", "--device", "reference", "--run", shop.path("more"), "--model",
        shop.path("run/model"), "--data", shop.path("text"), "--set", "model.steps=2", "--set",
        "data.sequence_length=8", "--set", "training.batch_size=2",
      ])
    #expect(further.status == 0, "\(further.errors)")
    #expect(further.errors.contains("all from") && further.errors.contains("learning") == false)
    #expect(try shop.read("more/recipe.yaml").contains("learning_rate: 0.0001"))
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      #expect(try shop.read("more/model/\(name)") == shop.read("tokenizer/\(name)"))
    }
    let scores = try shop.run([
      "evaluate", "--device", "reference", "--model", shop.path("more/model"), "--teacher",
      shop.path("run/model"), "--data", shop.path("text"), "--window", "8", "--stride", "4",
    ])
    #expect(scores.status == 0 && scores.output.contains("perplexity"), "\(scores.errors)")
    #expect(scores.output.contains("stride 4"))
  }

  @Test func studentsAreCutFromTeachersOrTakenFromFolders() throws {
    let shop = try Workshop()
    let teacher = try shop.model("qwen2-tied")
    try "abc abd bcd\nxyz\n".write(toFile: shop.path("abc"), atomically: true, encoding: .utf8)
    let text = (0..<60).map { "abc \("defghij".prefix($0 % 7 + 1)) cab" }.joined(separator: "\n\n")
    try text.write(toFile: shop.path("letters"), atomically: true, encoding: .utf8)
    func distill(_ run: String, _ student: String) throws -> Finished {
      try shop.run([
        "distill", "--force", "--device", "reference", "--run", shop.path(run), "--teacher",
        teacher,
        "--student", student, "--data", shop.path("letters"), "--set", "student.steps=2", "--set",
        "data.sequence_length=8", "--set", "training.batch_size=2",
      ])
    }
    let cut = try distill("cut", "from-teacher: {layers: [1], width: 8}")
    #expect(cut.status == 0, "\(cut.errors)")
    #expect(
      cut.errors.contains("copied from the teacher: layers 1 of 2, the heaviest 8 of 16 channels"))
    #expect(try shop.run(["inspect", shop.path("cut/student")]).output.contains("hidden_size: 8"))
    let new = try distill("new", "layers: 1, width: 8, heads: 2, key_value_heads: 1, mlp_width: 8")
    #expect(new.status == 0 && new.errors.contains("with random weights"), "\(new.errors)")
    let taken = try distill("taken", shop.path("cut/student"))
    #expect(taken.status == 0 && taken.errors.contains("all from"), "\(taken.errors)")
    let wrong = try distill("wrong", "from-teacher: {layers: [5]}")
    #expect(wrong.status == 1 && wrong.errors.contains("from 0 to 1") && !shop.exists("wrong"))
  }
}
