// Collections that cannot go on, and requests that fail.
import Base
import Checks
import Foundation
import Storage
import Synchronization
import Testing

@testable import Collecting

@Suite struct FailedCollectionTests {
  @Test func whatCannotSucceedEndsTheCollection() async throws {
    for (reply, words) in [
      ([ScriptedServer.Step].error(401, "Incorrect key \(Trial.key)"), "[key]"),
      (.error(429, "no money", code: "insufficient_quota"), "no money"),
      (.status(307, ["Location": "https://elsewhere.example/v1"]), "elsewhere.example"),
      (.error(429, "tomorrow", ["Retry-After": "86400"]), "24h"),
      (.error(404, "no such model"), "no such model"),
    ] {
      let server = ScriptedServer { _ in reply }
      let trial = try Trial(server)
      let summary = try await trial.run(100)
      guard case .refused(let why) = summary.end else {
        Issue.record("\(words): \(summary)")
        continue
      }
      #expect(why.contains(words) && !why.contains(Trial.key), "\(why)")
      #expect(server.requests.count < 40 && summary.leftCount > 50)
      #expect(try !trial.everything().contains(Trial.key))
    }
  }

  @Test func failuresStandApartAndAreAskedAgain() async throws {
    let isMended = Atomic(false)
    let server = ScriptedServer { request in
      request.number % 5 == 0 && !isMended.load(ordering: .relaxed)
        ? .error(422, "cannot") : .answer(["\(request.number)"])
    }
    let trial = try Trial(server)
    let first = try await trial.run(40)
    #expect(first.keptCount == 32 && first.failures == ["HTTP 422: cannot": 8])
    #expect(try trial.records(.failed).count == 8)
    isMended.store(true, ordering: .relaxed)
    let second = try await trial.run(40)
    #expect(second.before == 32 && second.keptCount == 8)
    #expect(try trial.records().count == 40 && trial.records(.failed).isEmpty)
  }

  @Test func aServerThatIsNotThereEndsTheCollectionAndCostsNothing() async throws {
    let server = ScriptedServer { _ in [] }
    server.stop()
    var trial = try Trial(server)
    trial.settings.price = TokenPrice(input: 1, output: 1)
    let summary = try await trial.run(50)
    guard case .refused(let why) = summary.end else {
      Issue.record("\(summary)")
      return
    }
    #expect(
      why.contains("cannot be reached") && summary.spent.money == Money(0)
        && summary.unreachedCount >= 3,
      "\(why) \(summary)")
    // One that takes the request and dies may have billed it.
    let dying = ScriptedServer { _ in [.cut] }
    var other = try Trial(dying)
    other.settings.price = TokenPrice(input: 1, output: 1)
    other.settings.pace.tries = 2
    let broken = try await other.run(3)
    #expect(broken.failedCount == 3 && broken.brokenCount == 6 && broken.spent.money > Money(0))
  }

  @Test func aFileThatCannotBeWrittenEndsTheCollection() async throws {
    let server = ScriptedServer { request in .answer(["answer ", "\(request.number)"]) }
    let trial = try Trial(server)
    // A folder stands where refusals would go: nothing is sent.
    try trial.folder.write("x", to: "answers.refused.jsonl/x")
    await #expect(throws: UserError.self) { try await trial.run(20) }
    #expect(server.requests.isEmpty)
  }

  /// A model, a route or a setting that the server does not know is in every request: the first answer says so.
  @Test func whatIsWrongInEveryRequestEndsTheCollectionAtOnce() async throws {
    func field(_ name: String) -> [ScriptedServer.Step] {
      .status(
        400, ["Content-Type": "application/json"],
        "{\"error\": {\"message\": \"at most 5\", \"param\": \"\(name)\", \"code\": null}}")
    }
    for (reply, isForAll) in [
      ([ScriptedServer.Step].error(404, "no such model"), true), (.error(405, "GET only"), true),
      (field("top_logprobs"), true), (field("messages"), false),
    ] {
      let server = ScriptedServer { _ in reply }
      var trial = try Trial(server)
      trial.settings.pace.start = 1
      let summary = try await trial.run(30)
      guard case .refused = summary.end else {
        Issue.record("\(summary)")
        continue
      }
      // What is wrong with one prompt may be right with another, but not three times in the same words.
      #expect(
        server.requests.count == (isForAll ? 1 : 3) && summary.failedCount == (isForAll ? 0 : 3))
    }
    // Prompts that are too long, each in its own words, end nothing before ten.
    let server = ScriptedServer { request in
      request.number < 9
        ? .error(400, "\(request.number) tokens too many") : .answer(["\(request.number)"])
    }
    var trial = try Trial(server)
    trial.settings.pace.start = 1
    let summary = try await trial.run(12)
    #expect(summary.keptCount == 3 && summary.failedCount == 9, "\(summary)")
    // A refusal comes sooner than an answer: those that were begun before it are waited for.
    let slow = ScriptedServer { request in
      request.number % 2 == 0
        ? .error(400, "not this") : [.pause(0.3)] + .answer(["\(request.number)"])
    }
    let mixed = try await Trial(slow).run(20)
    #expect(mixed.keptCount == 10 && mixed.failedCount == 10, "\(mixed)")
    // Once answers have come, an address that is gone is one request's failure.
    let later = ScriptedServer { request in
      request.number == 3 ? .error(404, "gone") : .answer(["\(request.number)"])
    }
    var other = try Trial(later)
    other.settings.pace.start = 1
    let rest = try await other.run(6)
    #expect(rest.keptCount == 5 && rest.failedCount == 1, "\(rest)")
    // What is answered is known without opening the files to write.
    #expect(AnswerFiles.hashes(beside: other.output).count == 5)
    #expect(AnswerFiles.hashes(beside: other.folder.url.appending(path: "none.jsonl")).isEmpty)
  }
}
