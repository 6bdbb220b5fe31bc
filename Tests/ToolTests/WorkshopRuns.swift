// What tests of the tool read of runs.
import Checks
import Foundation
import Storage
import Testing

extension Workshop {
  func json(_ name: String) throws -> JSON {
    try JSON(contentsOf: URL(fileURLWithPath: path(name)))
  }

  /// The logged steps of a run, and its measurements of the validation rows.
  func metrics(_ run: String) throws -> (steps: [JSON], validation: [JSON]) {
    let records = try read("\(run)/metrics.jsonl").split(separator: "\n").map {
      try JSON(parsing: Data($0.utf8))
    }
    return (
      records.filter { $0["validation"] == nil }, records.filter { $0["validation"] != nil }
    )
  }

  /// A teacher that knows the workshop's text.
  func teacher() throws -> String {
    let trained = try run(
      ["train", "--device", "reference", "--run", path("teacher")]
        + tiny(["model"], steps: 150) + ["--set", "model.learning_rate=0.02"])
    #expect(trained.status == 0, "\(trained.errors)")
    return path("teacher/model")
  }
}
