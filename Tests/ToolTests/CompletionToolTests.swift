// What distillation learns from, as a person sees it: completions, shared rows, and what the doctor says of them.
import Checks
import Foundation
import Storage
import Testing
import Text

@testable import Command
@testable import Experiments

@Suite struct CompletionToolTests {
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
        ] + shop.tiny(["model"]) + [
          "--set", "data.files=[\(shop.path("data.jsonl"))]", "--set", "data.sequence_length=40",
        ])
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
    let teacher = try shop.teacher()
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
  }

  @Test func dataOfEveryFormAreLearntFromScratch() throws {
    let shop = try Workshop()
    let rows = (0..<40).map { "q\($0),a\($0 % 7)" }
    try shop.write("data.csv", "question,answer\n" + rows.joined(separator: "\n"))
    let result = try shop.run(
      [
        "doctor", "--device", "reference", "--model", try shop.teacher(), "--data",
        shop.path("data.csv"), "--fields", "prompt: question, completion: answer",
      ] + ["--set", "data.sequence_length=8", "--force"])
    #expect(result.output.contains("data.csv, line 2"), "\(result.output)\(result.errors)")
    #expect(result.output.contains("q0«a0"), "\(result.output)\(result.errors)")
  }

  @Test func formerNamesOfKeysAreUnderstoodAndPlacesNamed() throws {
    let shop = try Workshop()
    let old = try LanguageTask.recipe(settings: ["data={text: [], completions: [a.jsonl]}"])
    #expect(old.text.data.files == ["a.jsonl"])
    try shop.write("recipe.yaml", "data:\n  text: [a]\nstudent:\n  layers: 2\n  width: many\n")
    let file = shop.path("recipe.yaml")
    func message(_ yaml: String) throws -> String {
      try shop.write("recipe.yaml", yaml)
      let error = #expect(throws: RecipeError.self) {
        try LanguageTask.recipe(file: file, settings: [])
      }
      return error?.description ?? ""
    }
    #expect(
      try message("data:\n  text: [a]\nstudent:\n  layers: 2\n  width: many\n")
        == "\(file), line 5: student.width must be a whole number.")
    #expect(
      try message("data: {held_out: 2}\n").hasPrefix("\(file), line 1: data.held_out must be"))
    #expect(try message("\nstudent: {layrs: 2}\n").hasPrefix("\(file), line 2: there is no key"))
    #expect(try message("x.data: {packing: true}").contains("there is no key x.data"))
    #expect(try message("student: [\n").hasPrefix("\(file), line"))
    #expect(try message("data: {text: [a], completions: [b]}").contains("name all there"))
  }

  @Test func theDoctorSaysWhatWouldSpoilARun() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
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
    let reasons = try shop.json("run/verdict.json")["forced_against"]?.array?.compactMap {
      $0.string
    }
    #expect(reasons?.count == 1)
  }

  @Test func aTrainingIsLookedAtToo() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
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
        "training.batch_size=2", "--set", "data.sequence_length=24", "--objective", "forward_kl",
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
        && tokenizer.errors.contains("the objective likelihood compares pieces of text")
        && tokenizer.errors.contains("retort generate --model TEACHER"), "\(tokenizer.errors)")
  }
}
