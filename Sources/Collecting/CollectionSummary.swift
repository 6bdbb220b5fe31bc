// What a collection brought.
import Base
import Foundation
import Storage
import Text

/// Counts of what came back, for a person.
package struct CollectionSummary: Sendable {
  /// How a collection ended.
  package enum End: Sendable, Equatable {
    case complete
    /// The limit of money or tokens leaves too little for the next request.
    case limit
    case interrupted
    /// The server will answer nothing, for a reason of its own.
    case refused(String)
  }

  /// Answers that were there before.
  package let before: Int
  /// Requests that were to be sent.
  package let asked: Int
  package var end = End.complete
  /// What all has cost, earlier processes included.
  package var spent = Spending()

  package private(set) var keptCount = 0
  package private(set) var refusedCount = 0
  /// How many answers each filter turned away.
  package private(set) var filtered: [String: Int] = [:]
  /// How many requests failed for good, by their reasons.
  package internal(set) var failures: [String: Int] = [:]
  /// How often a server had too much to do, or an answer broke off; such requests were sent again.
  package internal(set) var busyCount = 0
  package internal(set) var brokenCount = 0
  /// Answers whose server counts more tokens, or money, than the request allowed.
  package internal(set) var doubtfulUsageCount = 0
  /// What such answers cost beyond that, if their servers are right.
  package internal(set) var beyond = Spending()
  /// How often a server could not be reached.
  package internal(set) var unreachedCount = 0
  /// Answers whose server does not say how many tokens they took.
  package internal(set) var unreportedUsageCount = 0
  /// Answers with log-probabilities that are kept, and why others were left out.
  package private(set) var logProbabilityCount = 0
  package private(set) var logProbabilityFlaws: [String: Int] = [:]
  package private(set) var reasoningCount = 0
  /// What this process has read and written.
  package private(set) var tokens = TokenCount.zero
  private var firstSentences: Set<String> = []

  init(before: Int, asked: Int) { (self.before, self.asked) = (before, asked) }

  package var failedCount: Int { failures.values.reduce(0, +) }
  package var filteredCount: Int { filtered.values.reduce(0, +) }
  package var answerCount: Int { keptCount + refusedCount + filteredCount }
  /// Requests that were not sent, or not to their end.
  package var leftCount: Int { asked - answerCount - failedCount }
  package var distinctBeginnings: Int { firstSentences.count }
  /// Answers that reached the limit of tokens.
  package var truncatedCount: Int { filtered["finish:length"] ?? 0 }

  mutating func add(_ record: AnswerRecord, _ answer: ReceivedAnswer, _ tokens: TokenCount) {
    self.tokens = self.tokens + tokens
    if !answer.reasoning.isEmpty { reasoningCount += 1 }
    switch record.place {
    case .answers:
      keptCount += 1
      firstSentences.insert(AnswerFilters.normal(Self.firstSentence(answer.content)))
      if let flaw = record.logProbabilityFlaw {
        logProbabilityFlaws[flaw.rawValue, default: 0] += 1
      } else if record.json["logprobs"] != nil {
        logProbabilityCount += 1
      }
    case .filtered: filtered[record.filter ?? "", default: 0] += 1
    case .refused: refusedCount += 1
    case .failed: break
    }
  }

  /// A text to the end of its first sentence, or its first line.
  private static func firstSentence(_ text: String) -> String {
    let text = text.drop(while: \.isWhitespace)
    let end = text.firstIndex { ".!?\n。".contains($0) } ?? text.endIndex
    return String(text[..<end].prefix(200))
  }
}

/// What a server says that an answer has cost.
struct ReportedUsage {
  /// nil where it does not say, or says something that is no count.
  private(set) var tokens: TokenCount?
  /// In US dollars, where it says so.
  private(set) var dollars: Double?
  /// Whether it counts more tokens than the request allowed.
  private(set) var isTooMuch = false
  private var claimed = TokenCount.zero

  init(_ usage: JSON, bound: TokenCount) {
    if let cost = usage["cost"]?.double, cost.isFinite, cost >= 0, cost < 1000 { dollars = cost }
    guard let input = usage["prompt_tokens"]?.int, let output = usage["completion_tokens"]?.int,
      input >= 0, output >= 0
    else { return }
    claimed = TokenCount(input: min(input, 1 << 40), output: min(output, 1 << 40))
    isTooMuch = input > bound.input || output > bound.output
    if !isTooMuch { tokens = TokenCount(input: input, output: output) }
  }

  /// What it comes to if it is believed.
  func spending(_ price: TokenPrice?) -> Spending {
    Spending(
      tokens: claimed, money: dollars.map(Money.init(dollars:)) ?? price?.cost(claimed) ?? Money(0))
  }
}
