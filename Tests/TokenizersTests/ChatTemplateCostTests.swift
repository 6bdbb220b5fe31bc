// What templates may cost: time, memory and stack, whatever they say.
import Foundation
import Storage
import Testing
import Tokenizers

@Suite struct ChatTemplateCostTests {
  private static func render(_ source: String, _ messages: [JSON] = []) throws -> String {
    try ChatTemplate(source, tokens: [:]).render(messages, startsAnswer: true)
  }

  /// A value that holds itself twice, two hundred times over.
  private static let doubled =
    "{% set n = namespace(a=[1], b=[1], c=(1,), d={1: 1}) %}{% for i in range(200) %}"
    + "{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% set n.c = (n.c, n.c) %}"
    + "{% set n.d = {1: n.d, 2: n.d} %}{% endfor %}"
  /// Two texts and two lists of which every part is equal.
  private static let equals =
    "{% set a = 'a' * 4000000 %}{% set b = 'a' * 4000000 %}{% set x = range(99999) | list %}"
    + "{% set y = range(99999) | list %}{% for i in range(99999) %}"

  @Test(arguments: [
    doubled + "{{ n.a }}", doubled + "{{ n.d }}", doubled + "{{ n.a == n.b }}",
    doubled + "{{ n.a < n.b }}", doubled + "{{ {n.c: 1} }}", doubled + "{{ n.a | tojson }}",
    doubled + "{{ n.a | tojson(indent=900) }}",
    doubled + "{{ n.a in [n.b] }}", doubled + "{{ [n.a] | join }}",
    doubled + "{{ [n.b].index(n.a) }}", doubled + "{{ [n.a, n.b] | sort | length }}",
    equals + "{{ a == b }}{% endfor %}", equals + "{{ x == y }}{% endfor %}",
    equals + "{{ {a: 1}[b] }}{% endfor %}", equals + "{{ a < b }}{% endfor %}",
    equals + "{{ x is lower }}{% endfor %}", equals + "{{ a.startswith(b) }}{% endfor %}",
    equals + "{{ a.strip() }}{% endfor %}", equals + "{{ b in a }}{% endfor %}",
    "{% set a = range(99999) | list %}{{ ([a] * 5000) | join | length }}",
    "{% set a = 'a' * 8000000 %}{{ ([a, a ~ 'b'] * 20000) | sort | length }}",
    "{% for c in 'a' * 16000000 %}{% endfor %}", "{% set a = ('a' * 16000000) | list %}",
    "{% set a = [1] * 30000000 %}", "{{ ('a ' * 8000000).split() | length }}",
    "{{ (',' * 16000000).split(',') | length }}", "{{ ('\\n' * 16000000).splitlines() | length }}",
    "{{ ('<' * 16000000) | e | length }}", "{{ ['\\x01' * 16000000] | string | length }}",
    "{{ ('\\x01' * 16000000) | tojson | length }}", "{{ strftime_now('x' * 100000) }}",
    "{% set n = namespace(p=[]) %}{% for i in range(9999) %}{% set n.p = n.p + [[i, 1]] %}"
      + "{{ dict(n.p) | length }}{% endfor %}",
  ]) func whatCostsTooMuchIsRefused(source: String) {
    let start = ContinuousClock.now
    let error = #expect(throws: TokenizerError.self) { try Self.render(source) }
    #expect((error?.description.utf8.count ?? 0) < 400)
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  /// Searches take the time of reading both texts.
  @Test(arguments: [
    ("{{ b in a }}", "False"), ("{{ a.find(b) }}{{ a.rfind(b) }}", "-1-1"),
    ("{{ a.count(b) }}{{ a.replace(b, '') | length }}", "02000000"),
    ("{{ a.strip(b) | length }}{{ a.split(b) | length }}", "01"),
  ]) func searchesAreLinear(source: String, expected: String) throws {
    let start = ContinuousClock.now
    let texts = "{% set a = 'a' * 2000000 %}{% set b = 'a' * 1000000 ~ 'b' %}"
    #expect(try Self.render(texts + source) == expected)
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  /// The deepest that is let through: blocks and brackets, values, macros that call each other.
  @Test(arguments: [
    String(repeating: "{% if 1 %}", count: 58) + "{{ " + String(repeating: "(", count: 58) + "1"
      + String(repeating: ")", count: 58) + " }}" + String(repeating: "{% endif %}", count: 58),
    "{{ 1" + String(repeating: "+1", count: 999) + " }}",
    "{% set n = namespace(a=[]) %}{% for i in range(298) %}{% set n.a = [n.a] %}{% endfor %}"
      + "{{ n.a == n.a }}{{ n.a }}{{ n.a | tojson }}",
    "{% macro m(n) %}{{ m(n) | upper }}{{ [m(n)] | map('first') | list }}{% endmacro %}{{ m(0) }}",
  ]) func aSmallStackIsEnough(source: String) throws {
    let ended = DispatchSemaphore(value: 0)
    let thread = Thread {
      _ = try? Self.render(source)
      ended.signal()
    }
    thread.stackSize = 512 << 10
    thread.start()
    #expect(ended.wait(timeout: .now() + 20) == .success)
  }

  @Test(arguments: [
    ("{% break %}", "break stands outside of a loop"),
    ("{% for x in [1] %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}", "continue"),
    ("{{ [1, 2][0 1] }}", "] is missing"), ("{{ 007 }}", "begins with 0"),
    ("{{ dict(a=1, a=2) }}", "given twice"), ("{% if 1 %}{% endif x %}", "more follows"),
    ("{% macro m(a=1, b) %}{% endmacro %}", "b needs a value"),
    ("{{ ['a'] | map('upper') | length }}", "| list makes it a list"),
    ("{{ ['a'] | map('upper') }}", "a generator has no text"),
    ("{% set g = [1] | map('abs') %}{{ g | list }}{{ g | list }}", "read twice"),
    ("{% for x in [1] %}{{ loop([2]) }}{% endfor %}", "a loop that calls itself is not built"),
    ("{% for x in [1] %}{{ loop.cycle(a=1) }}{% endfor %}", "has no argument a"),
    ("{{ strftime_now('%Y\\x00') }}", "no date in the format"), ("{{ '\\xzz' }}", "an escape"),
    ("\n{% macro m() %}\n\n{% endmacro %}\n{{ m() + 1 }}", "line 5: + cannot join"),
    ("{{ raise_exception('a' * 9999) }}", "aaaa"),
  ]) func whatIsRefusedIsNamed(source: String, message: String) {
    let error = #expect(throws: TokenizerError.self) { try Self.render(source) }
    #expect(error?.description.contains(message) == true, "\(error as Any)")
    #expect((error?.description.utf8.count ?? 0) < 700)
  }

  @Test func wholeNumbersInMessagesAreExactOrRefused() throws {
    func render(_ literal: String) throws -> String {
      try Self.render("{{ messages[0] }}", [try JSON(parsing: Data(literal.utf8))])
    }
    #expect(try render("9223372036854775807") == "9223372036854775807")
    #expect(try render("1e3") == "1000.0")
    let error = #expect(throws: TokenizerError.self) { try render("9223372036854775808") }
    #expect(error?.description.contains("messages with a whole number that is too large") == true)
  }

  @Test func datesAreWrittenAsPythonWritesThem() throws {
    let template = try ChatTemplate("{{ strftime_now('%Y%f|%z%Z|%%f|%') }}", tokens: [:])
    let date = Date(timeIntervalSince1970: 1_782_907_200.25)
    #expect(
      try template.render([ChatMessage](), startsAnswer: true, date: date) == "2026250000||%f|%")
  }
}
