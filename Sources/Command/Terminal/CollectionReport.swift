// How a collection looks on a screen, while it goes on and at its end.
#if Network
  import Base
  import Collecting
  import Foundation
  import Storage
  import Synchronization

  /// The line that moves while answers come.
  final class CollectionDisplay: Sendable {
    private let line = Mutex(ProgressLine())
    private let start = ContinuousClock.now
    private let isPriced: Bool

    init(isPriced: Bool) { self.isPriced = isPriced }

    func show(_ progress: Collection.Progress) {
      let seconds = (ContinuousClock.now - start).seconds
      let cost =
        isPriced ? "  $\(fixed(progress.money.dollars, progress.money.dollars < 1 ? 4 : 2))" : ""
      line.withLock { line in
        line.show(
          "answers", done: progress.done, of: progress.total, seconds: seconds,
          doneHere: progress.done,
          "\(fixed(Double(progress.done) / max(seconds, 1e-3), 1))/s\(cost)  \(grouped(progress.tokens.total)) tokens  "
            + "\(progress.inFlight) at once")
      }
    }

    func end() { line.withLock { $0.end() } }
  }

  /// What a collection brought, in sentences.
  struct CollectionReport {
    private let summary: CollectionSummary
    private let limits: CollectionLimits

    init(_ summary: CollectionSummary, _ limits: CollectionLimits) {
      (self.summary, self.limits) = (summary, limits)
    }

    func tell(_ output: String) throws {
      let before = summary.before > 0 ? " \(grouped(summary.before)) were there before." : ""
      try Command.tell("\(output): \(counted(summary.keptCount, "new answer")).\(before)")
      for line in lines { try Command.tell(prose: line) }
    }

    private var lines: [String] {
      var lines: [String] = []
      func list(_ counts: [String: Int], _ most: Int = 6) -> String {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(most)
          .map { "\($0.key) \(grouped($0.value))" }.joined(separator: ", ")
      }
      if summary.filteredCount > 0 {
        lines.append(
          "Turned away by filters: \(grouped(summary.filteredCount)) (\(list(summary.filtered))).")
      }
      if summary.refusedCount > 0 {
        lines.append("Refused by the model: \(grouped(summary.refusedCount)).")
      }
      for (reason, count) in summary.failures.sorted(by: { $0.value > $1.value }).prefix(3) {
        lines.append("Failed: \(grouped(count)), with: \(abridged(reason, to: 300))")
      }
      let again = [
        (summary.busyCount, "because the server had too much to do"),
        (summary.brokenCount, "because an answer broke off"),
        (summary.unreachedCount, "because the server could not be reached"),
      ].filter { $0.0 > 0 }
      if !again.isEmpty {
        lines.append(
          "Sent again: " + again.map { "\(grouped($0.0)) \($0.1)" }.joined(separator: ", ") + ".")
      }
      if summary.answerCount > 0 { lines.append(learnt) }
      if !summary.logProbabilityFlaws.isEmpty {
        lines.append(
          "Log-probabilities were left out of answers that \(list(summary.logProbabilityFlaws)).")
      }
      if summary.truncatedCount * 20 > summary.answerCount {
        lines.append(
          "\(grouped(summary.truncatedCount)) of \(counted(summary.answerCount, "answer")) reached the limit of tokens. A larger "
            + "--max-tokens keeps more of them, in another output: it asks everything again.")
      }
      if summary.doubtfulUsageCount > 0 {
        let money = limits.price == nil ? "" : " and $\(fixed(summary.beyond.money.dollars, 4))"
        lines.append(
          "The server counts more for \(counted(summary.doubtfulUsageCount, "answer")) than was allowed for. The most that was allowed is "
            + "what was counted here; if the server is right, \(counted(summary.beyond.tokens.total, "token"))\(money) more were spent."
        )
      }
      if summary.unreportedUsageCount > 0 {
        lines.append(
          "The server does not say what \(counted(summary.unreportedUsageCount, "answer")) cost; the most that was possible is what was "
            + "counted.")
      }
      lines.append(spent)
      if summary.end == .limit {
        lines.append(
          "The limit leaves too little for the next request; \(grouped(summary.leftCount)) were not sent."
        )
      } else if summary.leftCount > 0 {
        lines.append(
          "\(counted(summary.leftCount, "request")) \(summary.leftCount == 1 ? "is" : "are") left; the same command goes on."
        )
      }
      return lines
    }

    private var learnt: String {
      var parts = [
        "\(grouped(summary.keptCount * 100 / max(1, summary.answerCount))) % of the answers are kept",
        "they begin in \(counted(summary.distinctBeginnings, "way"))",
      ]
      if summary.logProbabilityCount > 0 {
        parts.append("\(grouped(summary.logProbabilityCount)) have log-probabilities")
      }
      if summary.reasoningCount > 0 {
        parts.append("\(grouped(summary.reasoningCount)) have reasoning")
      }
      return parts.joined(separator: "; ") + "."
    }

    private var spent: String {
      let tokens =
        "Spent in all: \(counted(summary.spent.tokens.input, "token")) read, \(grouped(summary.spent.tokens.output)) written"
      guard limits.price != nil else { return tokens + "." }
      let kept = summary.before + summary.keptCount
      let each =
        kept > 0
        ? ", $\(fixed(summary.spent.money.dollars / Double(kept), 6)) for each answer that is kept"
        : ""
      return tokens + ", $\(fixed(summary.spent.money.dollars, 4))\(each)."
    }
  }

  extension CollectionSummary {
    /// The counts for a program.
    var json: JSONObject {
      func counts(_ counts: [String: Int]) -> JSONObject {
        JSONObject(counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      }
      return JSONObject([
        ("kept", keptCount), ("before", before), ("asked", asked), ("filtered", counts(filtered)),
        ("refused", refusedCount),
        ("failed", counts(failures)), ("left", leftCount), ("busy", busyCount),
        ("broken", brokenCount),
        ("with_logprobs", logProbabilityCount), ("logprobs_left_out", counts(logProbabilityFlaws)),
        ("distinct_beginnings", distinctBeginnings), ("spent_input_tokens", spent.tokens.input),
        ("spent_output_tokens", spent.tokens.output), ("spent_dollars", spent.money.dollars),
        ("end", end.name),
      ])
    }
  }

  extension CollectionSummary.End {
    fileprivate var name: String {
      switch self {
      case .complete: "complete"
      case .limit: "limit"
      case .interrupted: "interrupted"
      case .refused: "refused"
      }
    }
  }
#endif
