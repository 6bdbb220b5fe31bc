// Data files as options of the commands that read them.
import ArgumentParser
import Experiments
import Text

/// `--data` and `--fields`.
struct DataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file, a folder, a pattern such as 'books/*.txt', or - for standard input; may be given several times.",
      discussion: "Text, JSON lines, JSON, CSV or TSV, each perhaps packed with gzip."))
  var data: [String] = []

  @OptionGroup var fields: FieldOptions

  var areGiven: Bool { !settings.isEmpty }

  /// The options as settings of a recipe.
  var settings: [String] {
    let files = data.map(quoted).joined(separator: ", ")
    return (data.isEmpty ? [] : ["data.files=[\(files)]"]) + fields.settings
  }

  /// What the files hold; there must be some.
  func entries() throws -> [DataEntry] {
    guard !data.isEmpty else { throw ValidationError("--data names a file to read.") }
    return try DataEntry.read(try DataFiles.expanded(data), fields: fields.names())
  }
}

/// `--fields`.
struct FieldOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Under which names the data hold text, prompt, completion or messages.",
      discussion: "Such as 'prompt: question, completion: answer'.", valueName: "names"))
  var fields: String?

  var settings: [String] { fields.map { ["data.fields={\($0)}"] } ?? [] }

  func names() throws -> DataFields {
    try LanguageTask.recipe(settings: settings).text.data.fields.names
  }
}
