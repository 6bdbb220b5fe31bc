// Tokenizers that are made to take for ever, and small ones against the `tokenizers` library.
import Checks
import Foundation
import Storage
import Testing

@testable import Tokenizers

@Suite struct HostileTokenizerTests {
  private static func many(_ text: String, _ count: Int) -> String {
    String(repeating: text, count: count)
  }

  /// Patterns that take exponential time, or none, when they are tried one way after the other; and texts.
  static let slow: [(pattern: String, text: String)] = {
    let letters = many("a", 40)
    let long = many("a", 20_000)
    return [
      ("(?:a|a)*b", letters), ("(?:a+)+b", letters), ("(?:a*)*b", letters), ("(a|aa)+$b", letters),
      ("(?=(?:a|a)*b)c", letters), ("(?!(?:a|a)*b)a", letters), ("(?>(?:a|a)*)b", letters),
      ("(?:a?){40}a{40}b", letters), ("(?:(?:a|b)*|a)*c", letters),
      ("(?:a|b|ab)*c", many("ab", 40)),
      ("(?i:(?:a|A)*)b", letters), ("(?:a??)*?b", letters), ("(?:|a)*b", letters),
      ("(?:)*b", letters),
      ("(?:a{1,20}){1,20}b", letters), ("(?:a*+)*b", letters), ("(x+x+)+y", many("x", 60)),
      ("(?:(?=a)a|a)*b", letters), ("(?:a|a)*b|a", long), ("\\s+$", many(" ", 20_000) + "x"),
      ("(?:a+)+b", long), ("(?:.*a){12}", letters),
    ]
  }()

  @Test(arguments: 0..<slow.count) func patternsEndSoon(index: Int) throws {
    let (pattern, text) = Self.slow[index]
    let clock = ContinuousClock.now
    // An answer, or the sentence that it takes too long.
    do { _ = try Pattern(pattern).matches(in: Scalars(text)) } catch is TokenizerError {}
    #expect(ContinuousClock.now - clock < .seconds(5), "\(pattern)")
  }

  @Test func whatIsRememberedChangesNoAnswer() throws {
    // Long enough that failed states are remembered; the answers follow from the patterns.
    let text = Scalars(Self.many("ab", 3000) + "c")
    #expect(try Pattern("(?:a|b|ab)*c").matches(in: text) == [0..<6001])
    #expect(try Pattern("(?:ab|a)*d|b").matches(in: text).count == 3000)
    #expect(try Pattern("(?:a|a)*b|a").matches(in: Scalars(Self.many("a", 3000))).count == 3000)
    #expect(try Pattern("(?=(?:a|b)*c)b").matches(in: text).count == 3000)
    #expect(try Pattern("(?>(?:a|b)*)c|a").matches(in: text).count == 1)
    #expect(try Pattern("(?>(?:a|b)*)d|a").matches(in: text).count == 3000)
    #expect(try Pattern("(?:(?:a|)(?:b|))*d|b").matches(in: text).count == 3000)
  }

  /// Patterns that try every place of a long text again, for each place at which they begin.
  @Test(arguments: [
    #"\s+$"#, "a*b", "a*?b", "a+b", "(?:a|b)*c", "(?:a+)+b", "(?:a*)*b", "(?=(?:a|b)*c)x",
    "(?>(?:a|b)*)d", "[ab]*+c", #"(?=(\d{3})+(?!\d))x"#, "(x+x+)+y", "(?:a*b*)*c", "(.*)*x",
  ]) func longTextsTakeTheirLength(pattern: String) throws {
    for unit in ["a", "ab", " ", "1", "x"] {
      let text = Scalars(Self.many(unit, 200_000 / unit.count) + "-")
      let clock = ContinuousClock.now
      _ = try Pattern(pattern).matches(in: text)
      #expect(ContinuousClock.now - clock < .seconds(5), "\(pattern) on \(unit)")
    }
  }

  static let refused: [String] = [
    "(?:ab){1000}{1000}{1000}", "(?:ab)" + many("{2}", 40), "a" + many("{1}", 100_000),
    many("[", 100_000) + "a" + many("]", 100_000), many("[a&&", 50_000) + "a" + many("]", 50_000),
    many("(", 50_000) + many(")", 50_000), many("(?=", 5000) + many(")", 5000), many("a", 30_000),
    many("a|", 30_000), many("(?:a|", 3000), "a{100001}", "\\x{110000}", "\\x{D800}",
    "(?<=xa+)b", "(?~a)", "\\k<a>", "(?P<a>b)", "[[:klingon:]]", "\\p{Klingon}", "{2}", "(?z)",
    "(?:(?:(?:a{300}){300}){300})", "[", "(?", "\\", "[\\", "(?<a", "(?#", "[[:alpha", "\\xFF",
    "\\x{FFFFFFFF}", "(a)\\1", "\\p{" + many("L", 10_000) + "}", "a{99999999999999999999}",
    "(?<=(?:a|bc){9})x", many("(?:a?", 90) + many("){9}", 90),
  ]

  @Test(arguments: 0..<refused.count) func whatIsTooMuchIsASentence(index: Int) {
    let clock = ContinuousClock.now
    let error = #expect(throws: TokenizerError.self) { try Pattern(Self.refused[index]) }
    #expect((error?.description.utf8.count ?? 0) < 300)
    #expect(ContinuousClock.now - clock < .seconds(2))
  }

  @Test func nothingRepeatedIsNothing() throws {
    for pattern in ["(?:){100000}{100000}{100000}", "(?:(?:){9999}){9999}", "(?:|){10}"] {
      #expect(try Pattern(pattern).matches(in: Scalars("ab")).count == 3)
    }
  }

  @Test func partsHaveTheIdsOfTheLibrary() throws {
    let file = try JSON(contentsOf: goldenFolder("tokenizers/parts.json"))
    let base = try #require(file["base"]?.object)
    let cases = try #require(file["cases"]?.array)
    #expect(cases.count > 250)
    for item in cases {
      var object = base
      for part in try #require(item["parts"]?.object).members { object[part.key] = part.value }
      let tokenizer = try Tokenizer(.object(object))
      for row in try #require(item["texts"]?.array) {
        let row = try #require(row.array)
        let text = try #require(row[0].string)
        let ids = row[1].array?.compactMap(\.int).map { Int32($0) }
        let found = try tokenizer.encode(text)
        #expect(found == ids, "\(item["parts"]?.line ?? "") on \(text.json)")
        guard row.count > 2 else { continue }
        let decoded = tokenizer.decode(found, skipsSpecialTokens: false)
        #expect(decoded == row[2].string, "\(item["parts"]?.line ?? "") on \(text.json)")
      }
    }
  }
}
