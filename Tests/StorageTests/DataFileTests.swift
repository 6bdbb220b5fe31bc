// Files of data in the forms that people have, and what is refused.
import Base
import Checks
import Foundation
import Testing

@testable import Storage

@Suite struct DataFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ bytes: some Sequence<UInt8>, _ name: String) throws -> DataFile.Content {
    let url = folder.url.appending(path: name)
    try Data(bytes).write(to: url)
    return try DataFile(url.path).content
  }

  /// A file's records as lines, or its text.
  private func shown(_ text: String, _ name: String) throws -> [String] {
    switch try read(text.utf8, name) {
    case .text(let text): ["text: \(text)"]
    case .records(let records): records.map { "\($0.place): \(JSON.object($0.object).line)" }
    }
  }

  private func refusal(_ bytes: some Sequence<UInt8>, _ name: String) -> String {
    let error = #expect(throws: UserError.self) { try read(bytes, name) }
    return error?.description ?? ""
  }

  @Test func textsStayTexts() throws {
    for text in [
      "plain", "{not} json", "[1] a list of sources\n[2] another", "", "{\n  \"a\": 1\n}\n",
      "[1, 2]x",
    ] {
      #expect(try shown(text, "a.txt") == ["text: \(text)"])
    }
    #expect(try shown("\u{FEFF}a\r\nb\r\n", "b.md") == ["text: a\nb\n"])
  }

  @Test func objectsAreKnownByTheirContent() throws {
    let one = #"{"text": "a"}"#
    for name in ["a.jsonl", "a.ndjson", "a.json", "a.txt", "a"] {
      #expect(
        try shown("\n\(one)\n\r\n{\"text\": \"b\"}\n", name) == [
          "line 2: \(one)", "line 4: {\"text\": \"b\"}",
        ])
      #expect(
        try shown("[\(one),\n \"b\"]", name == "a.jsonl" ? "a.json" : name) == [
          "item 1: \(one)", "item 2: {\"text\": \"b\"}",
        ])
      #expect(try shown("{\n\"text\": \"a\"\n}\n", name) == ["the object: \(one)"])
    }
    for text in ["{\"version\": 1, \"data\": [\(one)]}", "{\"version\": 1,\n \"rows\": [\(one)]}"] {
      let key = text.contains("rows") ? "rows" : "data"
      #expect(try shown(text, "c.json") == ["\(key), item 1: \(one)"])
    }
    #expect(
      refusal(Data("{\"train\": [\(one)], \"test\": [\(one)]}".utf8), "d.json").contains(
        "holds several lists (train, test)"))
  }

  @Test func brokenJSONIsNamed() {
    #expect(refusal(Data("{\"text\": \"a\"}\n{\"text\":".utf8), "a.txt").contains("a.txt, line 2,"))
    #expect(refusal(Data("{\"text\": \"a\", \n".utf8), "b").contains("b, line 1,"))
    #expect(refusal(Data("[{\"text\": \"a\"},".utf8), "c").contains("c is no JSON"))
    #expect(refusal(Data("hello".utf8), "d.jsonl").contains("d.jsonl, line 1,"))
    #expect(refusal(Data("3".utf8), "e.json").contains("e.json is JSON and holds no objects"))
    #expect(refusal(Data("[1]".utf8), "f.json").contains("item 1, is neither"))
  }

  @Test func tablesHaveNamedColumns() throws {
    #expect(
      try shown("\u{FEFF}id, text \r\n1,\"a, \"\"b\"\"\nc\"\r\n\r\n2,\n", "a.csv") == [
        "line 2: {\"id\": \"1\", \"text\": \"a, \\\"b\\\"\\nc\"}",
        "line 5: {\"id\": \"2\", \"text\": \"\"}",
      ])
    #expect(try shown("a;b\n1,5;\"x;y\"", "b.csv") == ["line 2: {\"a\": \"1,5\", \"b\": \"x;y\"}"])
    #expect(try shown(",text\n0,a\n", "c.csv") == ["line 2: {\"text\": \"a\"}"])
    // Quotes are plain characters of a table with tabs, unless they close before a tab.
    #expect(
      try shown("a\tb\n\"x\" he said\t\"y\"\"z\"\n\"x\ty\n", "d.tsv") == [
        "line 2: {\"a\": \"\\\"x\\\" he said\", \"b\": \"y\\\"z\"}",
        "line 3: {\"a\": \"\\\"x\", \"b\": \"y\"}",
      ])
  }

  @Test(arguments: [
    ("a,b\n1,2\n3\n", "line 3: there is 1 field, and the first line names 2"),
    ("a,b\n1,2,3\n", "line 2: there are 3 fields"),
    ("a,b\n1,\"2\n3", "line 2: a quote is never closed"),
    ("a,b\n\"1\"x,2\n", "line 2: there is text behind a closing quote"),
    ("a,a\n1,2\n", "two columns are called 'a'"),
  ])
  func brokenTablesAreNamed(text: String, message: String) {
    #expect(refusal(Data(text.utf8), "a.csv").contains(message))
  }

  /// "one\n\ntwo\n", packed by gzip.
  private static let packed: [UInt8] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 203, 207, 75, 229, 226, 42, 41, 207, 231, 2, 0, 191, 103, 68,
    37, 9, 0, 0, 0,
  ]

  @Test func packedFilesAreUnpacked() throws {
    guard case .text(let text) = try read(Self.packed + Self.packed, "a.txt.gz") else {
      Issue.record("a text is expected")
      return
    }
    #expect(text == "one\n\ntwo\none\n\ntwo\n")
    #expect(refusal(Self.packed.dropLast(12), "b.gz").contains("ends too early"))
    var damaged = Self.packed
    damaged[14] ^= 0x40
    #expect(refusal(damaged, "c.gz").contains("damaged"))
    var wrongSum = Self.packed
    wrongSum[wrongSum.count - 6] ^= 1
    #expect(refusal(wrongSum, "d.gz").contains("damaged"))
    let error = #expect(throws: UserError.self) {
      try Data(Self.packed).unpacked(named: "e.gz", atMost: 4)
    }
    #expect(error?.description.contains("unpacks to more") == true)
  }

  @Test func whatIsNoTextSaysWhatItIs() {
    #expect(refusal(Array("PAR1".utf8) + [0, 1], "a.parquet").contains("read_parquet"))
    #expect(refusal([0x28, 0xB5, 0x2F, 0xFD, 0], "a.jsonl.zst").contains("zstd -d"))
    #expect(refusal([0x50, 0x4B, 3, 4, 0], "a.docx").contains("a ZIP file"))
    #expect(refusal(Array("%PDF-1.4".utf8), "a.pdf").contains("pdftotext"))
    #expect(refusal([0xFF, 0xFE, 0x41, 0], "a.txt").contains("UTF-16"))
    #expect(refusal([0x41, 0, 0x42, 0], "b.txt").contains("the byte at offset 1 is zero"))
    #expect(refusal([0x41, 0xC3, 0x28], "c.csv").contains("the byte at offset 1"))
  }
}
