// Collections against servers that behave, and servers that do not.
import Base
import Checks
import Foundation
import Storage
import Synchronization
import Testing
import Text

@testable import Collecting

@Suite struct CollectionTests {
  /// Every way of failing that passes, at a request's first and second attempt.
  private static let misbehaving = ScriptedServer { request in
    let good: [ScriptedServer.Step] = .answer(["It ", "is ", "\(request.number)", "."])
    let parts: [String] = [ScriptedServer.Step].parts(["It ", "is "])
    guard request.attempt < 3 else { return good }
    // Whoever repeats the key to whoever sent it must not get it into a file.
    let echo = request.headers["authorization"] ?? ""
    switch (request.number + request.attempt) % 18 {
    case 0: return .error(429, "slow down \(echo)", ["Retry-After": "0.05"])
    case 1: return .error(429, "slow down", ["retry-after-ms": "30"])
    case 2:
      return .error(
        429, "slow down",
        ["x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"])
    case 3: return .error(500, "broken \(echo)")
    case 4: return .status(503, [:], "<html>overloaded</html>")
    case 5: return .streamHead + .events(parts) + [.cut]
    case 6: return .streamHead + .events(parts)
    case 7: return .streamHead + .events(parts + ["[DONE]"])
    case 8: return .status(200, ["Content-Type": "text/html"], "<html>log in</html>")
    case 9:
      return .streamHead
        + .events(parts + ["{\"error\": {\"message\": \"died \(echo)\", \"code\": 500}}"])
    case 10: return [.cut]
    case 11: return .status(200, ["Content-Type": "application/json"], "")
    case 12:
      return .streamHead + .events(["{\"choices\": [{\"index\": 0, \"delta\": {\"content\": 7}}]}"])
    case 13: return .streamHead + [.send("data: {\"choices\": [{\"ind\n\n")]
    case 14: return .error(408, "late", ["Retry-After": "soon"])
    case 15:
      return .streamHead + [.send(": keep\r\n\r\n\r\n"), .pause(0.02)]
        + .events(parts + [ScriptedServer.Step].parts(["\(request.number)", "."]))
        + .events([ScriptedServer.Step].end())
    case 16: return .status(529)
    default: return good
    }
  }

  @Test func nothingIsLostAndNothingTwiceWhateverAServerDoes() async throws {
    var trial = try Trial(Self.misbehaving)
    trial.settings.price = TokenPrice(input: 1000, output: 3000)
    let most = 1000.0
    trial.settings.mostMoney = Money(dollars: most)
    let highest = Mutex(0.0)
    let summary = try await trial.run(90) { progress in
      highest.withLock { $0 = max($0, progress.money.dollars) }
    }
    #expect(
      summary.end == .complete && summary.keptCount == 90 && summary.failedCount == 0, "\(summary)")
    #expect(summary.busyCount > 10 && summary.brokenCount > 10)
    let records = try trial.records()
    #expect(records.map { $0["completion"]?.string } == (0..<90).map { "It is \($0)." })
    #expect(Set(records.map { $0["hash"]?.string }).count == 90)
    #expect(records.allSatisfy { $0["logprobs"]?["tokens"]?.array?.count == 4 })
    #expect(highest.withLock { $0 } <= most && highest.withLock { $0 } > 0)
    #expect(try !trial.everything().contains(Trial.key))
    // What is there is not asked again.
    let before = Self.misbehaving.requests.count
    let again = try await trial.run(90)
    #expect(again.before == 90 && again.asked == 0 && Self.misbehaving.requests.count == before)
  }

  @Test(arguments: [1, 5, 64]) func spendingNeverPassesTheLimit(_ atOnce: Int) async throws {
    let server = ScriptedServer { request in
      // Most answers are cheaper than what was reserved, some count more than was allowed, some say nothing.
      let usage = [
        "{\"prompt_tokens\": 5, \"completion_tokens\": 3}",
        "{\"prompt_tokens\": 5, \"completion_tokens\": 99999999}",
        "{\"prompt_tokens\": -5, \"completion_tokens\": 1.5}",
        "{\"prompt_tokens\": 7, \"completion_tokens\": 30, \"cost\": 1e9}",
      ][request.number % 4]
      return .streamHead
        + .events(
          [ScriptedServer.Step].parts(["\(request.number)"])
            + [ScriptedServer.Step].end(usage: usage))
    }
    var trial = try Trial(server)
    trial.settings.price = TokenPrice(input: 0.15, output: 0.6)
    trial.settings.mostAtOnce = atOnce
    trial.settings.pace.start = atOnce
    let price = TokenPrice(input: 0.15, output: 0.6)
    let most = price.cost(TokenCount(input: 900, output: 400))
    trial.settings.mostMoney = most
    let highest = Mutex(Money(0))
    let summary = try await trial.run(200) { progress in
      highest.withLock { $0 = max($0, progress.money) }
    }
    #expect(summary.end == .limit && summary.leftCount > 0 && summary.keptCount > 4, "\(summary)")
    #expect(summary.spent.money <= most && highest.withLock { $0 } <= most)
    // With a larger limit the same collection goes on, and what was spent counts.
    trial.settings.mostMoney = nil
    trial.settings.mostTokens = summary.spent.tokens.total + 200
    let more = try await trial.run(200)
    #expect(more.end == .limit && more.before == summary.keptCount && more.keptCount > 0)
    #expect(more.spent.tokens.total <= summary.spent.tokens.total + 200)
  }

  @Test func waitsHoldForAllRequests() async throws {
    let server = ScriptedServer { request in
      request.number == 7 && request.attempt == 1
        ? .error(429, "wait", ["Retry-After": "0.6"]) : .answer(["\(request.number)"])
    }
    var trial = try Trial(server)
    trial.settings.pace.start = 1
    let summary = try await trial.run(12)
    #expect(summary.keptCount == 12 && summary.busyCount == 1)
    let gaps = zip(server.times.dropFirst(), server.times).map { $0.timeIntervalSince($1) }
    #expect((gaps.max() ?? 0) >= 0.6 && gaps.sorted().dropLast().allSatisfy { $0 < 0.5 }, "\(gaps)")
  }

  @Test func refusalsAndFilteredAnswersStandApart() async throws {
    let server = ScriptedServer { request in
      switch request.number % 4 {
      case 0:
        let part = "{\"choices\": [{\"index\": 0, \"delta\": {\"refusal\": \"I will not.\"}}]}"
        return .streamHead + .events([part] + [ScriptedServer.Step].end())
      case 1: return .answer(["cut"], reason: "length")
      case 2: return .answer([], reason: "content_filter")
      default: return .answer(["fine ", "\(request.number)"])
      }
    }
    let trial = try Trial(server)
    let summary = try await trial.run(20)
    #expect(
      summary.keptCount == 5 && summary.refusedCount == 10
        && summary.filtered == ["finish:length": 5])
    #expect(try trial.records(.refused).count == 10 && trial.records(.filtered).count == 5)
    #expect(try trial.records().allSatisfy { $0["completion"]?.string?.hasPrefix("fine ") == true })
  }

  @Test func samplesOfAPromptDifferOrAreDuplicates() async throws {
    let server = ScriptedServer { request in
      .answer(["word ", "\((request.body["seed"]?.int ?? 0) % 2)"])
    }
    var trial = try Trial(server)
    trial.samples = 4
    let summary = try await trial.run(6)
    #expect(summary.keptCount == 12 && summary.filtered == ["duplicate": 12])
    #expect(Set(server.requests.compactMap { $0.body["seed"]?.int }) == [1, 2, 3, 4])
  }

  @Test func reasoningAndWholeAnswersAreKept() async throws {
    let server = ScriptedServer { request in
      .status(
        200, ["Content-Type": "application/json"],
        """
        {"id": "x", "model": "m-2", "choices": [{"index": 0, "message": {"role": "assistant", "content": "four", \
        "reasoning": "two and two"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 9}}
        """)
    }
    var trial = try Trial(server)
    trial.streams = false
    let summary = try await trial.run(3)
    #expect(summary.keptCount == 3 && summary.reasoningCount == 3)
    #expect(server.requests.allSatisfy { $0.body["stream"] == nil })
    let record = try #require(try trial.records().first)
    #expect(
      record["reasoning"]?.string == "two and two"
        && record["provider"]?["model_returned"]?.string == "m-2")
    #expect(record["prompt_source"]?["entry"]?.int == 1 && record["logprobs"] == nil)
  }

  @Test func whatIsWholeIsKeptHoweverItIsWrapped() async throws {
    let parts = [ScriptedServer.Step].parts(["fine"])
    let server = ScriptedServer { request in
      switch request.number {
      case 0:
        // An empty refusal is none, and a delta of null stands beside the message.
        let message = "{\"content\": \"good\", \"refusal\": \"\"}"
        return .status(
          200, ["Content-Type": "application/json"],
          "{\"choices\": [{\"delta\": null, \"message\": \(message), \"finish_reason\": \"stop\"}], \"usage\": {\"cost\": 999999}}"
        )
      case 1:
        return .streamHead + .events(parts + [[ScriptedServer.Step].end()[0]]) + [
          .pause(0.05), .cut,
        ]
      default: return .error(429, "later", ["Retry-After": request.attempt == 1 ? "0.01" : "0"])
      }
    }
    let trial = try Trial(server)
    let summary = try await trial.run(2)
    #expect(summary.keptCount == 2 && summary.refusedCount == 0, "\(summary)")
    #expect(summary.spent.money < Money(dollars: 1))
  }

  @Test func silenceIsAFailureThatPasses() async throws {
    let server = ScriptedServer { request in
      request.attempt == 1 && request.number == 2
        ? .streamHead + [.pause(3)] : .answer(["\(request.number)"])
    }
    var trial = try Trial(server)
    trial.silence = .milliseconds(400)
    let summary = try await trial.run(5)
    #expect(summary.keptCount == 5 && summary.brokenCount == 1)
  }
}
