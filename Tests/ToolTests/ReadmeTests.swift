// README's commands, recipes and code are what the tool and the library take.
import Checks
import Foundation
import Testing

@testable import Command
@testable import Experiments

/// The root of the repository.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

@Suite struct ReadmeTests {
  /// The blocks of a page in a language, without their fences.
  private func blocks(_ language: String, of page: String = "README.md") throws -> [String] {
    let text = try String(contentsOf: repository.appending(path: page), encoding: .utf8)
    let parts = text.split(separator: "```", omittingEmptySubsequences: false)
    return stride(from: 1, to: parts.count, by: 2).compactMap { index in
      let part = parts[index]
      guard part.prefix(while: { $0 != "\n" }) == language else { return nil }
      return String(part.drop { $0 != "\n" }.dropFirst())
    }
  }

  @Test func recipesOfREADMEFitTheTeacherOfQuickstart() throws {
    let shop = try Workshop()
    let trained = try shop.run(
      ["train", "--device", "reference", "--run", shop.path("run")]
        + shop.tiny(["model"], steps: 2) + ["--set", "data.sequence_length=128"])
    #expect(trained.status == 0, "\(trained.errors)")
    let recipes = try blocks("yaml")
    #expect(!recipes.isEmpty)
    for recipe in recipes {
      // Paths that README names are those of other places here.
      try shop.write(
        "recipe.yaml",
        recipe.replacing("runs/quickstart/teacher", with: shop.path("run/model"))
          .replacing("book.txt", with: shop.path("text")))
      let doctor = try shop.run(["doctor", shop.path("recipe.yaml"), "--device", "reference"])
      let refusals = doctor.output.split(separator: "\n").filter { $0.hasPrefix("refused") }
      // Two steps taught the teacher nothing, and the doctor says so of it and of nothing else.
      #expect(refusals.allSatisfy { $0.contains("knows nothing") }, "\(doctor.output)")
      #expect(doctor.output.contains("\nok "))
    }
  }

  @Test func commandsOfREADMEAreUnderstood() throws {
    let commands = try blocks("").flatMap { $0.split(separator: "\n") }
      .filter { $0.hasPrefix("retort ") }
    #expect(commands.count > 18)
    for command in commands {
      // A comment follows after two spaces; what may be left out stands in brackets.
      let line = command.split(separator: "  ")[0].split(separator: "#")[0]
        .replacing("$(./Scripts/minilm)", with: "DIR").replacing("[", with: "")
        .replacing("] ", with: " ")
      var (words, word, quote) = ([String](), "", Character?.none)
      for character in line + " " {
        if character == quote {
          quote = nil
        } else if quote == nil, character == "'" || character == "\"" {
          quote = character
        } else if quote == nil, character == " " {
          if !word.isEmpty { words.append(word) }
          word = ""
        } else {
          word.append(character)
        }
      }
      let arguments = words.dropFirst().map {
        $0.hasSuffix("]") && !$0.contains("{") ? String($0.dropLast()) : $0
      }
      #expect(throws: Never.self, "\(command)") { _ = try Retort.parseAsRoot(arguments) }
    }
  }

  @Test func scriptsOfREADMEAreThere() throws {
    let text = try String(contentsOf: repository.appending(path: "README.md"), encoding: .utf8)
    let scripts = Set(text.matches(of: /\.\/(Scripts\/[a-z-]+)/).map { String($0.1) })
    #expect(scripts.count > 9)
    for script in scripts {
      let path = repository.appending(path: script).path
      #expect(FileManager.default.isExecutableFile(atPath: path), "\(script)")
    }
  }

  /// What README and the library's documentation show as code stands in an example or a test, line by line.
  @Test(arguments: ["README.md"] + articles) func codeIsThatOfExamplesAndTests(page: String) throws
  {
    func lines(_ text: String) -> String {
      text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        .joined(separator: "\n")
    }
    // Scripts/examples takes the manifest that a page shows to the package manager.
    let blocks = try blocks("swift", of: page).filter { !$0.hasPrefix("// swift-tools-version") }
    #expect(!blocks.isEmpty)
    for block in blocks {
      let stands = try Self.sources.contains { source in
        lines(try String(contentsOf: source, encoding: .utf8)).contains(lines(block))
      }
      #expect(stands, "\(page): \(block)")
    }
  }

  private static let articles = [
    "Retort", "FirstDistillation", "OwnModel", "OwnObjective", "OwnTask",
  ]
  .map { "Sources/Retort/Retort.docc/\($0).md" }

  /// The files that pages quote.
  private static let sources: [URL] = {
    let examples = repository.appending(path: "Examples/Sources")
    let found = FileManager.default.enumerator(at: examples, includingPropertiesForKeys: nil)
    return (found?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
      + [
        "Examples/Package.swift", "Tests/TensorsTests/ExecutorTests.swift",
        "Tests/TrainingTests/OptimizerTests.swift",
      ].map { repository.appending(path: $0) }
  }()
}
