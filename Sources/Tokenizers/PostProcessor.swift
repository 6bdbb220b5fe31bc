// Special tokens around the ids of a text.
import Storage

/// What stands before and after the ids of one text (the `tokenizers` library's names).
struct PostProcessor: Sendable {
  private(set) var before: [Int32] = []
  private(set) var after: [Int32] = []

  private var addsTokens: Bool { !before.isEmpty || !after.isEmpty }

  init() {}

  init(_ part: TokenizerPart) throws {
    switch part.type {
    case "Sequence":
      let adding = try part.parts("processors").map(PostProcessor.init).filter(\.addsTokens)
      guard adding.count <= 1 else {
        throw part.failure("has several processors that add tokens, which is not built")
      }
      self = adding.first ?? PostProcessor()
    case "ByteLevel": break
    case "TemplateProcessing": try readTemplate(part)
    case "BertProcessing", "RobertaProcessing":
      before = [try Self.pair(part, "cls")]
      after = [try Self.pair(part, "sep")]
    default: throw part.unknown
    }
  }

  /// A token with its id, as ["[SEP]", 102].
  private static func pair(_ part: TokenizerPart, _ key: String) throws -> Int32 {
    guard let pair = part.json[key]?.array, pair.count == 2, let id = pair[1].int,
      (0..<1 << 26).contains(id)
    else { throw part.failure("has no \(key) with its id") }
    return Int32(id)
  }

  private mutating func readTemplate(_ part: TokenizerPart) throws {
    guard let items = part.json["single"]?.array else { throw part.failure("has no single") }
    let members = part.json["special_tokens"]?.object?.members ?? []
    let known = Dictionary(members.map { ($0.key, $0.value) }) { $1 }
    var hasText = false
    for item in items {
      if item["Sequence"] != nil {
        guard !hasText else { throw part.failure("uses the text twice") }
        hasText = true
      } else if let name = item["SpecialToken"]?["id"]?.string {
        guard let ids = known[name]?["ids"]?.array?.compactMap(\.int), !ids.isEmpty,
          ids.allSatisfy({ (0..<1 << 26).contains($0) })
        else { throw part.failure("does not say which ids \(name.excerpt) has") }
        if hasText { after += ids.map { Int32($0) } } else { before += ids.map { Int32($0) } }
      } else {
        throw part.failure("has a single with an item that is neither a text nor a token")
      }
    }
    guard hasText else { throw part.failure("has a single without the text") }
  }
}
