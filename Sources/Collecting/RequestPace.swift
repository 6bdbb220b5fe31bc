// How many requests are under way at once.
import Foundation

/// The number of requests under way: it grows by one after some answers, and halves where a server has too much to do (additive increase,
/// multiplicative decrease: Chiu and Jain, 1989). A wait that a server asks for holds for all requests.
actor RequestPace {
  struct Rules: Sendable {
    var start = 8
    /// The most requests at once.
    var most = 64
    /// So many answers without a complaint let one more request go.
    var answersToGrow = 20
    /// Complaints within this time of one that halved the number are the same.
    var halving: Duration = .seconds(1)
    /// The first wait before a request is sent again; each further one may be twice as long, up to `longestBackoff`.
    var backoff: Duration = .milliseconds(500)
    var longestBackoff: Duration = .seconds(60)
    /// How often a request is sent in all.
    var tries = 8
  }

  nonisolated let rules: Rules
  private(set) var limit: Int
  private(set) var inFlight = 0
  private var answers = 0
  private var halvedAt: ContinuousClock.Instant?
  private var pausedUntil = ContinuousClock.now
  private var isStopped = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ rules: Rules) {
    self.rules = rules
    limit = max(1, min(rules.start, rules.most))
  }

  /// Waits until a request may be sent; false where no more are.
  func enter() async -> Bool {
    while !isStopped {
      let now = ContinuousClock.now
      if now < pausedUntil {
        // A long pause is looked at again, so that it can be ended.
        try? await Task.sleep(for: min(pausedUntil - now, .milliseconds(100)))
      } else if inFlight < limit {
        inFlight += 1
        return true
      } else {
        await withCheckedContinuation { waiting.append($0) }
      }
    }
    return false
  }

  /// A request is under way no longer.
  func leave() {
    inFlight -= 1
    wake()
  }

  /// An answer came.
  func succeeded() {
    answers += 1
    guard answers >= rules.answersToGrow, limit < rules.most else { return }
    (limit, answers) = (limit + 1, 0)
    wake()
  }

  /// The server has too much to do; nothing is sent before `wait` is over.
  func slowed(wait: Duration?) {
    let now = ContinuousClock.now
    if let wait { pausedUntil = max(pausedUntil, now + wait) }
    if let halvedAt, now - halvedAt < rules.halving { return }
    (limit, answers, halvedAt) = (max(1, limit / 2), 0, now)
  }

  /// No more requests are sent.
  func stop() {
    isStopped = true
    wake()
  }

  /// Waits before a request is sent for the `attempt`-th time, from 2, between nothing and twice as long as before ("full jitter").
  func backOff(before attempt: Int) async {
    let longest = min(rules.longestBackoff, rules.backoff * (1 << min(attempt - 2, 20)))
    let end = ContinuousClock.now + longest * Double.random(in: 0...1)
    while ContinuousClock.now < end, !isStopped {
      try? await Task.sleep(for: min(end - .now, .milliseconds(100)))
    }
  }

  private func wake() {
    let woken = waiting
    waiting = []
    for continuation in woken { continuation.resume() }
  }
}
