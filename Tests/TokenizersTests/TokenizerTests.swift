// Tokenizers that are wrong, damaged, or asked for odd things.
import Checks
import Foundation
import Storage
import Testing
import Tokenizers

@Suite struct TokenizerTests {
  private func file(_ family: String) throws -> String {
    try String(contentsOf: goldenFolder("tokenizers/\(family).json"), encoding: .utf8)
  }

  private func error(_ text: String) -> String {
    do { _ = try Tokenizer(JSON(parsing: Data(text.utf8))) } catch { return "\(error)" }
    return ""
  }

  @Test func partsThatAreNotBuiltAreNamed() throws {
    let bert = try file("bert")
    for (old, new, message) in [
      ("\"BertNormalizer\"", "\"Nmt\"", "normalizer (Nmt) is of a type that is not built"),
      ("\"BertPreTokenizer\"", "\"Script\"", "pre_tokenizer (Script) is of a type"),
      ("\"WordPiece\",\"unk", "\"WordLevel\",\"unk", "model (WordLevel) is of a type"),
      ("\"[UNK]\",\"continuing", "\"[??]\",\"continuing", "unknown token [??]"),
      ("\"clean_text\":true", "\"clean_text\":7", "clean_text that is not true or false"),
    ] {
      #expect(bert.contains(old), "\(old)")
      let told = error(bert.replacing(old, with: new))
      #expect(told.contains(message), "\(told)")
    }
    let llama = try file("llama2")
    #expect(
      error(llama.replacing("\"Fuse\"", with: "\"CTC\"")).contains("decoder.decoders[2] (CTC)"))
    #expect(
      error(try file("llama3").replacing("\\\\p{N}", with: "\\\\p{Q}")).contains("property Q"))
    #expect(error("{}").contains("no model") && error("[]").contains("no model"))
  }

  @Test(arguments: ["gpt2", "llama2", "bert", "t5"]) func damagedFilesAreRefusedOrRead(
    family: String
  )
    throws
  {
    var data = Data(try file(family).utf8)
    // Long vocabularies would make damage elsewhere rare.
    if family == "t5" { data = Data(String(decoding: data, as: UTF8.self).suffix(60_000).utf8) }
    var random = RandomData(seed: 3)
    for _ in 0..<150 {
      var damaged = data
      switch random.integer(below: 3) {
      case 0: damaged = damaged.prefix(random.integer(below: damaged.count))
      case 1:
        for _ in 0...random.integer(below: 4) {
          damaged[random.integer(below: 3000)] = UInt8(random.integer(below: 256))
        }
      default:
        let start = random.integer(below: damaged.count)
        damaged.removeSubrange(start..<min(damaged.count, start + random.integer(below: 40)))
      }
      guard let json = try? JSON(parsing: damaged), let tokenizer = try? Tokenizer(json) else {
        continue
      }
      _ = tokenizer.decode(try tokenizer.encode("Is it\u{301} still 42 <s> here?\n"))
    }
  }

  @Test func idsOutsideOfTheVocabularyArePassedOver() throws {
    let tokenizer = try Tokenizer(contentsOf: goldenFolder("tokenizers/gpt2.json"))
    let ids = try tokenizer.encode("Hello there")
    #expect(tokenizer.decode([-1, 1 << 25] + ids) == "Hello there")
    #expect(tokenizer.id(of: "<|endoftext|>").map(tokenizer.isSpecial) == true)
    #expect(tokenizer.token(ids[0])?.isEmpty == false && tokenizer.token(-1) == nil)
    #expect(tokenizer.vocabularySize == 1500)
  }

  @Test func aTextWithoutSpacesIsOneWord() throws {
    let tokenizer = try Tokenizer(contentsOf: goldenFolder("tokenizers/llama2.json"))
    let text = String(repeating: "thequickbrownfox", count: 20_000)
    // Quadratic merging would take hours.
    #expect(tokenizer.decode(try tokenizer.encode(text)) == text)
  }
}
