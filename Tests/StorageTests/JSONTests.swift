// JSON as values.
import Foundation
import Storage
import Testing

@Suite struct JSONTests {
  private func parse(_ text: String) throws -> JSON { try JSON(parsing: Data(text.utf8)) }

  @Test func valuesAreReadAsTheyStand() throws {
    let value = try parse(
      #" {"b": [1, 1.50, -2e3, true, null], "a": {"é\n\u0041\ud83d\ude00": ""}} "#)
    #expect(value.object?.members.map(\.key) == ["b", "a"])
    #expect(value["b"]?.array?.map(\.double) == [1, 1.5, -2000, nil, nil])
    #expect(value["b"]?.array?.map(\.int) == [1, nil, -2000, nil, nil])
    #expect(value["b"]?.array?[3] == .bool(true) && value["b"]?.array?[4].isNull == true)
    #expect(value["a"]?.object?.members.first?.key == "é\nA😀")
    #expect(try parse(value.text) == value)
    #expect(try parse(#"{"a": 1, "a": 2}"#)["a"]?.int == 2)
    #expect(try parse("\"\\ud800x\"").string == "\u{FFFD}x")
  }

  @Test(arguments: [
    "", "{", "[1,", "[1 2]", "{\"a\" 1}", "{a: 1}", "\"x", "\"\\q\"", "\"\\u12\"", "tru", "1 2",
    "+1", "1e999",
    "-", ".5", "[1,]x",
  ]) func whatIsNoneIsRefused(text: String) {
    #expect(throws: (any Error).self) { try parse(text) }
  }

  @Test func deepNestingIsRefusedAndNotRecursedInto() {
    let deep = String(repeating: "[", count: 1_000_000)
    #expect(throws: (any Error).self) { try parse(deep) }
    #expect(throws: (any Error).self) { try parse(deep.replacing("[", with: "{\"a\":")) }
  }

  @Test func whatFoundationWritesIsReadAlike() throws {
    let text = (0x20..<0x3000).compactMap(Unicode.Scalar.init).map(String.init).joined()
    let data = try JSONSerialization.data(withJSONObject: [
      "text": text, "numbers": [1.5, -3, 1e-7],
    ])
    let value = try JSON(parsing: data)
    #expect(value["text"]?.string == text)
    #expect(value["numbers"]?.array?.map(\.double) == [1.5, -3, 1e-7])
    let again = try JSONSerialization.jsonObject(with: Data(value.text.utf8)) as? [String: Any]
    #expect(again?["text"] as? String == text)
  }
}
