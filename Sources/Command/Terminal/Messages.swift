// What is said on standard output and standard error.
import ArgumentParser
import Base
import Foundation
import Storage
import Synchronization

/// `--quiet`.
struct MessageOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Write results, warnings and errors only.")
  var quiet = false
}

/// `--json`.
struct ResultOptions: ParsableArguments {
  @Flag(help: "Write the results as one JSON object, in SI units.")
  var json = false
}

/// A command that says how things stand while it works.
protocol TalkativeCommand: ParsableCommand {
  var messages: MessageOptions { get }
}

private let quiet = Atomic(false)

/// Whether only results, warnings and errors are written.
var isQuiet: Bool { quiet.load(ordering: .relaxed) }

/// Keeps signs of life to itself from now on.
func beQuiet() { quiet.store(true, ordering: .relaxed) }

/// Says how things stand, in a line on standard error, unless that is to be quiet.
func note(_ line: String) { if !isQuiet { warn(line) } }

/// Writes a line to standard error whether or not things are to be quiet. A line that cannot be written is lost, and
/// ends nothing.
func warn(_ line: String, marking marks: [Mark] = [], indent: Int = 0) {
  let screen = Screen.errors
  writeError(screen.wrapped(screen.marked(visible(line), marks), indent: indent) + "\n")
}

func writeError(_ text: String) {
  StatusLine.above { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

/// Writes a line to standard output, where results go; one that cannot be written is an error.
func tell(_ line: String = "") throws { try writeOutput(visible(line) + "\n") }

/// Writes sentences to standard output, in lines that fit the screen.
func tell(prose text: String, marking marks: [Mark] = [], indent: Int = 0) throws {
  let screen = Screen.output
  try writeOutput(screen.wrapped(screen.marked(visible(text), marks), indent: indent) + "\n")
}

/// Writes an object as one line of JSON to standard output.
func tell(json object: JSONObject) throws {
  try writeOutput(
    replacingControls(in: object.json) { String(format: "\\u%04x", $0) } + "\n")
}

/// Tells of an output that was written: on standard output, unless the output is a stream itself.
func tell(ofOutput url: URL, _ line: String) throws {
  if try OutputPlace(url).isStream { note(line) } else { try tell(line) }
}

/// Writes a text that a model made to standard output: as it is, but on a terminal without control characters.
func tellAsIs(_ text: String) throws {
  try writeOutput(Screen.output.isTerminal ? visible(text) : text)
}

private func writeOutput(_ text: String) throws {
  let wasTerminal = Screen.output.isTerminal
  do {
    try StatusLine.above { try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) }
  } catch {
    let code = systemCode(error) ?? EIO
    // Nobody reads a terminal that has gone away; what a run found is in its folder.
    if wasTerminal, code == EIO { return }
    // A reader that has seen enough, such as `head`, ends the command as its signal would.
    if code == EPIPE { throw ExitCode(128 + SIGPIPE) }
    throw UserError("Standard output cannot be written", code)
  }
}

/// Makes standard streams safe to use, whatever the process was given.
func prepareStandardStreams() {
  // A file that is opened must never take the place of a stream that was closed. Nothing can be read from, or
  // written to, what takes it instead, but for messages, which go nowhere.
  for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 {
    _ = open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY)
  }
  _ = (Screen.output, Screen.errors)
  // A reader that goes away is an error of that write alone.
  signal(SIGPIPE, SIG_IGN)
}

extension UserError.Remedy {
  /// What a person can do, in the words of this tool.
  var words: String {
    switch self {
    case .startAnew: "--overwrite starts a new run."
    case .nameAnotherRun: "Name a new or an empty folder with --run."
    case .goOnOrReplaceRun:
      "Use --resume to go on with it, --overwrite to delete it, or --run with another folder."
    case .beginAllTheSame: "--force begins all the same."
    case .nameData: "Name files with --data, or in a recipe as data.files."
    case .learnTexts(let student):
      "The student can learn texts instead: `retort generate --model TEACHER --input prompts.jsonl --output "
        + "answers.jsonl`, then `retort train --model \(student) --data answers.jsonl`."
    case .replaceOutput: "--overwrite replaces it."
    case .makeCache(let temperature):
      "`retort cache` makes it again"
        + (temperature.map { ", for this temperature with --temperature \($0)." } ?? ".")
    case .nameFields(let fields):
      "--fields '\(fields)', or data.fields={\(fields)} in a recipe, says which field is what."
    case .serveWithKey:
      "Put one of at least 32 characters in the variable RETORT_SERVE_KEY, or say --no-key."
    case .allowPlainHTTP: "--insecure-http allows it."
    case .acceptTerms(let ids):
      ids.map { "--accept-terms \($0)" }.joined(separator: " ")
        + " --because 'WHY' collects all the same; both go into every record."
    case .askForTexts: "--completions asks for texts, which need no chat template."
    case .giveLicence(let terms): "--licence \(terms)=FILE names its text."
    case .useAsEncoder:
      "`retort embed` uses an encoder, and `retort distill` makes it smaller."
    }
  }
}
