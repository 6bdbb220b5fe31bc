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

  @Test func rubysReadingOfQuantifiers() throws {
    #expect(try pieces("a{2}+", "aaaaa") == ["aaaa"])
    #expect(try pieces("a{3,1}a", "aaa aaaa") == ["aaaa"])
    #expect(try pieces("a{2}?b", "aab b") == ["aab", "b"])
    #expect(try pieces("a{,2}b", "aaab") == ["aab"])
    #expect(try pieces("(?:a??)*", "aa") == ["", "", ""])
    #expect(try pieces("(?:|a)+b", "aab") == ["aab"])
    #expect(try pieces("a(?#one)+", "aa") == ["aa"])
  }

  @Test func setsAsTheLibraryHasThem() throws {
    #expect(try pieces("(?i:[^k])", "kK\u{212A}x") == ["x"])
    #expect(try pieces(#"(?i:\p{Lu})"#, "aB") == ["B"])
    #expect(try pieces("(?i:[\u{DF}])", "\u{1E9E}") == ["\u{1E9E}"])
    #expect(try pieces("[a&&]", "a") == [] && pieces("[a-c-e]+", "a-d") == ["a-"])
    #expect(try pieces("[[:punct:]]+", "$!") == ["$!"] && pieces(#"\p{Punct}"#, "$!") == ["!"])
    #expect(try pieces(#"\w+"#, "a\u{B2}") == ["a\u{B2}"] && pieces(#"[\w]+"#, "a\u{B2}") == ["a"])
    #expect(try pieces(#"\xC3\xA9\101\0"#, "\u{E9}A\0").count == 1)
  }

  @Test func looksBehindAtSeveralLengths() throws {
    #expect(try pieces("(?<=a+)b", "aab b") == ["b"])
    #expect(try pieces("(?<!xa{0,2})b", "xb xab xaab ab") == ["b"])
    #expect(try pieces("(?<=(?:ab|c)d)e", "abde cde de") == ["e", "e"])
    #expect(try pieces("(?<=^)a", "a\naa") == ["a", "a"])
  }

  @Test(arguments: [
    "(", ")", "[a", "a**?)", "*", #"\p{Klingon}"#, #"\"#, "(?P<x>a)", #"(a)\1"#, "a{2}{100001}",
    "[b-a]",
    "(?<=ba+)c", String(repeating: "(", count: 10_000),
  ]) func whatIsNotBuiltIsAnError(pattern: String) {
    #expect(throws: TokenizerError.self) { try Pattern(pattern) }
  }
}
