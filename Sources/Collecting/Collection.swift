// Asking a hosted model all that is to be asked, once.
import Base
import Foundation
import Storage

/// Sends requests, as many at once as the server bears, and keeps what comes back.
package actor Collection {
  /// How things stand.
  package struct Progress: Sendable {
    package let done: Int
    package let total: Int
    package let tokens: TokenCount
    package let money: Money
    package let inFlight: Int
  }

  package struct Settings: Sendable {
    package var price: TokenPrice?
    /// The most that may be spent, earlier processes included.
    package var mostMoney: Money?
    package var mostTokens: Int?
    package var mostAtOnce = 64
    package var filters = AnswerFilters()
    /// For tests, which do not want to wait.
    var pace = RequestPace.Rules()

    package init() {}
  }

  private let requests: [CollectedRequest]
  private let about: Provenance
  private let model: HostedModel
  private let files: AnswerFiles
  private let settings: Settings
  private let limit: SpendingLimit
  private let pace: RequestPace
  private let observer: @Sendable (Progress) -> Void
  private let isInterrupted: @Sendable () -> Bool

  private var summary: CollectionSummary
  private var doneCount = 0
  /// Numbers of requests that are not done, in the order in which they were begun.
  private var open: Set<Int> = []
  private var begunCount = 0
  /// How many had been begun when the first one failed.
  private var firstWave: Int?
  /// Why no more is sent.
  private var halt: CollectionSummary.End?

  /// Requests whose hashes `files` knows are left out.
  package init(
    _ requests: [CollectedRequest], about: Provenance, model: HostedModel,
    files: sending AnswerFiles, settings: Settings,
    observer: @escaping @Sendable (Progress) -> Void, isInterrupted: @escaping @Sendable () -> Bool
  ) {
    let known = files.known
    let spent = files.spent
    var seen = known
    self.requests = requests.filter { seen.insert($0.hash).inserted }
    (self.about, self.model, self.files, self.settings) = (about, model, files, settings)
    (self.observer, self.isInterrupted) = (observer, isInterrupted)
    limit = SpendingLimit(
      .init(money: settings.mostMoney, tokens: settings.mostTokens), spent: spent)
    var rules = settings.pace
    rules.most = settings.mostAtOnce
    pace = RequestPace(rules)
    summary = CollectionSummary(
      before: requests.filter { known.contains($0.hash) }.count, asked: self.requests.count)
  }

  /// Asks for all answers. What came is in the files, however this ends.
  package func run() async throws -> CollectionSummary {
    let watch = Task { [isInterrupted] in
      while !isInterrupted() { try await Task.sleep(for: .milliseconds(100)) }
      await self.stop(.interrupted)
    }
    defer { watch.cancel() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for request in requests where halt == nil {
        guard await pace.enter() else { break }
        guard let reservation = try await reserve(request) else {
          await pace.leave()
          break
        }
        group.addTask {
          do { try await self.ask(request, reservation) } catch {
            // What cannot be kept must not be asked for: the disk may be full.
            await self.stop(.interrupted)
            throw error
          }
        }
      }
      try await group.waitForAll()
    }
    summary.spent = await limit.spent
    summary.end = halt ?? .complete
    return summary
  }

  /// Puts files in order, and closes connections.
  package func finish(sorting: Bool) async throws {
    await model.close()
    if sorting { try files.sort() }
    files.removeEmpty()
  }

  private func stop(_ end: CollectionSummary.End) async {
    if halt == nil { halt = end }
    await pace.stop()
  }

  private func bound(of request: CollectedRequest) -> Spending {
    Spending(tokens: request.bound, money: settings.price?.cost(request.bound) ?? Money(0))
  }

  /// nil where the limit leaves too little.
  private func reserve(_ request: CollectedRequest) async throws -> Int? {
    guard await limit.reserve(bound(of: request)) else {
      await stop(.limit)
      return nil
    }
    return try files.reserve(bound(of: request))
  }

  private func settle(_ request: CollectedRequest, _ reservation: Int, cost: Spending) async throws
  {
    try files.settle(reservation, cost: cost)
    await limit.settle(bound(of: request), cost: cost)
  }

  /// Sends a request until it is answered, or refused for good. It has a place among those under way and a reservation.
  private func ask(_ request: CollectedRequest, _ first: Int) async throws {
    var (reservation, attempt) = (first, 1)
    let number = begunCount
    begunCount += 1
    open.insert(number)
    defer { open.remove(number) }
    while true {
      let sent = Date()
      let outcome = await model.ask(request)
      let reason: String
      switch outcome {
      case .answer(let answer):
        try await keep(answer, request, reservation, sent)
        await pace.succeeded()
        await pace.leave()
        return
      case .unreached(let why):
        reason = why
        summary.unreachedCount += 1
        try await settle(request, reservation, cost: Spending())
        if summary.answerCount == 0, attempt >= 3 {
          await stop(.refused("\(about.endpoint.host) cannot be reached: \(why)"))
        }
      case .broken(let why, let mayBeBilled):
        reason = why
        summary.brokenCount += 1
        try await settle(request, reservation, cost: mayBeBilled ? bound(of: request) : Spending())
      case .refused(let kind, let why, let wait):
        reason = why
        try await settle(request, reservation, cost: Spending())
        switch kind {
        case .final: await stop(.refused(text(why)))
        case .wrongForAll where summary.answerCount == 0: await stop(.refused(text(why)))
        case .wrong, .wrongForAll: try await fail(request, why, attempt, number)
        case .busy: await pace.slowed(wait: wait)
        case .passing: if let wait { await pace.slowed(wait: wait) }
        }
        if kind == .busy { summary.busyCount += 1 }
        if let wait, wait > .seconds(3600) {
          await stop(
            .refused("\(text(why)). The server asks to wait for \(duration(wait.seconds))"))
        }
        if [.wrong, .wrongForAll, .final].contains(kind) {
          await pace.leave()
          return
        }
      }
      await pace.leave()
      attempt += 1
      guard attempt <= pace.rules.tries else {
        // A server that is gone for so long is gone for all requests, which are asked again by the same command.
        if case .unreached = outcome {
          return await stop(
            .refused("\(about.endpoint.host) cannot be reached any more: \(reason)"))
        }
        return try await fail(request, reason, attempt - 1, number)
      }
      await pace.backOff(before: attempt)
      guard await pace.enter() else { return }
      guard let next = try await reserve(request) else { return await pace.leave() }
      reservation = next
    }
  }

  private func keep(
    _ answer: ReceivedAnswer, _ request: CollectedRequest, _ reservation: Int, _ sent: Date
  ) async throws {
    let bound = bound(of: request)
    let reported = ReportedUsage(answer.usage, bound: request.bound)
    let tokens = reported.tokens ?? request.bound
    var cost = Spending(tokens: tokens, money: settings.price?.cost(tokens) ?? Money(0))
    if reported.tokens == nil, !reported.isTooMuch { summary.unreportedUsageCount += 1 }
    if let dollars = reported.dollars { cost.money = Money(dollars: dollars) }
    // More than could be was not reserved, and is told apart.
    if reported.isTooMuch || (settings.mostMoney != nil && cost.money > bound.money) {
      summary.doubtfulUsageCount += 1
      summary.beyond = summary.beyond + (reported.spending(settings.price) - bound)
      cost = bound
    }
    var filter = settings.filters.failure(of: answer)
    if filter == nil, answer.refusal == nil,
      !files.isNew(answer.content, to: request.prompt.member.value)
    {
      filter = "duplicate"
    }
    let isPriced = settings.price != nil || reported.dollars != nil
    let record = AnswerRecord(
      answer, to: request, about: about, filter: filter, cost: isPriced ? cost.money : nil,
      sent: sent, received: Date())
    try files.append(record)
    try await settle(request, reservation, cost: cost)
    summary.add(record, answer, tokens)
    doneCount += 1
    await tell()
  }

  private func fail(
    _ request: CollectedRequest, _ reason: String, _ tries: Int, _ number: Int
  ) async throws {
    let reason = text(reason)
    try files.append(AnswerRecord(failed: request, reason: reason, tries: tries, about: about))
    summary.failures[reason, default: 0] += 1
    doneCount += 1
    await tell()
    // Where nothing succeeds, nothing else is likely to. A refusal comes sooner than an answer: those that were under way by then are
    // waited for.
    let wave = firstWave ?? begunCount
    firstWave = wave
    let isWaiting = open.contains { $0 < wave && $0 != number }
    guard summary.answerCount == 0, summary.before == 0, !isWaiting else { return }
    let isAlike = summary.failures.count == 1 && summary.failedCount >= 3
    if isAlike || summary.failedCount >= 10 {
      await stop(
        .refused(
          "The first \(summary.failedCount) requests have failed, the last one with: \(reason)"))
    }
  }

  private func tell() async {
    let spent = await limit.spent
    observer(
      Progress(
        done: doneCount, total: requests.count, tokens: spent.tokens, money: spent.money,
        inFlight: await pace.inFlight))
  }

  /// A server's words without the key, which some repeat.
  private func text(_ words: String) -> String { about.endpoint.key?.removed(from: words) ?? words }
}
