// Chat templates that are hostile, and what Python's engine makes of small ones.
import Checks
import Foundation
import Storage
import Testing
import Tokenizers

@Suite struct ChatTemplateLimitTests {
  @Test func expressionsHaveThePythonEnginesValues() throws {
    let file = try JSON(contentsOf: goldenFolder("template_expressions.json"))
    let messages = try #require(file["messages"]?.array)
    let data = try #require(file["data"])
    let cases = try #require(file["cases"]?.array)
    #expect(cases.count > 300)
    for item in cases {
      let source = try #require(item.array?[0].string)
      let result = Result {
        try ChatTemplate(source, tokens: ["bos_token": "<s>", "eos_token": "</s>"])
          .render(messages, startsAnswer: true, options: ["d": data])
      }
      switch (result, item.array?[1].string) {
      case (.success(let got), let expected?):
        #expect(Array(got.unicodeScalars) == Array(expected.unicodeScalars), "\(source)")
      case (.failure(let error), nil): #expect(error is TokenizerError, "\(source): \(error)")
      case (.success(let got), nil):
        Issue.record("\(source) is refused by Jinja, here it is \(got)")
      case (.failure(let error), _?): Issue.record("\(source): \(error)")
      }
    }
  }

  static let least = "(-9223372036854775807-1)"

  /// Numbers that do not fit, and what grows beyond all measure.
  static let numbers: [String] = [
    "\(least) // -1", "-\(least)", "\(least) | abs", "9223372036854775807 + 1", "\(least) - 1",
    "9223372036854775807 * 2", "10 ** 30", "99999999999999999999 | int", "99999999999999999999",
    "'99999999999999999999' | int", "('inf' | float) | int", "1e300 | int",
    "'a' * 9223372036854775807",
    "[1] * 9223372036854775807", "'a' | indent(9223372036854775807)", "range(100001)",
    "range(0, 9223372036854775807)", "[1] | tojson(indent=9223372036854775807)",
    "'a'.center(9223372036854775807)", "'a'.zfill(9223372036854775807)", "'a'.ljust(99999999999)",
    "('a' * 1000000).replace('a', 'b' * 1000)", "('a' * 100000) | replace('', 'b' * 10000)",
    "('b' * 1000000).join('a' * 1000)", "'a' | truncate(1)", "2 ** 9999", "2.0 ** 99999",
  ]

  @Test(arguments: numbers) func whatDoesNotFitIsRefused(expression: String) {
    #expect(throws: TokenizerError.self) {
      try ChatTemplate("{{ \(expression) }}", tokens: [:])
        .render([ChatMessage](), startsAnswer: true)
    }
  }

  /// Extreme numbers that have an answer.
  @Test(arguments: [
    ("\(least) % -1", "0"), ("'a' | indent(-1)", "a"), ("\(least) is divisibleby(-1)", "True"),
    ("'a,b'.split(',', 9223372036854775807) | length", "2"), ("('nan' | float) | int", "0"),
    ("'abc'[\(least):9223372036854775807]", "abc"), ("'abc'[::9223372036854775807]", "a"),
    ("'abc'[::\(least)]", "c"), ("[1] | tojson(indent=-1)", "[\n1\n]"), ("'abc'[\(least)]", ""),
    ("range(9223372036854775806, 9223372036854775807) | list", "[9223372036854775806]"),
    ("'abc'.find('c', \(least))", "2"), ("'a'.center(\(least))", "a"),
  ]) func extremesHaveTheirAnswers(expression: String, expected: String) throws {
    let got = try ChatTemplate("{{ \(expression) }}", tokens: [:])
      .render([ChatMessage](), startsAnswer: true)
    #expect(got == expected)
  }

  /// Templates that are deep, long or never end, by their descriptions.
  static let hostile: [(name: String, source: @Sendable () -> String)] = {
    @Sendable func many(_ text: String, _ count: Int = 100_000) -> String {
      String(repeating: text, count: count)
    }
    return [
      ("parentheses", { "{{ " + many("(") + "1" + many(")") + " }}" }),
      ("brackets", { "{{ " + many("[") + many("]") + " }}" }),
      ("braces", { "{{ " + many("{1:") + "1" + many("}") + " }}" }),
      ("not", { "{{ " + many("not ") + "1 }}" }), ("minus", { "{{ " + many("- ") + "1 }}" }),
      ("sums", { "{{ 1" + many("+1") + " }}" }), ("powers", { "{{ 1" + many("**1") + " }}" }),
      ("tildes", { "{{ 1" + many("~1") + " }}" }), ("attributes", { "{{ a" + many(".a") + " }}" }),
      ("items", { "{{ a" + many("[0]") + " }}" }), ("calls", { "{{ a" + many("()") + " }}" }),
      ("filters", { "{{ 'a'" + many("|trim", 50_000) + " }}" }),
      ("tests", { "{{ 1" + many(" is odd", 50_000) + " }}" }),
      ("conditions", { "{{ " + many("1 if 0 else ", 50_000) + "1 }}" }),
      ("or", { "{{ 0" + many(" or 0") + " }}" }), ("and", { "{{ 1" + many(" and 1") + " }}" }),
      ("comparisons", { "{{ 1" + many("<1") + " }}" }),
      ("ifs", { many("{% if 1 %}", 50_000) + many("{% endif %}", 50_000) }),
      ("loops", { many("{% for x in [1] %}", 20_000) + many("{% endfor %}", 20_000) }),
      ("macros", { many("{% macro m() %}", 20_000) + many("{% endmacro %}", 20_000) }),
      ("a long text", { many("x", 2_000_000) }),
      ("a name of a megabyte", { "{{ " + many("a", 1_000_000) + "() }}" }),
      ("a number of a megabyte", { "{{ " + many("1", 1_000_000) + " }}" }),
      (
        "a list in a list",
        {
          "{% set n = namespace(a=[]) %}{% for i in range(60000) %}{% set n.a = [n.a] %}{% endfor %}"
        }
      ),
      (
        "a dictionary in a dictionary",
        {
          "{% set n = namespace(a={}) %}{% for i in range(60000) %}{% set n.a = {1: n.a} %}{% endfor %}"
        }
      ),
      (
        "a text that doubles",
        {
          "{% set n = namespace(a='a') %}{% for i in range(99) %}{% set n.a = n.a ~ n.a %}{% endfor %}"
        }
      ),
      (
        "a list that doubles",
        {
          "{% set n = namespace(a=[1]) %}{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}"
        }
      ),
      (
        "loops in loops",
        {
          "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
        }
      ),
      (
        "a macro that calls itself twice",
        { "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}" }
      ),
      (
        "macros that call each other",
        {
          "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"
        }
      ),
      (
        "macros that double",
        {
          (0..<60).map { "{% macro m\($0)() %}{{ m\($0 + 1)() }}{{ m\($0 + 1)() }}{% endmacro %}" }
            .joined() + "{% macro m60() %}x{% endmacro %}{{ m0() }}"
        }
      ),
      ("much output", { "{% for i in range(99999) %}" + many("x", 10_000) + "{% endfor %}" }),
      (
        "sorting much",
        { "{% for i in range(9999) %}{% set x = range(99999) | sort %}{% endfor %}" }
      ),
    ]
  }()

  @Test(arguments: 0..<hostile.count) func hostileTemplatesEndInASentence(index: Int) {
    let (name, source) = Self.hostile[index]
    let clock = ContinuousClock.now
    let error = #expect(throws: TokenizerError.self, "\(name)") {
      try ChatTemplate(source(), tokens: [:]).render([ChatMessage](), startsAnswer: true)
    }
    #expect((error?.description.utf8.count ?? 0) < 400, "\(name)")
    #expect(ContinuousClock.now - clock < .seconds(5), "\(name)")
  }

  @Test func longChainsOfOrdinaryLengthAreNoProblem() throws {
    func render(_ source: String) throws -> String {
      try ChatTemplate(source, tokens: [:]).render([ChatMessage](), startsAnswer: true)
    }
    let branches = (0..<2000).map { "{% elif x == \($0) %}\($0)" }.joined()
    #expect(try render("{% set x = 1999 %}{% if false %}\(branches)\n{% endif %}") == "1999\n")
    #expect(try render("{{ 'a'" + String(repeating: " ~ 'a'", count: 100) + " }}").count == 101)
    #expect(try render(String(repeating: "(", count: 1) + "{{ ((((((((((1)))))))))) }}") == "(1")
  }
}
