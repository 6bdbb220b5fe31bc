// Regular expressions.
import Testing

@testable import Tokenizers

@Suite struct PatternTests {
  private func pieces(_ pattern: String, _ text: String) throws -> [String] {
    let scalars = Scalars(text)
    return try Pattern(pattern).matches(in: scalars).map { Array(scalars[$0]).text }
  }

  @Test func quantifiersGiveBackAsTheyShould() throws {
    #expect(try pieces("a+b", "aab ab b") == ["aab", "ab"])
    #expect(try pieces("a*ab", "aaab") == ["aaab"])
    #expect(try pieces("a*+ab", "aaab") == [])
    #expect(try pieces("<.+?>", "<a><b>") == ["<a>", "<b>"])
    #expect(try pieces("<.+>", "<a><b>") == ["<a><b>"])
    #expect(try pieces("x{2,3}", "x xx xxxxx") == ["xx", "xxx", "xx"])
    #expect(try pieces("(?:ab){2}", "ababab") == ["abab"])
    #expect(try pieces("(ab|a)(bc|c)?", "abc abbc") == ["abc", "abbc"])
    #expect(try pieces("{x}", "{x}") == ["{x}"])
  }

  @Test func setsAndLooks() throws {
    #expect(try pieces(#"\s+(?!\S)|\s+"#, "a   b ") == ["  ", " ", " "])
    #expect(try pieces(#"[^\r\n\p{L}]+"#, "a1\n2-é") == ["1", "2-"])
    #expect(try pieces(#"(?<=a)b|(?<!a)c"#, "abc acc") == ["b", "c", "c"])
    #expect(try pieces("(?i:'s|k)", "'S 'ſ K") == ["'S", "'ſ", "K"])
    #expect(try pieces(#"[a-c&&[^b]]+"#, "abcab") == ["a", "ca"])
    #expect(try pieces(#"^a|b$"#, "aab b") == ["a", "b"])
    #expect(try pieces(#"[\]\-\x41]+"#, "]-A") == ["]-A"])
    #expect(try pieces(#"\p{Lu}\p{^Lu}\P{L}"#, "Ab1") == ["Ab1"])
  }

  @Test(arguments: [
    "(", ")", "[a", "a**?)", "*", #"\p{Klingon}"#, #"\"#, "(?P<x>a)", #"\1"#, "a{3,2}",
    "[b-a]",
    "(?<=a+)c", String(repeating: "(", count: 10_000),
  ]) func whatIsNotBuiltIsAnError(pattern: String) {
    #expect(throws: TokenizerError.self) { try Pattern(pattern) }
  }
}
