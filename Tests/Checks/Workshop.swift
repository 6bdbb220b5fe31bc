// A folder in which tests run the tool as a person does: a process with files, messages and exit codes.
import Foundation

/// A finished process.
package struct Finished {
  package let status: Int32
  package let output: String
  package let errors: String
}

/// The folder of the built products: beside the test bundle.
package let products: URL = {
  let arguments = CommandLine.arguments[0]
  return URL(fileURLWithPath: arguments).resolvingSymlinksInPath().deletingLastPathComponent()
}()

/// Starts the tool.
package func start(_ arguments: [String], _ environment: [String: String], _ folder: URL) throws
  -> (process: Process, output: URL, errors: URL)
{
  let process = Process()
  process.executableURL = products.appending(path: "retort")
  process.arguments = arguments
  process.currentDirectoryURL = folder
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let (output, errors) = (
    folder.appending(path: UUID().uuidString), folder.appending(path: UUID().uuidString)
  )
  for file in [output, errors] { try Data().write(to: file) }
  process.standardOutput = try FileHandle(forWritingTo: output)
  process.standardError = try FileHandle(forWritingTo: errors)
  try process.run()
  return (process, output, errors)
}

/// A folder with a text of its own, in which the tool runs.
package final class Workshop {
  package let folder: URL

  package init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "retort-tool-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let lines = (0..<120).map { "Saying number \($0): the cat sat on mat \($0 % 7)." }
    try lines.joined(separator: "\n%\n").write(
      to: folder.appending(path: "text"), atomically: true, encoding: .utf8)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  package func path(_ name: String) -> String { folder.appending(path: name).path }

  package func read(_ name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  /// Writes a file, and the folder that it lies in.
  package func write(_ path: String, _ text: String = "precious") throws {
    let url = URL(fileURLWithPath: self.path(path))
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: url, atomically: true, encoding: .utf8)
  }

  package func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  package func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Finished
  {
    let (process, output, errors) = try start(arguments, environment, folder)
    process.waitUntilExit()
    return Finished(
      status: process.terminationStatus,
      output: try String(contentsOf: output, encoding: .utf8),  // throws unless it is UTF-8
      errors: try String(contentsOf: errors, encoding: .utf8))
  }

  /// The settings of tiny models; students with one seed.
  package func tiny(_ sections: [String], steps: Int = 4) -> [String] {
    let sizes = sections.flatMap { section in
      ["layers=1", "width=8", "heads=2", "key_value_heads=1", "mlp_width=8", "steps=\(steps)"]
        .map { "\(section).\($0)" }
    }
    let rest = [
      "data.files=[\(path("text"))]", "data.sequence_length=8", "training.batch_size=2",
      "training.log_interval=2", "training.warmup_steps=1", "training.checkpoint_interval=2",
    ]
    let seeds = sections.contains("student") ? ["seeds=1"] : []
    return (sizes + seeds + rest).flatMap { ["--set", $0] }
  }
}

extension Workshop {
  /// A golden model with a byte-level tokenizer of 29 to 37 tokens, as far as the table reaches: ids are
  /// those of the characters of `alphabet`.
  package func model(_ golden: String) throws -> String {
    let target = folder.appending(path: golden)
    try FileManager.default.copyItem(at: goldenFolder("models/\(golden)"), to: target)
    let alphabet = Array("abcdefghijklmnopqrstuvwxy \n")
    let vocabulary = alphabet.enumerated().map { index, letter in
      let shown = letter == " " ? "Ġ" : letter == "\n" ? "Ċ" : String(letter)
      return "\"\(shown)\": \(index)"
    }.joined(separator: ", ")
    try """
    {"added_tokens": [{"id": 27, "content": "<end>", "special": true}], "normalizer": null,
     "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
     "post_processor": null, "decoder": {"type": "ByteLevel"},
     "model": {"type": "BPE", "vocab": {\(vocabulary)}, "merges": []}}
    """.write(to: target.appending(path: "tokenizer.json"), atomically: true, encoding: .utf8)
    let template =
      "{% for m in messages %}{{ m.role[0] }} {{ m.content }}\\n{% endfor %}{% if add_generation_prompt %}a {% endif %}"
    try #"{"eos_token": "<end>", "chat_template": "\#(template)"}"#.write(
      to: target.appending(path: "tokenizer_config.json"), atomically: true, encoding: .utf8)
    return target.path
  }
}
