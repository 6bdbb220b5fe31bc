// Chat templates against jinja2.
import Checks
import Foundation
import Storage
import Testing
import Tokenizers

@Suite struct ChatTemplateTests {
  /// Noon on the first of July 2026, UTC.
  static let date = Date(timeIntervalSince1970: 1_782_907_200)

  @Test func everyFamilyRendersAsJinjaDoes() throws {
    let file = try JSON(contentsOf: goldenFolder("templates.json"))
    let tokens = try #require(file["tokens"]?.object).members
      .reduce(into: [:]) { $0[$1.key] = $1.value.string }
    var counts: [String: Int] = [:]
    for test in try #require(file["cases"]?.array) {
      let name = try #require(test["name"]?.string)
      let template = try ChatTemplate(
        try #require(file["templates"]?[name]?.string), tokens: tokens)
      let options = try #require(test["options"]?.object).members
        .reduce(into: [:]) { $0[$1.key] = $1.value }
      func render() throws -> String {
        try template.render(
          try #require(test["messages"]?.array), startsAnswer: test["answers"]?.bool == true,
          options: options, date: Self.date)
      }
      if let refusal = test["refusal"]?.string {
        let error = #expect(throws: TokenizerError.self) { try render() }
        #expect(error?.description.contains(refusal) == true)
      } else {
        let result = try render()
        #expect(result == test["result"]?.string, "\(name)")
      }
      counts[name, default: 0] += 1
    }
    #expect(counts.count == 6 && counts.values.allSatisfy { $0 == 24 })
  }

  @Test(arguments: [
    ("{% include 'x' %}", "line 1: the statement include is not built"),
    ("\n{{ x|wordwrap }}", "line 2: the filter wordwrap is not built"),
    ("{{ x is filter }}", "the test filter is not built"), ("{{ f() }}", "the function f"),
    ("{% if x %}", "lacks its endif"), ("{{ 'a }}", "a text does not end"),
    ("{{ x", "does not end"),
    ("{% for x in 7 %}{% endfor %}", "a number has no items"), ("{{ 1 + 'a' }}", "cannot join"),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself without end"),
    ("{{ 1 % 0 }}", "division by zero"), ("{{ (1 }}", "does not end"),
    ("{{ 1 2 }}", "more follows"),
  ])
  func whatIsNotBuiltIsNamed(template: String, message: String) {
    let error = #expect(throws: TokenizerError.self) {
      try ChatTemplate(template, tokens: [:]).render([ChatMessage](), startsAnswer: true)
    }
    #expect(error?.description.contains(message) == true, "\(error as Any)")
    #expect(error?.description.contains("formatted by hand") == true)
  }

  @Test func aDateIsThePresentOne() throws {
    let text = try ChatTemplate("{{ strftime_now('%d %b %Y') }}", tokens: [:])
      .render([ChatMessage](), startsAnswer: true, date: Self.date)
    #expect(text == "01 Jul 2026")
  }
}
