import Base
// What a run leaves behind: report, cards, comparisons, numbered folders.
import Checks
import Foundation
import Storage
import Testing

@testable import Command
@testable import Experiments

@Suite struct ReportTests {
  private func distill(_ shop: Workshop, _ more: [String] = []) throws -> Finished {
    try shop.run(
      ["distill", "--device", "reference"] + shop.tiny(["teacher", "student"], steps: 24)
        + ["--set", "training.log_interval=1", "--controls", "both"] + more)
  }

  @Test func aReportShowsAllThatWasFound() throws {
    let shop = try Workshop()
    let run = try distill(shop, ["--run", "run", "--set", "seeds=3", "--set", "teacher.layers=2"])
    #expect(run.status == 0, "\(run.errors)")
    let report = try shop.read("run/report.html")
    // One file, which asks for nothing from elsewhere.
    #expect(!report.contains("http") && !report.contains("src=") && !report.contains("url("))
    let outcome = try #require(Outcome(try shop.json("run/verdict.json")))
    for (index, question) in Question.allCases.enumerated() {
      let verdict = try #require(outcome.answers?.verdict(question))
      #expect(verdict.seedDifferences.count == 3)
      #expect(report.contains("At equal \(question.rawValue): <b class="))
      // The interval, and a dot for each seed.
      let figure = report.components(separatedBy: "<figure>")[index + 1]
      #expect(figure.contains("\(fixed(verdict.difference, 4)) ["))
      for seed in 1...3 { #expect(figure.contains("seed \(seed): ")) }
      // What is read back is what was found.
      #expect(run.output.contains(verdict.sentence(question, unit: "nats/token", rows: "windows")))
    }
    for sentence in outcome.sentences { #expect(report.contains(escaped(sentence))) }
    for row in outcome.cells {
      for cell in row { #expect(report.contains(">\(escaped(cell))</t"), "\(cell)") }
    }
    for title in [
      "Loss on validation rows", "Loss", "Cross-entropy, nats", "KL to the teacher, nats",
      "Divergence", "Learning rate", "Norm of the gradients", "bits/byte against parameters",
      "How often the likeliest class is right, against its probability", "What they write",
      "Time and memory", "How it was made", "What was found before",
    ] { #expect(report.contains(">\(title)</"), "\(title)") }
    for fact in [
      "retort distill --device reference", "student.layers</th><td>1</td><td>2",
      "data.sequence_length</th><td>8</td><td>128", "one tokenizer of 257 tokens",
    ] { #expect(report.contains(fact), "\(fact)") }
    #expect(outcome.samples.count == 4 && !outcome.arms[0].reliability.isEmpty)
    let shares = outcome.arms[0].reliability.reduce(0) { $0 + $1.share }
    #expect(abs(shares - 1) < 1e-9)

    // Cards of all seeds say what was found, and an export keeps that.
    for arm in ["student", "student-3", "teacher", "control-compute-2"] {
      let card = try shop.read("run/\(arm)/README.md")
      #expect(card.components(separatedBy: "\n## Evaluation\n").count == 2)
      #expect(card.contains("- \(outcome.sentences[0])") && !card.contains(shop.folder.path))
      for line in card.split(separator: "\n") where line.hasPrefix("| student") {
        #expect(line.count(where: { $0 == "|" }) == outcome.cells[0].count + 1)
      }
    }
    let exported = try shop.run(["export", "--model", "run/student", "--output", "half"])
    #expect(exported.status == 0, "\(exported.errors)")
    #expect(try shop.read("half/README.md") == shop.read("run/student/README.md"))
    // Judging again changes nothing but times.
    let again = try shop.run(["distill", "--device", "reference", "--run", "run", "--resume"])
    #expect(again.status == 0, "\(again.errors)")
    let card = try shop.read("run/student/README.md")
    #expect(card.components(separatedBy: "\n## Evaluation\n").count == 2)
  }

  @Test func runsThatBeginAtOnceHaveNumbersOfTheirOwn() throws {
    let shop = try Workshop()
    let arguments = ["train", "--device", "reference"] + shop.tiny(["model"])
    let started = try (0..<3).map { _ in try start(arguments, [:], shop.folder) }
    for run in started { run.process.waitUntilExit() }
    #expect(started.allSatisfy { $0.process.terminationStatus == 0 })
    for number in 1...3 { #expect(shop.exists("runs/\(number)/evaluation.json"), "\(number)") }
    // A run that is refused leaves no folder.
    let refused = try shop.run(["train", "--data", "missing"] + shop.tiny([]).prefix(0))
    #expect(refused.status == 1 && !shop.exists("runs/4"), "\(refused.errors)")
  }

  @Test func textsOfOthersBreakNoCard() throws {
    let shop = try Workshop()
    let reason = "be|cause <script>\n## Injected"
    let run = try shop.run(
      ["distill", "--device", "reference", "--run", "run", "--without-control", reason]
        + shop.tiny(["teacher", "student"]))
    #expect(run.status == 0, "\(run.errors)")
    let card = try shop.read("run/student/README.md")
    #expect(
      card.contains("(be|cause &lt;script> ## Injected)") && !card.contains("\n## Injected"),
      "\(card)")
    #expect(card.contains("Data: text; ") && card.contains("student and controls see"))
    let report = try shop.read("run/report.html")
    #expect(report.components(separatedBy: "<script>").count == 2)
  }

  @Test func aNameOfTheHubIsABase() throws {
    let shop = try Workshop()
    let folder = try shop.model("llama-untied")
    let config = URL(fileURLWithPath: folder).appending(path: "config.json")
    var fields = try #require(try JSON(contentsOf: config).object)
    fields["_name_or_path"] = .string("someone/a-model")
    try Data(JSON.object(fields).text.utf8).write(to: config)
    try "---\ntags: [x]\nlicense: apache-2.0\n---\n# A model\n".write(
      toFile: folder + "/README.md", atomically: true, encoding: .utf8)
    try shop.write(
      "data.txt", Array(repeating: "the cat sat", count: 80).joined(separator: "\n%\n"))
    let run = try shop.run([
      "train", "--device", "reference", "--model", folder, "--data", "data.txt", "--run", "run",
      "--steps", "1", "--batch-size", "2", "--set", "data.sequence_length=4", "--force",
    ])
    #expect(run.status == 0, "\(run.errors)")
    let card = try shop.read("run/model/README.md")
    #expect(card.contains("\nbase_model: [someone/a-model]\nlicense: apache-2.0\n"), "\(card)")
    #expect(card.contains("are under apache-2.0;") && card.contains("| bits/byte |"))
  }

  @Test func runsAreNumberedMovedAndCompared() throws {
    let shop = try Workshop()
    for (number, layers) in [(1, 1), (2, 2)] {
      let run = try distill(shop, ["--set", "student.layers=\(layers)"])
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.contains("Everything is in runs/\(number);"), "\(run.output)")
      let link = shop.path("runs/latest")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "\(number)")
    }
    // The link is what --resume goes on with.
    let resumed = try shop.run(["distill", "--device", "reference", "--resume"])
    #expect(resumed.status == 0 && resumed.output.contains("Everything is in runs/2;"))
    let other = try shop.run(["train", "--device", "reference", "--resume"])
    #expect(other.errors.contains("`retort distill --run runs/2 --resume`"), "\(other.errors)")
    // A folder that has moved goes on from any place.
    try FileManager.default.moveItem(atPath: shop.path("runs/1"), toPath: shop.path("elsewhere"))
    try FileManager.default.removeItem(atPath: shop.path("elsewhere/verdict.json"))
    try FileManager.default.removeItem(atPath: shop.path("elsewhere/student"))
    let moved = try shop.run(
      ["distill", "--device", "reference", "--run", shop.path("elsewhere"), "--resume"])
    #expect(moved.status == 0 && shop.exists("elsewhere/verdict.json"), "\(moved.errors)")

    let compared = try shop.run(["compare", "elsewhere", "runs/latest", "--output", "page.html"])
    #expect(compared.status == 0, "\(compared.errors)")
    let lines = compared.output.split(separator: "\n")
    #expect(lines.count(where: { $0.contains("  student  ") }) == 2, "\(compared.output)")
    // Numbers stand under their titles.
    func cells(_ line: Substring) -> [String] {
      line.split(separator: /\s{2,}/).map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let (header, row) = (cells(lines[0]), Array(cells(lines[1]).dropFirst()))
    #expect(header.count == row.count && header[1] == "ahead at equal data", "\(compared.output)")
    #expect(row[1].contains("±"))
    let outcome = try #require(Outcome(try shop.json("elsewhere/verdict.json")))
    let student = try #require(outcome.arms.first { $0.arm == "student" })
    for title in ["parameters", "bits/byte", "tokens/s", "trained"] {
      let place = try #require(header.firstIndex(of: title), "\(title)")
      #expect(row[place] == student.metrics.first { $0.title == title }?.text, "\(title)")
    }
    #expect(lines.contains { $0.hasPrefix("student.layers") && $0.hasSuffix("  2") })
    #expect(!compared.output.contains("student.width") && compared.errors.isEmpty)
    let page = try shop.read("page.html")
    // A report is no page of this command, and recipes that cannot be read are none that are alike.
    let onto = try shop.run(["compare", "elsewhere", "runs/2", "--output", "runs/2/report.html"])
    #expect(onto.status == 1 && onto.errors.contains("was not written by `retort compare`"))
    #expect(page.contains("<th>student.layers</th><td>1</td><td>2</td>") && page.contains("<svg"))
    // A page of its own is written over, a foreign file is not.
    #expect(try shop.run(["compare", "elsewhere", "runs/2", "--output", "page.html"]).status == 0)
    try shop.write("page.html")
    let foreign = try shop.run(["compare", "elsewhere", "runs/2", "--output", "page.html"])
    #expect(foreign.status == 1 && foreign.errors.contains("was not written by `retort compare`"))
    try FileManager.default.copyItem(atPath: shop.path("runs/2"), toPath: shop.path("damaged"))
    for file in ["recipe.yaml", "run.json"] {
      try "[".write(toFile: shop.path("damaged/\(file)"), atomically: false, encoding: .utf8)
    }
    let verdict = try shop.read("damaged/verdict.json")
    try verdict.replacing(/"parameters":\d+/, with: "\"parameters\":1e300").write(
      toFile: shop.path("damaged/verdict.json"), atomically: false, encoding: .utf8)
    let damaged = try shop.run(["compare", "elsewhere", "damaged"])
    #expect(
      damaged.status == 0 && damaged.errors.contains("run.json is missing or damaged): damaged"))
    #expect(
      damaged.errors.contains("recipes of these cannot be read")
        && damaged.output.contains("1e+300"))
    #expect(!damaged.output.contains("student.layers"), "\(damaged.output)")
    let nothing = try shop.run(["compare", "elsewhere", "runs"])
    #expect(nothing.status == 1 && nothing.errors.contains("runs is no folder of a run"))

    // A folder of the link's name is an older version's, and stays.
    try FileManager.default.removeItem(atPath: shop.path("runs/latest"))
    try shop.write("runs/latest/precious")
    let third = try distill(shop)
    #expect(third.status == 0 && third.errors.contains("runs/latest is no link and stays"))
    #expect(
      try shop.read("runs/latest/precious") == "precious" && shop.exists("runs/3/verdict.json"))
  }
}
