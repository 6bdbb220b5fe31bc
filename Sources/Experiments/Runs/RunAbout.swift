// How a run began: `run.json`.
import Base
import Foundation
import Storage

/// What was asked, with what, and what was found before.
public struct RunAbout {
  package static let fileName = "run.json"

  /// The command and its arguments, as the person wrote them.
  public internal(set) var command: [String]
  /// Commands that made it longer, each in one line.
  public internal(set) var laterCommands: [String] = []
  /// When it began, as ISO 8601 writes it.
  public internal(set) var begun: String
  /// The device.
  public internal(set) var device: String
  /// The system.
  public internal(set) var system: String
  /// The data in words, and what tells them from others.
  public internal(set) var data: String
  /// What they come from: the names of files, without their folders.
  public internal(set) var files: [String]
  var dataFingerprint: String
  /// Hosted models whose answers are among the data.
  package var answers: [LineageSource] = []
  /// What was found before the run.
  public internal(set) var findings: [Finding]
  /// The recipe as a program gave it, before the run settled what it leaves open.
  var program: String?
  /// Where the recipe is not the default.
  package var changes: [RecipeChange]
  /// Bytes that a step of each kind of model needs on the device.
  package var memory: [(name: String, bytes: Int)]
  package var version: String

  package init(
    command: [String], device: String, data: String, files: [String], dataFingerprint: String,
    findings: [Finding], changes: [RecipeChange], memory: [(name: String, bytes: Int)],
    program: String?
  ) {
    self.command = command
    begun = Date().ISO8601Format()
    (self.device, self.data, self.dataFingerprint) = (device, data, dataFingerprint)
    (self.files, self.findings) = (files, findings)
    (self.changes, self.memory) = (changes, memory)
    self.program = program
    system = ProcessInfo.processInfo.operatingSystemVersionString
    version = retortVersion
  }

  /// The reasons against the run, if it was forced.
  package var forced: [String] { findings.filter { $0.level == .refusal }.map(\.text) }

  package var json: JSONObject {
    JSONObject([
      ("command", command), ("begun", begun), ("device", device), ("system", system),
      ("data", data), ("files", files), ("data_fingerprint", dataFingerprint),
      (
        "findings",
        findings.map { JSONObject([("level", $0.level.rawValue), ("text", $0.text)]) }
      ),
      (
        "recipe_changes",
        changes.map {
          JSONObject([("key", $0.key), ("value", $0.value), ("default", $0.other)])
        }
      ),
      ("memory_bytes", JSONObject(memory.map { ($0.name, $0.bytes) })), ("retort", version),
      ("program_recipe", program), ("answers", answers.map(\.json)),
      ("later_commands", laterCommands),
    ])
  }

  /// Reads what `json` wrote; nil where there is nothing such.
  package init?(_ json: JSON) {
    guard json["device"]?.string != nil, json["data_fingerprint"]?.string != nil else {
      return nil
    }
    func text(_ key: String) -> String { json[key]?.string ?? "" }
    command = (json["command"]?.array ?? []).compactMap(\.string)
    (begun, device, system) = (text("begun"), text("device"), text("system"))
    (data, dataFingerprint) = (text("data"), text("data_fingerprint"))
    findings = (json["findings"]?.array ?? []).compactMap { finding in
      finding["level"]?.string.flatMap(Finding.Level.init)
        .map { Finding(level: $0, text: finding["text"]?.string ?? "") }
    }
    files = (json["files"]?.array ?? []).compactMap(\.string)
    changes = (json["recipe_changes"]?.array ?? []).compactMap { change in
      guard let key = change["key"]?.string, let value = change["value"]?.string,
        let other = change["default"]?.string
      else { return nil }
      return RecipeChange(key: key, value: value, other: other)
    }
    memory = (json["memory_bytes"]?.object?.members ?? []).compactMap { member in
      member.value.int.map { (member.key, $0) }
    }
    version = text("retort")
    program = json["program_recipe"]?.string
    laterCommands = (json["later_commands"]?.array ?? []).compactMap(\.string)
    answers = (json["answers"]?.array ?? []).compactMap(LineageSource.init)
  }
}
