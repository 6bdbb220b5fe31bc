// Which terms answers fall under, and who has accepted them.
import Base
import Foundation
import Testing

@testable import Terms

@Suite struct TermsTests {
  private let day = try! Date("2026-11-30T00:00:00Z", strategy: .iso8601)

  private func ids(_ host: String, _ model: String) -> [String] {
    TermsRule.rules(host: host, model: model).map(\.id)
  }

  @Test func rulesAreFoundByHostAndModel() {
    #expect(ids("api.openai.com", "gpt-5") == ["openai-services-2026-01-01"])
    #expect(ids("notopenai.com", "some-model") == [])
    #expect(ids("api.deepseek.com", "deepseek-chat") == ["deepseek-api-2025-01-20"])
    #expect(ids("127.0.0.1", "meta-llama/Llama-3.1-8B-Instruct") == ["llama-3.1-4"])
    #expect(ids("127.0.0.1", "meta-llama/Meta-Llama-3-8B") == ["llama-2-3.0"])
    #expect(
      ids("localhost", "llama3:8b") == ["llama-2-3.0"]
        && ids("localhost", "llama3.2:1b") == ["llama-3.1-4"])
    #expect(ids("localhost", "google/gemma-3-4b-it") == ["gemma-terms-2026-04-01"])
    #expect(
      ids("localhost", "gemma-4-9b") == ["apache-2.0"]
        && ids("localhost", "openai/gpt-oss-20b") == ["apache-2.0"])
    #expect(ids("openrouter.ai", "anthropic/claude-x") == ["anthropic-commercial-2025-06-17"])
    #expect(ids("api.openai.com", "gpt-oss-20b") == ["openai-services-2026-01-01", "apache-2.0"])
  }

  @Test func whatIsNotAllowedIsRefusedUntilItIsAccepted() throws {
    func decision(
      _ host: String, _ model: String, _ accepted: [String] = [], because: String? = nil
    ) throws -> TermsDecision {
      try TermsDecision(
        host: host, model: model, accepted: accepted, because: because, by: "someone", on: day)
    }
    let free = try decision("api.deepseek.com", "deepseek-reasoner")
    #expect(free.verdict == .allowed && free.record["accepted_by"] == nil)
    let duties = try decision("localhost", "llama-3.3-70b")
    #expect(duties.verdict == .conditions && duties.duties.count == 3)
    for (host, model) in [
      ("api.openai.com", "gpt-5"), ("localhost", "hunyuan-large"), ("somewhere", "mine"),
    ] {
      #expect(throws: UserError.self) { try decision(host, model) }
    }
    let id = "openai-services-2026-01-01"
    #expect(throws: UserError.self) { try decision("api.openai.com", "gpt-5", [id]) }
    #expect(throws: UserError.self) { try decision("api.openai.com", "gpt-5", [id], because: "  ") }
    #expect(throws: UserError.self) {
      try decision("api.openai.com", "gpt-5", ["unknown"], because: "x")
    }
    let record = try decision(
      "api.openai.com", "gpt-5", [id], because: "a classifier for ourselves"
    ).record
    #expect(record["verdict"]?.string == "restricted" && record["accepted_by"]?.string == "someone")
    #expect(
      record["because"]?.string == "a classifier for ourselves"
        && record["at"]?.string == "2026-11-30T00:00:00Z")
  }

  @Test func theTableSaysWhereItsRulesWereRead() throws {
    #expect(
      Set(TermsRule.table.map(\.id)).count == TermsRule.table.count && TermsRule.table.count >= 15)
    for rule in TermsRule.table {
      #expect(
        rule.source.hasPrefix("https://") && !rule.rule.isEmpty && !rule.dated.isEmpty, "\(rule.id)"
      )
      #expect(
        !rule.hosts.isEmpty || !rule.models.isEmpty || !rule.licences.isEmpty, "\(rule.id)")
      #expect(rule.verdict != .conditions || !rule.duties.isEmpty, "\(rule.id)")
      #expect(rule.models.allSatisfy { $0 == $0.lowercased() }, "\(rule.id)")
    }
    #expect(!TermsRule.isStale(on: day))
    #expect(TermsRule.isStale(on: try Date("2027-06-01T00:00:00Z", strategy: .iso8601)))
    #expect(
      TermsRule.table[0].paragraph(on: try Date("2027-06-01T00:00:00Z", strategy: .iso8601))
        .contains("180 days"))
  }
}
