// GGUF files and weights in fewer bits through the tool.
import Checks
import Foundation
import Models
import Storage
import Testing

@testable import Experiments

@Suite struct GGUFToolTests {
  private func evaluated(_ shop: Workshop, _ arguments: [String]) throws -> Double {
    let found = try shop.run(
      ["evaluate", "--device", "reference", "--data", "text", "--json"] + arguments)
    #expect(found.status == 0, "\(found.errors)")
    return try JSON(parsing: Data(found.output.utf8))["bits_per_byte"]?.double ?? 0
  }

  @Test func aFileStandsForAFolder() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
    for form in ["f32", "q8_0"] {
      let written = try shop.run([
        "export", "--model", teacher, "--gguf", form, "--output", "\(form).gguf",
      ])
      #expect(written.status == 0, "\(written.errors)")
    }
    let whole = try evaluated(shop, ["--model", teacher])
    #expect(try evaluated(shop, ["--model", "f32.gguf"]) == whole)
    #expect(abs(try evaluated(shop, ["--model", "q8_0.gguf"]) - whole) < 0.01)
    #expect(try shop.run(["inspect", "q8_0.gguf"]).output.contains("weights:"))
    // A folder of it again, tokenizer and all.
    #expect(try shop.run(["export", "--model", "f32.gguf", "--output", "again"]).status == 0)
    #expect(try evaluated(shop, ["--model", "again"]) == whole)

    let both = try shop.run([
      "export", "--model", teacher, "--gguf", "f16", "--precision", "bf16", "--output", "x.gguf",
    ])
    #expect(both.status != 0 && both.errors.contains("--gguf"), "\(both.errors)")
    let twice = try shop.run([
      "export", "--model", teacher, "--gguf", "f16", "--output", "f32.gguf",
    ])
    #expect(twice.status == 1 && twice.errors.contains("exists already"))
  }

  /// Additions to the blocks of a file: the base keeps its bits, the adapter is read beside it, and the whole can be written.
  @Test func anAdapterIsTrainedOnAFile() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
    let written = try shop.run([
      "export", "--model", teacher, "--gguf", "f32", "--output", "base.gguf",
    ])
    #expect(written.status == 0, "\(written.errors)")
    let run = try shop.run(
      [
        "train", "--device", "reference", "--model", "base.gguf", "--lora", "2", "--base", "int8",
        "--run", "run", "--set", "model.learning_rate=0.02", "--force", "--set",
        "training.optimizer=adamw8",
      ] + shop.tiny(["model"], steps: 10))
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("lie in int8") || run.errors.contains("lie in int8"))
    let adapted = ["--model", "base.gguf", "--adapter", "run/model"]
    let merged = try shop.run(["merge"] + adapted + ["--output", "merged"])
    #expect(merged.status == 0, "\(merged.errors)")
    let (apart, whole, base) = try (
      evaluated(shop, adapted), evaluated(shop, ["--model", "merged"]),
      evaluated(shop, ["--model", "base.gguf"])
    )
    #expect(abs(apart - whole) < 1e-6 && abs(apart - base) > 1e-4, "\(apart) \(whole) \(base)")
    // On the base as it was trained on.
    #expect(abs(try evaluated(shop, adapted + ["--storage", "int8"]) - apart) < 0.01)
    // An adapter that names no folder here is read beside the one that is given.
    var configuration = try shop.json("run/model/adapter_config.json").object ?? .init()
    configuration["base_model_name_or_path"] = "someone/elsewhere"
    try JSON.object(configuration).text.write(
      toFile: shop.path("run/model/adapter_config.json"), atomically: true, encoding: .utf8)
    #expect(try evaluated(shop, adapted) == apart)
    let lost = try shop.run(["evaluate", "--model", "run/model", "--data", "text"])
    #expect(lost.status == 1 && lost.errors.contains("someone/elsewhere"), "\(lost.errors)")
    // What is trained lies in single precision.
    let refused = try shop.run([
      "train", "--model", teacher, "--base", "int8", "--run", "no", "--data", "text",
    ])
    #expect(
      refused.status != 0 && refused.errors.contains("model.adapter.base"), "\(refused.errors)")
  }

  /// A licence and a name on the Hub go with a file, and are found in it.
  @Test func aFileSaysWhatItComesFrom() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
    try "---\nlicense: gemma\n---\n".write(
      toFile: shop.path("teacher/model/README.md"), atomically: true, encoding: .utf8)
    #expect(teacher.hasSuffix("teacher/model"))
    let written = try shop.run([
      "export", "--model", teacher, "--gguf", "f16", "--output", "a.gguf",
    ])
    #expect(written.status == 0, "\(written.errors)")
    let file = ModelDirectory(URL(fileURLWithPath: shop.path("a.gguf")))
    let origin = ModelOrigin(file)
    #expect(origin.licences == ["gemma"] && !origin.rules.isEmpty)
    #expect(try origin.files(FileHashes()).map(\.name) == ["a.gguf"])
  }

  /// What lies in fewer bits is said, whether an option asks for it or a file has it.
  @Test func blocksAreTold() throws {
    let shop = try Workshop()
    try FileManager.default.copyItem(
      at: goldenFolder("gguf/qwen2-q8_0.gguf"), to: URL(fileURLWithPath: shop.path("blocks.gguf")))
    let said = try shop.run(["inspect", "blocks.gguf"])
    #expect(said.status == 0 && said.output.contains("Q8_0"), "\(said.errors)")
    let noted = try shop.run([
      "generate", "--device", "reference", "--model", try shop.teacher(), "--storage", "int8",
      "--prompt", "A", "--count", "1",
    ])
    #expect(noted.errors.contains("lie in int8"), "\(noted.errors)")
  }

  /// A teacher in fewer bits: the doctor says what that changes.
  @Test func theDoctorMeasuresFewerBits() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
    let doctor = try shop.run(
      [
        "doctor", "--device", "reference", "--teacher", teacher, "--set", "teacher.storage=int8",
      ] + shop.tiny(["student"]))
    #expect(
      doctor.output.contains("lie in int8")
        && doctor.output.contains("(KL) from those of its file"),
      "\(doctor.output) \(doctor.errors)")
  }
}
