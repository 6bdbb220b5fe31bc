// `retort compare`
import ArgumentParser
import Base
import Experiments
import Foundation
import Storage

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show several runs side by side, and what differs in their recipes.",
    discussion: """
      The numbers are those of each run's student, or of the one model that it trained. With --output the same is \
      written as a page.
      """)

  @Argument(help: ArgumentHelp("The folders of runs that have ended.", valueName: "run"))
  var runs: [String]

  @Option(help: "A file for the page, such as compare.html.")
  var output: String?

  @Flag(help: "Replace the output, whatever it holds.")
  var overwrite = false

  func validate() throws {
    guard runs.count > 1 else { throw ValidationError("Name at least two runs.") }
  }

  func run() throws {
    let comparison = Comparison(
      runs: try runs.map { path in
        let folder = URL(fileURLWithPath: path).resolved
        guard RunLedger.isIn(folder) else {
          throw UserError("\(path) is no folder of a run: it has no \(RunLedger.name).")
        }
        let record = RunRecord(of: folder)
        guard let outcome = record.outcome else {
          let files = [RunFolder.verdict, RunFolder.evaluation]
          let damaged = files.first {
            FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
          }
          throw UserError(
            damaged.map {
              "\(path)/\($0) is damaged, or was written by an earlier version. The run's --resume writes it anew."
            } ?? "The run in \(path) has not ended: it has no \(files.joined(separator: " or ")).")
        }
        return Comparison.Run(name: path, record: record, outcome: outcome)
      })
    try tell(table(comparison.results))
    if let differences = comparison.differences {
      try tell("\nWhat differs in their recipes:\n" + table(differences))
    } else {
      try tell("\nTheir recipes are alike.")
    }
    for caution in comparison.cautions { warn(caution) }
    guard let output else { return }
    let url = URL(fileURLWithPath: output)
    try requireReplaceable(url, writtenBy: "compare", overwrite: overwrite) { file in
      let start = try? OpenFile(file).read(at: 0, count: min(400, OpenFile(file).byteCount))
      return start.map { String(decoding: $0, as: UTF8.self).contains(pageMark("compare")) }
        ?? false
    }
    try WholeFile.write(comparison.html, to: url)
    try tell(ofOutput: url, "\(output): \(runs.count) runs")
  }
}
