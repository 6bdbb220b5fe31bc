// Entries of data files, whatever the files' form.
import Base
import Foundation
import Storage

/// Something to learn from.
package struct DataEntry: Sendable {
  enum Content: Sendable {
    case text(String)
    /// An object as it stood, and under the names that forms are known by.
    case record(JSON.Object, named: JSON.Object)
  }

  /// How a plain text is cut.
  package enum Cut: Sendable {
    /// See `Corpus.entries(of:)`.
    case entries
    /// Every line is one, empty ones among them.
    case lines

    func pieces(of text: String) -> [String] {
      switch self {
      case .entries: return Corpus.entries(of: text)
      case .lines:
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
      }
    }
  }

  /// The file and the place in it, for errors and for people.
  package let source: String
  let content: Content

  /// What the entry says.
  func form() throws -> RecordForm {
    switch content {
    case .text(let text): .text(text)
    case .record(_, let object): try RecordForm(object)
    }
  }

  /// The answer that is learnt last; nil where there is none.
  var answer: String? {
    switch try? form() {
    case .pair(_, let completion)?: completion
    case .instruction(_, _, let output)?: output
    case .turns(let messages, _)?:
      messages.last { $0["role"]?.string == "assistant" }?["content"]?.string
    case .text?, nil: nil
    }
  }

  /// The object under the names that forms are known by; a plain text has no fields.
  package var named: JSON.Object {
    if case .record(_, let object) = content { object } else { JSON.Object() }
  }

  /// The object as it stood; a plain text has no fields.
  var record: JSON.Object {
    if case .record(let object, _) = content { object } else { JSON.Object() }
  }

  /// The text, where the entry is a part of a plain text.
  package var plainText: String? { if case .text(let text) = content { text } else { nil } }

  /// The entry as it stands in its file.
  package var original: String {
    switch content {
    case .text(let text): text
    case .record(let object, _): JSON.object(object).line
    }
  }

  /// The entries of files, in order; `-` is standard input. A plain text is cut, every object of a file is an entry. An
  /// error names the file, and the place of its first object that lacks a field.
  package static func read(
    _ files: [String], fields: DataFields = DataFields(), cut: Cut = .entries
  ) throws -> [DataEntry] {
    let entries = try files.flatMap { path -> [DataEntry] in
      let file = try DataFile(path)
      switch file.content {
      case .text(let text):
        return cut.pieces(of: text).map { DataEntry(source: file.name, content: .text($0)) }
      case .records(let records):
        return try records.map { record in
          let source = "\(file.name), \(record.place)"
          let named = try placed(source) { try fields.renamed(record.object) }
          return DataEntry(source: source, content: .record(record.object, named: named))
        }
      }
    }
    guard !entries.isEmpty else {
      throw UserError("The text is empty: \(files.joined(separator: ", ")).")
    }
    return entries
  }

  /// Texts alone; an entry that is a conversation, or has a prompt, is an error.
  package static func texts(_ entries: [DataEntry]) throws -> [String] {
    try entries.map { entry in
      try placed(entry.source) {
        guard case .text(let text) = try entry.form() else {
          throw EntryProblem(
            description: "a text is read here, and this is a prompt or a conversation",
            remedy: .nameFields("text: NAME"))
        }
        return text
      }
    }
  }

  /// Everything in the entry that is written in words.
  package func words() throws -> [String] {
    try Self.placed(source) {
      switch try form() {
      case .text(let text): return [text]
      case .pair(let prompt, let completion): return [prompt + (completion ?? "")]
      case .instruction(let instruction, let input, let output):
        return [instruction, input, output ?? ""]
      case .turns(let messages, _):
        return try Conversation(messages, named).messages.compactMap { $0["content"]?.string }
      }
    }
  }

  /// Runs `body`; what is wrong with the entry is said with its place.
  package static func placed<Value>(_ source: String, _ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let problem as EntryProblem {
      throw UserError("\(source): \(problem.description).", remedy: problem.remedy)
    } catch {
      throw UserError("\(source): \(error)")
    }
  }
}
