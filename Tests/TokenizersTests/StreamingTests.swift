// Text while it arrives, and tokenizers of our own making.
import Checks
import Foundation
import Storage
import Testing
import Tokenizers

@Suite struct StreamingTests {
  private func tokenizer(_ family: String) throws -> Tokenizer {
    try Tokenizer(contentsOf: goldenFolder("tokenizers/\(family).json"))
  }

  @Test(arguments: ["gpt2", "llama2", "llama3", "t5", "bert", "unigram"])
  func piecesJoinToTheWhole(family: String) throws {
    let tokenizer = try tokenizer(family)
    for text in goldenStrings.prefix(400) {
      let ids = try tokenizer.encode(text)
      var decoder = StreamingDecoder(tokenizer)
      let pieces = ids.map { decoder.add($0) } + [decoder.finish()]
      // A character that is not complete is never shown.
      #expect(pieces.joined() == tokenizer.decode(ids), "\(text)")
    }
  }

  @Test func aStopStringEndsTheTextBeforeIt() throws {
    let bytes = try Tokenizer(ByteLevelFile.bytes)
    func stream(_ text: String, _ stops: [String]) throws -> (text: String, isStopped: Bool) {
      var decoder = StreamingDecoder(bytes, stops: stops)
      var shown = ""
      for id in try bytes.encode(text) where !decoder.isStopped {
        let piece = decoder.add(id)
        // What was shown once is never taken back.
        #expect(text.hasPrefix(shown + piece))
        shown += piece
      }
      return (shown + decoder.finish(), decoder.isStopped)
    }
    #expect(try stream("one\nUser: two", ["\nUser:"]) == ("one", true))
    #expect(try stream("one\nUsers", ["\nUser:"]) == ("one\nUsers", false))
    #expect(try stream("aab!", ["ab"]) == ("a", true))
    #expect(try stream("abcab", ["abcabd", "cab"]) == ("ab", true))
    #expect(try stream("na\u{EF}ve \u{1F469}", ["\u{1F469}"]) == ("na\u{EF}ve ", true))
    #expect(try stream("ends with st", ["stop", ""]) == ("ends with st", false))
  }

  @Test func theByteTokenizerKeepsEveryByte() throws {
    let tokenizer = try Tokenizer(ByteLevelFile.bytes)
    #expect(tokenizer.vocabularySize == 257)
    for text in ["plain", "", "na\u{EF}ve \u{1F469}\u{200D}\u{1F680} \u{4E2D}\n\0"] {
      #expect(try tokenizer.encode(text) == text.utf8.map(Int32.init))
      #expect(tokenizer.decode(try tokenizer.encode(text)) == text)
    }
    #expect(tokenizer.id(of: ByteLevelFile.endOfText) == 256)
  }

  @Test func mergesAreThoseOfTheLibrary() throws {
    var trainer = try BPETrainer()
    for text in goldenStrings.prefix(2000) { try trainer.add(text) }
    let file = try trainer.train(vocabularySize: 700)
    let expected = try JSON(contentsOf: goldenFolder("tokenizers/trained.json"))
    #expect(file["model"]?["merges"] == expected)
    let tokenizer = try Tokenizer(file)
    #expect(tokenizer.vocabularySize == 700)
    for text in goldenStrings.prefix(500) {
      #expect(tokenizer.decode(try tokenizer.encode(text), skipsSpecialTokens: false) == text)
    }
    #expect(throws: TokenizerError.self) { try trainer.train(vocabularySize: 257) }
  }
}
