// Text to ids and back, as a `tokenizer.json` says.
import Foundation
import Storage

/// A tokenizer of the `tokenizers` library's format: added tokens are found, the text between them is
/// normalised, cut into words and split by a model; special tokens are put around it.
public struct Tokenizer: Sendable {
  private enum Model: Sendable {
    case bpe(BPE)
    case wordPiece(WordPiece)
    case unigram(Unigram)
  }

  private let normalizer: Normalizer?
  private let preTokenizer: PreTokenizer?
  private let model: Model
  private let postProcessor: PostProcessor
  private let decoder: TokenDecoder?
  private let rawFinder: AddedTokenFinder
  private let normalizedFinder: AddedTokenFinder
  private let addedTokens: [AddedToken]
  private let special: Set<Int32>
  private let added: Set<Int32>
  /// Tokens by id, added ones among them.
  private let vocabulary: Vocabulary

  /// Reads a file; an error names the part that is missing, wrong or not built.
  public init(contentsOf url: URL) throws {
    let json = try JSON(contentsOf: url)
    do { try self.init(json) } catch let error as TokenizerError {
      throw TokenizerError("\(url.path): \(error)")
    }
  }

  /// What `tokenizer.json` says. Throws where it is damaged or asks for something that Retort does not have.
  public init(_ file: JSON) throws {
    guard let part = TokenizerPart(file, "model") else {
      throw TokenizerError("The tokenizer has no model.")
    }
    normalizer = try TokenizerPart(file, "normalizer").map(Normalizer.init)
    preTokenizer = try TokenizerPart(file, "pre_tokenizer").map(PreTokenizer.init)
    postProcessor =
      try TokenizerPart(file, "post_processor").map(PostProcessor.init) ?? PostProcessor()
    decoder = try TokenizerPart(file, "decoder").map(TokenDecoder.init)
    var vocabulary: Vocabulary
    // Old files leave the model's type out: pieces with scores are a unigram model's.
    switch (part.type, part.json["vocab"], part.json["merges"]) {
    case ("Unigram", _, _), ("", .array, _):
      let unigram = try Unigram(part)
      vocabulary = unigram.vocabulary
      model = .unigram(unigram)
    case ("BPE", _, _), ("", _, .array):
      vocabulary = try Vocabulary(part)
      model = .bpe(try BPE(part, vocabulary))
    case ("WordPiece", _, _), ("", _, nil):
      vocabulary = try Vocabulary(part)
      model = .wordPiece(try WordPiece(part, vocabulary))
    default: throw part.unknown
    }
    let items = file["added_tokens"]?.array ?? []
    addedTokens = try items.enumerated().map {
      try AddedToken(TokenizerPart($1, path: "added_tokens[\($0)]"))
    }
    for token in addedTokens { vocabulary.add(Array(token.content.utf8), token.id) }
    self.vocabulary = vocabulary
    special = Set(addedTokens.filter(\.isSpecial).map(\.id))
    added = Set(addedTokens.map(\.id))
    let normalizer = normalizer
    rawFinder = AddedTokenFinder(
      addedTokens.filter { !$0.isNormalized }.map { (Scalars($0.content), $0) })
    var (read, made) = (0, 0)
    normalizedFinder = AddedTokenFinder(
      try addedTokens.filter(\.isNormalized).map { token in
        let text = Scalars(token.content)
        var isFirst = true
        let normalized = try normalizer?(text, isFirst: &isFirst) ?? text
        read += text.count
        made += normalized.count
        try WorkLimit.check(made, from: read, by: "normalizer")
        return (normalized, token)
      })
  }

  /// One more than the largest id.
  public var vocabularySize: Int { Int(vocabulary.end) }

  /// The id of a token as the vocabulary writes it; nil where it is none.
  public func id(of token: String) -> Int32? { vocabulary[Array(token.utf8)] }

  /// The token of an id as the vocabulary writes it; nil where there is none.
  public func token(_ id: Int32) -> String? {
    vocabulary[id].map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether an id stands for something other than text, such as an end.
  public func isSpecial(_ id: Int32) -> Bool { special.contains(id) }

  /// Whether every token has the same id in another tokenizer.
  public func hasSameTokens(as other: Tokenizer) -> Bool {
    vocabulary.hasSameTokens(as: other.vocabulary)
  }

  /// The ids of a text, with the special tokens that the family puts around one unless told otherwise; a text that
  /// goes on (`endsText` is false) gets none behind it. A text on
  /// which the tokenizer's patterns take too long, or that its normalizer makes too large, is an error.
  public func encode(
    _ text: String, addsSpecialTokens: Bool = true, endsText: Bool = true
  ) throws -> [Int32] {
    var ids = addsSpecialTokens ? postProcessor.before : []
    let scalars = Scalars(text)
    var made = 0
    var isFirst = true
    for raw in try rawFinder.split(scalars) {
      defer { isFirst = false }
      if let id = raw.id {
        ids.append(id)
        continue
      }
      var isFirstPart = isFirst
      let normalized =
        try normalizer?(Array(raw.text), isFirst: &isFirstPart) ?? Array(raw.text)
      made += normalized.count
      try WorkLimit.check(made, from: scalars.count, by: "normalizer")
      for part in try normalizedFinder.split(normalized) {
        defer { isFirstPart = false }
        if let id = part.id {
          ids.append(id)
          continue
        }
        let piece = Array(part.text)
        if piece.isEmpty { continue }
        let words = try preTokenizer?([piece], isFirst: isFirstPart) ?? [piece]
        for word in words where !word.isEmpty { try append(word, to: &ids) }
      }
    }
    return addsSpecialTokens && endsText ? ids + postProcessor.after : ids
  }

  private func append(_ word: Scalars, to ids: inout [Int32]) throws {
    switch model {
    case .bpe(let bpe): ids += bpe.encode(word)
    case .wordPiece(let wordPiece): ids += try wordPiece.encode(word)
    case .unigram(let unigram): ids += try unigram.encode(word)
    }
  }

  /// The bytes that an id adds to a text: none for a special token; nil where there is no such id, and where a token's text depends on
  /// those beside it (WordPiece). A space that only marks the beginning of a text is among them.
  package func bytes(of id: Int32) -> [UInt8]? {
    guard let token = vocabulary[id] else { return nil }
    if special.contains(id) { return [] }
    // An added token's text stands as it is.
    if added.contains(id) { return token }
    return decoder?.bytes(of: Scalars(String(decoding: token, as: UTF8.self)))
  }

  /// The text of some ids; ids that the vocabulary has not are passed over. A decoder whose patterns cannot cope
  /// with a token leaves it as it is.
  public func decode(_ ids: some Sequence<Int32>, skipsSpecialTokens: Bool = true) -> String {
    let tokens = ids.filter { !(skipsSpecialTokens && special.contains($0)) }
      .compactMap { vocabulary[$0] }.map { Scalars(String(decoding: $0, as: UTF8.self)) }
    guard let decoder else { return tokens.map(\.text).joined(separator: " ") }
    return decoder(tokens).map(\.text).joined()
  }
}
