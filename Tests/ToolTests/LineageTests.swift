// What models come from: lineage, terms of teachers, and what they ask of whoever gives a model away.
import Checks
import Foundation
import Storage
import Testing

@testable import Experiments

@Suite struct LineageTests {
  /// A teacher whose card names a licence, with the text of it beside.
  private func teacher(_ shop: Workshop, licence: String, text: Bool = false) throws -> String {
    let folder = try shop.teacher()
    let card = try shop.read("teacher/model/README.md")
    try shop.write(
      "teacher/model/README.md",
      card.replacing("---\nlibrary", with: "---\nlicense: \(licence)\nlibrary"))
    if text { try shop.write("teacher/model/LICENSE.txt", "the licence's words") }
    return folder
  }

  private func distill(_ shop: Workshop, _ teacher: String, _ run: String, _ more: [String] = [])
    throws -> Finished
  {
    try shop.run(
      [
        "distill", "--device", "reference", "--run", run, "--teacher", teacher, "--set",
        "distillation.controls=data",
      ] + shop.tiny(["student"]) + more)
  }

  private func hashes(_ json: JSON?) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: (json?["files"]?.array ?? []).map {
        ($0["name"]?.string ?? "", $0["sha256"]?.string ?? "")
      })
  }

  private func hash(_ shop: Workshop, _ name: String) throws -> String {
    try SHA256.hash(contentsOf: URL(fileURLWithPath: shop.path(name)))
  }

  @Test func duties() throws {
    let shop = try Workshop()
    let teacher = try teacher(shop, licence: "llama3.2", text: true)
    let run = try distill(shop, teacher, "run")
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("Llama 3.1, 3.2, 3.3 and 4"), "\(run.errors)")

    // The student's lineage has the teacher with its hash and terms; the control's has no teacher.
    let lineage = try shop.json("run/student/lineage.json")
    #expect(
      try hashes(lineage["model"])["model.safetensors"]
        == hash(shop, "run/student/model.safetensors"))
    let source = try #require(lineage["sources"]?.array?.first)
    #expect(source["role"]?.string == "teacher" && source["share"]?.double == 1)
    #expect(source["terms"]?["id"]?.string == "llama-3.1-4")
    #expect(
      try hashes(source)["model.safetensors"] == hash(shop, "teacher/model/model.safetensors"))
    #expect(lineage["findings"]?.array?.isEmpty == false)
    #expect(try shop.json("run/control/lineage.json")["sources"] == [])
    let card = try shop.read("run/student/README.md")
    #expect(card.contains("**Built with Llama**") && card.contains("license: llama3.2"))
    #expect(card.contains("teacher_models:\n- {id: \"teacher/model\", sha256: "), "\(card)")

    // A name that the terms do not allow is refused, and the licence goes with the model.
    let refused = try shop.run(["export", "--model", "run/student", "--output", "Student"])
    #expect(refused.status != 0 && refused.errors.contains("begins with \"Llama\""))
    #expect(!shop.exists("Student"))
    let exported = try shop.run([
      "export", "--model", "run/student", "--output", "Llama-Student", "--precision", "bf16",
    ])
    #expect(exported.status == 0, "\(exported.errors)")
    #expect(try shop.read("Llama-Student/terms-llama-3.1-4-LICENSE.txt") == "the licence's words")
    let written = try shop.json("Llama-Student/lineage.json")
    #expect(written["model"]?["name"]?.string == "Llama-Student")
    #expect(
      try hashes(written["model"])["model.safetensors"]
        == hash(shop, "Llama-Student/model.safetensors"))

    // A model that learns from the student comes from the teacher, too.
    let second = try distill(shop, shop.path("Llama-Student"), "second", ["--force"])
    #expect(second.status == 0, "\(second.errors)")
    let sources = try #require(try shop.json("second/student/lineage.json")["sources"]?.array)
    #expect(sources.map { $0["through"]?.string } == [nil, "Llama-Student"])
    #expect(sources.last?["terms"]?["id"]?.string == "llama-3.1-4")
    #expect(
      try shop.read("second/student/terms-llama-3.1-4-LICENSE.txt") == "the licence's words")

    // Where nothing beside the teacher was its licence, somebody has to give it.
    try FileManager.default.removeItem(
      atPath: shop.path("run/student/terms-llama-3.1-4-LICENSE.txt"))
    let without = try shop.run(["export", "--model", "run/student", "--output", "Llama-2nd"])
    #expect(without.status != 0 && without.errors.contains("--licence llama-3.1-4=FILE"))
    let given = try shop.run([
      "export", "--model", "run/student", "--output", "Llama-2nd", "--licence",
      "llama-3.1-4=\(shop.path("teacher/model/LICENSE.txt"))",
    ])
    #expect(given.status == 0, "\(given.errors)")
    #expect(try shop.read("Llama-2nd/terms-llama-3.1-4-LICENSE.txt") == "the licence's words")
    let other = try shop.run([
      "export", "--model", "run/student", "--output", "Llama-3rd", "--licence", "mit=x",
    ])
    #expect(other.status != 0 && !shop.exists("Llama-3rd"))
  }

  @Test func termsThatForbidAreAcceptedWithAReason() throws {
    let shop = try Workshop()
    let teacher = try teacher(shop, licence: "llama3")
    for more in [
      [], ["--force"], ["--set", "terms.accept=[llama-2-3.0]"],
      ["--set", "terms.accept=[mit]", "--set", "terms.because=x"],
    ] {
      let run = try distill(shop, teacher, "run", more)
      #expect(run.status != 0 && run.errors.contains("terms"), "\(more): \(run.errors)")
      #expect(!shop.exists("run/recipe.yaml"))
    }
    let doctor = try shop.run(
      ["doctor", "--device", "reference", "--teacher", teacher] + shop.tiny(["student"]))
    #expect(doctor.errors.contains("forbidden") || doctor.output.contains("forbidden"))
    let run = try distill(
      shop, teacher, "run",
      ["--set", "terms.accept=[llama-2-3.0]", "--set", "terms.because=for a talk"])
    #expect(run.status == 0, "\(run.errors)")
    let terms = try shop.json("run/student/lineage.json")["sources"]?.array?.first?["terms"]
    #expect(terms?["verdict"]?.string == "forbidden" && terms?["because"]?.string == "for a talk")
    let bill = try shop.read("run/student/model.cdx.json")
    #expect(bill.contains("for a talk") && bill.contains("\"specVersion\": \"1.6\""))
  }

  @Test(arguments: [
    ("license: llama3", ["llama3"]), ("license: 'llama3'", ["llama3"]),
    ("license: \"llama3\"  # see LICENSE", ["llama3"]),
    ("license: [llama3, 'mit']", ["llama3", "mit"]),
    ("license:\n- llama3\n- mit\ntags: [x]\n- y", ["llama3", "mit"]),
    ("license: Llama 3", ["Llama 3"]),
    ("license: other\nlicense_name: qwen-research", ["qwen-research"]),
    ("license: other", ["other"]),
    ("license: llama3\r", ["llama3"]), ("tags: [license]", []), ("license:", []),
  ]) func licencesOfCardsAreRead(front: String, names: [String]) {
    #expect(CardLicences.named(in: "---\n\(front)\n---\n# Model\nlicense: mit\n") == names)
    #expect(CardLicences.named(in: front).isEmpty)
  }

  @Test func answersOfHostedModelsAreSources() throws {
    let shop = try Workshop()
    let lines = (0..<40).map { index in
      let provider =
        index % 4 == 0
        ? ""
        : ", \"provider\": {\"url\": \"https://host/v1\", \"model\": \"m\"}, \"terms\": {\"id\": \"deepseek-api-2025-01-20\", \"verdict\": \"allowed\"}"
      return
        "{\"prompt\": \"Question \(index)\", \"completion\": \"the cat sat \(index)\"\(provider)}"
    }
    try shop.write("answers.jsonl", lines.joined(separator: "\n"))
    let run = try shop.run(
      ["train", "--device", "reference", "--run", "run", "--force"] + shop.tiny(["model"])
        + [
          "--set", "data.files=[\(shop.path("answers.jsonl"))]", "--set",
          "data.sequence_length=48",
        ])
    #expect(run.status == 0, "\(run.errors)")
    let sources = try #require(try shop.json("run/model/lineage.json")["sources"]?.array)
    #expect(sources.count == 1 && sources[0]["role"]?.string == "answers")
    #expect(sources[0]["answers"]?.int == 30 && sources[0]["share"]?.double == 0.75)
    #expect(sources[0]["url"]?.string == "https://host/v1")
    #expect(sources[0]["terms"]?["id"]?.string == "deepseek-api-2025-01-20")
    let bill = try shop.json("run/model/model.cdx.json")
    let model = bill["components"]?.array?.first { $0["name"]?.string == "m" }
    #expect(model?["type"]?.string == "machine-learning-model")
    // What began without anybody's model has no sources, and an export of a folder without lineage has none.
    try FileManager.default.removeItem(atPath: shop.path("run/model/lineage.json"))
    let exported = try shop.run(["export", "--model", "run/model", "--output", "plain"])
    #expect(exported.status == 0 && !shop.exists("plain/lineage.json"))
    #expect(!shop.exists("plain/model.cdx.json"))
  }
}
