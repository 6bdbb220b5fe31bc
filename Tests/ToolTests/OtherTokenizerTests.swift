// A distillation whose teacher has another tokenizer, from the command line.
import Checks
import Foundation
import Storage
import Testing

@Suite struct OtherTokenizerTests {
  private static let text = (0..<60).map {
    "The \(["cat", "dog", "bird", "fish"][$0 % 4]) sat on the \(["mat", "log", "roof"][$0 % 3]), and \($0) more came.\n\n"
  }.joined()

  /// A workshop with a text, a tokenizer of its words, and a teacher that has it.
  private func shop(_ device: String) throws -> (Workshop, [String]) {
    let shop = try Workshop()
    try Self.text.write(toFile: shop.path("words.txt"), atomically: true, encoding: .utf8)
    let tokenizer = try shop.run([
      "tokenizer", "train", "--data", shop.path("words.txt"), "--size", "300", "--output",
      shop.path("words"),
    ])
    #expect(tokenizer.status == 0, "\(tokenizer.errors)")
    let common = [
      "--device", device, "--set", "data.files=[\(shop.path("words.txt"))]", "--set",
      "data.sequence_length=32", "--set", "data.held_out=0.2",
    ]
    let teacher = try shop.run(
      ["train", "--run", shop.path("teacher"), "--set", "data.tokenizer=\(shop.path("words"))"]
        + shop.tiny(["model"]) + common
        + ["--set", "model.steps=60", "--set", "model.learning_rate=0.01"])
    #expect(teacher.status == 0, "\(teacher.errors)")
    return (
      shop,
      ["distill", "--teacher", shop.path("teacher/model"), "--force"] + shop.tiny(["student"])
        + common
    )
  }

  @Test(arguments: ["auto", "reference"]) func aTeacherOfWordsTeachesBytes(device: String) throws {
    let (shop, distill) = try shop(device)
    let run = distill + ["--run", shop.path("run"), "--objective", "likelihood"]
    let result = try shop.run(run)
    #expect(result.status == 0, "\(result.errors)")
    let words = result.output + result.errors
    #expect(words.contains("tokenizers of their own, 257 tokens for the student and"), "\(words)")
    #expect(words.contains("u ln(u/v) - u + v"))
    let (records, _) = try shop.metrics("run")
    let last = try #require(records.last { $0["arm"]?.string == "student" })
    for term in ["loss", "ce", "likelihood", "bounded"] {
      #expect(last[term]?.double?.isFinite == true, "\(term)")
    }
    // The same numbers again, and all models in bits per byte.
    let verdict = try JSON(contentsOf: URL(fileURLWithPath: shop.path("run/verdict.json"))).json
    #expect(verdict.contains("bits_per_byte") && !verdict.contains("kl_to_teacher\":{"))
    let again = try shop.run(run.map { $0 == shop.path("run") ? shop.path("again") : $0 })
    #expect(again.status == 0, "\(again.errors)")
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: shop.path("run/student/model.safetensors")))
        == Data(contentsOf: URL(fileURLWithPath: shop.path("again/student/model.safetensors"))))
  }

  @Test func twoFoldersWithTokenizersOfTheirOwnJustWork() throws {
    let (shop, distill) = try shop("reference")
    let student = try shop.run(
      ["train", "--device", "reference", "--run", shop.path("bytes")] + shop.tiny(["model"]) + [
        "--set", "data.files=[\(shop.path("words.txt"))]", "--set", "data.sequence_length=32",
      ])
    #expect(student.status == 0, "\(student.errors)")
    let both = ["--student", shop.path("bytes/model"), "--run", shop.path("run")]
    let result = try shop.run(distill + both)
    #expect(result.status == 0, "\(result.errors)")
    #expect((result.output + result.errors).contains("tokenizers of their own"))
    // Whatever else reads a teacher needs its tokens.
    for (setting, message) in [
      ("distillation.objective=reverse_kl", "another tokenizer than the teacher"),
      ("distillation.hidden.weight=1", "another tokenizer than the teacher"),
    ] {
      let refused = try shop.run(distill + both + ["--overwrite", "--set", setting])
      #expect(refused.status != 0 && refused.errors.contains(message), "\(refused.errors)")
    }
    let packed = try shop.run(
      distill + [
        "--run", shop.path("x"), "--objective", "likelihood", "--set", "data.packing=true",
      ])
    #expect(packed.status != 0 && packed.errors.contains("data.packing"), "\(packed.errors)")
  }

  /// Prompts with completions: only what a teacher wrote is compared.
  @Test func completionsAreLearntAcrossTokenizers() throws {
    let (shop, distill) = try shop("reference")
    let lines = (0..<40).map {
      "{\"prompt\": \"Who sat on mat \($0)?\", \"completion\": \" The cat sat on the mat.\"}\n"
    }
    try lines.joined().write(toFile: shop.path("pairs.jsonl"), atomically: true, encoding: .utf8)
    let result = try shop.run(
      distill + [
        "--run", shop.path("run"), "--objective", "likelihood", "--set", "data.sequence_length=64",
        "--set", "data.files=[\(shop.path("pairs.jsonl"))]",
      ])
    #expect(result.status == 0, "\(result.errors)")
  }

  /// What a hosted model answered, with its log-probabilities: no teacher is here.
  @Test func collectedAnswersTeach() throws {
    let shop = try Workshop()
    func line(_ number: Int, _ logprobs: Bool) -> String {
      let answer = " The cat sat on mat \(number)."
      let tokens = answer.utf8.map { "[\"\(Data([$0]).base64EncodedString())\", -0.25]" }
      let numbers = ", \"logprobs\": {\"tokens\": [\(tokens.joined(separator: ", "))]}"
      return "{\"prompt\": \"Who sat?\", \"completion\": \"\(answer)\"\(logprobs ? numbers : "")}\n"
    }
    let run = { (data: String, folder: String, file: String) -> Finished in
      try data.write(toFile: shop.path(file), atomically: true, encoding: .utf8)
      return try shop.run(
        [
          "distill", "--device", "reference", "--run", shop.path(folder), "--objective",
          "likelihood", "--force",
        ]
          + shop.tiny(["student"]) + [
            "--set", "data.files=[\(shop.path(file))]", "--set",
            "data.sequence_length=48", "--set", "data.held_out=0.2",
          ])
    }
    let result = try run((0..<40).map { line($0, $0 % 10 != 3) }.joined(), "run", "answers.jsonl")
    #expect(result.status == 0, "\(result.errors)")
    let words = result.output + result.errors
    #expect(words.contains("bring log-probabilities of"), "\(words)")
    #expect(words.contains("have no log-probabilities, and are learnt without"), "\(words)")
    #expect(!shop.exists("run/teacher"))
    let nothing = try run((0..<40).map { line($0, false) }.joined(), "nothing", "answers.jsonl")
    #expect(nothing.status == 1 && nothing.errors.contains("have no log-probabilities"))
    let plain = try run("A text.\n\nAnother text.\n", "plain", "plain.txt")
    #expect(plain.status == 1 && plain.errors.contains("plain texts"), "\(plain.errors)")
  }
}
