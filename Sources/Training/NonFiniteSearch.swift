// Where a loss stopped being a number.
import Foundation
import Storage
import Tensors

/// Finds the step and the op at which numbers were lost, by going back to the last checkpoint and doing its
/// steps again: they have the same bits.
struct NonFiniteSearch {
  private let trainer: Trainer
  private let checkpoint: URL?

  init(_ trainer: Trainer, checkpoint: URL?) {
    self.trainer = trainer
    self.checkpoint = checkpoint
  }

  /// One sentence, for a loss that was seen to be no number after `step`, counted from 0.
  func sentence(step: Int) throws -> String {
    let what = "The loss is no longer a number at step"
    guard let checkpoint, FileManager.default.fileExists(atPath: checkpoint.path) else {
      return "\(what) \(step + 1). No checkpoint was written before; lower the learning rate."
    }
    var first = step
    let saved = try trainer.resume(checkpoint)
    for replayed in saved..<step {
      try trainer.runStep(replayed)
      if try !trainer.latestLoss().isFinite {
        first = replayed
        break
      }
    }
    let advice =
      "The checkpoint of step \(saved), \(checkpoint.path), is from before; begin anew with a lower learning "
      + "rate."
    _ = try trainer.resume(checkpoint)
    for replayed in saved..<first { try trainer.runStep(replayed) }
    let place = try firstOp(step: first).map { ": \($0)" } ?? ""
    // The weights are those of the checkpoint again.
    _ = try trainer.resume(checkpoint)
    return "\(what) \(first + 1)\(place). \(advice)"
  }

  /// The first application, in order, that gives what is no number.
  private func firstOp(step: Int) throws -> String? {
    for (part, outputs) in [("", [trainer.loss]), (" of a gradient", trainer.slopes)] {
      let graph = Graph(outputs: outputs)
      let results = graph.applications.flatMap { application in
        application.results.filter { $0.type.elementType == .float32 }.map { (application, $0) }
      }
      let executor = try GraphExecutor(
        Graph(outputs: results.map(\.1)), on: trainer.store, options: .init(rewrites: false))
      var found: String?
      try trainer.run(executor, onBatchesOf: step) {
        for (application, result) in results {
          guard try executor.value(of: result).floats.contains(where: { !$0.isFinite }) else {
            continue
          }
          let variables = application.operands.compactMap { trainer.store.entry($0)?.name }
          found =
            "the first result that is none is \(application.op)\(part), \(result.shape)"
            + (variables.isEmpty ? "" : ", which reads \(variables.joined(separator: " and "))")
          return true
        }
        return false
      }
      if let found { return found }
    }
    return nil
  }
}
