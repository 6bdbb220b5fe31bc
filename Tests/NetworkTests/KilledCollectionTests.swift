// The command, killed again and again.
import Checks
import Foundation
import Storage
import Testing

@testable import Collecting

@Suite struct KilledCollectionTests {
  private static let key = "sk-killed-0123456789"

  private func arguments(_ server: ScriptedServer, _ output: String) -> [String] {
    [
      "collect", "--endpoint", server.address, "--model", "m", "--input", "prompts.txt", "--output",
      output, "--samples", "2",
      "--logprobs", "2", "--accept-terms", "unknown", "--because", "a test", "--sort", "--price",
      "1,1", "--max-cost", "100",
    ]
  }

  /// Records without what differs from run to run.
  private func contents(_ shop: Workshop, _ name: String) throws -> [String] {
    try JSONLinesFile(try Data(contentsOf: shop.folder.appending(path: name)), named: name).objects
      .map { _, object in
        var object = object
        for key in ["sent", "received", "terms"] { object[key] = nil }
        return JSON.object(object).line
      }
  }

  @Test func killedTwentyTimesItCollectsTheSame() throws {
    let server = ScriptedServer { request in
      let answer = [ScriptedServer.Step].answer([
        "to ", "\(request.number)", " by ", "\(request.body["seed"]?.int ?? 0)",
      ])
      return request.attempt == 1 && request.number % 7 == 0
        ? .error(500, "once") : [.pause(0.004)] + answer
    }
    let shop = try Workshop()
    try shop.write("prompts.txt", (0..<300).map { "Question number \($0)" }.joined(separator: "\n"))
    let whole = try shop.run(arguments(server, "whole.jsonl"), ["RETORT_API_KEY": Self.key])
    #expect(whole.status == 0, "\(whole.errors)")
    var (kills, sizes) = (0, Set<Int>())
    while kills < 20 {
      let (process, _, _) = try start(
        arguments(server, "killed.jsonl") + ["--concurrency", "4"], ["RETORT_API_KEY": Self.key],
        shop.folder)
      // It dies once it has sent some requests, at no particular moment.
      let enough = server.requests.count + 5 + kills
      while process.isRunning, server.requests.count < enough { usleep(1000) }
      guard process.isRunning else { break }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      kills += 1
      sizes.insert((try? Data(contentsOf: shop.folder.appending(path: "killed.jsonl")).count) ?? 0)
    }
    #expect(kills == 20 && sizes.count > 3, "\(kills) kills, \(sizes)")
    // A line that was cut off in the middle.
    let file = try FileHandle(forWritingTo: shop.folder.appending(path: "killed.jsonl"))
    try file.seekToEnd()
    try file.write(contentsOf: Data("{\"hash\": \"12".utf8))
    try file.close()
    let last = try shop.run(
      arguments(server, "killed.jsonl") + ["--json"], ["RETORT_API_KEY": Self.key])
    #expect(last.status == 0, "\(last.errors)")
    #expect(try contents(shop, "killed.jsonl") == contents(shop, "whole.jsonl"))
    #expect(try contents(shop, "whole.jsonl").count == 600)
    for name in try FileManager.default.contentsOfDirectory(atPath: shop.folder.path) {
      #expect(try !shop.read(name).contains(Self.key), "\(name)")
    }
    // All that was under way when a process ended counts as spent.
    let report = try JSON(parsing: Data(last.output.utf8))
    #expect((report["spent_output_tokens"]?.int ?? 0) >= 600 * 4)
  }

  @Test func theCommandSaysWhatItDoes() throws {
    let server = ScriptedServer { request in .answer(["yes ", "\(request.number)"]) }
    let shop = try Workshop()
    try shop.write("prompts.txt", "Question number 1\n\nQuestion number 2\nquestion  NUMBER 2\n")
    let base = [
      "collect", "--endpoint", server.address, "--model", "m", "--input", "prompts.txt", "--output",
      "a.jsonl",
    ]
    let refused = try shop.run(base)
    #expect(
      refused.status == 1 && refused.errors.contains("--accept-terms unknown"), "\(refused.errors)")
    #expect(server.requests.isEmpty && !shop.exists("a.jsonl"))
    let accepted = base + ["--accept-terms", "unknown", "--because", "our own model"]
    let dry = try shop.run(accepted + ["--dry-run", "--price", "1,2"])
    #expect(
      dry.status == 0 && dry.errors.contains("2 requests, at most") && server.requests.isEmpty)
    let done = try shop.run(accepted)
    #expect(
      done.status == 0 && done.output.contains("a.jsonl: 2 new answers."),
      "\(done.output)\(done.errors)")
    #expect(done.errors.contains("1 repeats another"))
    let record = try JSON(parsing: Data(shop.read("a.jsonl").split(separator: "\n")[0].utf8))
    #expect(
      record["terms"]?["because"]?.string == "our own model"
        && record["terms"]?["verdict"]?.string == "unknown")
    // Another file is not touched.
    try shop.write("mine.jsonl", "{\"text\": \"precious\"}\n")
    let foreign = try shop.run(accepted.map { $0 == "a.jsonl" ? "mine.jsonl" : $0 })
    #expect(foreign.status == 1 && foreign.errors.contains("--overwrite"), "\(foreign.errors)")
    #expect(try shop.read("mine.jsonl") == "{\"text\": \"precious\"}\n")
    // Nor is one of another kind that has no end of a line, nor what is here when a filter cannot be applied.
    try shop.write("config.json", "{\"precious\": 1}")
    let config = try shop.run(accepted.map { $0 == "a.jsonl" ? "config.json" : $0 })
    #expect(
      try config.status == 1 && shop.read("config.json") == "{\"precious\": 1}", "\(config.errors)")
    let answers = try shop.read("a.jsonl")
    let wrong = try shop.run(accepted + ["--overwrite", "--match", "["])
    #expect(try wrong.status == 1 && shop.read("a.jsonl") == answers)
    let elsewhere = try shop.run(
      accepted.map { $0 == server.address ? "http://elsewhere.example/v1" : $0 })
    #expect(
      elsewhere.status == 1 && elsewhere.errors.contains("--insecure-http"), "\(elsewhere.errors)")
  }
}
