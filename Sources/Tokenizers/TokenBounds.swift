// Ids that a model's table has.

extension Tokenizer {
  /// Throws where an id is not from 0 to `rowCount` - 1: a model's table of tokens has no row for it.
  public func require(_ ids: some Sequence<Int32>, below rowCount: Int) throws {
    for id in ids where id < 0 || Int(id) >= rowCount {
      let name = token(id).map { " (\($0.prefix(60)))" } ?? ""
      throw TokenizerError(
        "The text has the token \(id)\(name), but the model's table has only \(rowCount) rows: the tokenizer is not "
          + "that of the model, or its added tokens were never given rows.")
    }
  }
}

extension TokenizerDirectory {
  /// Throws where a special id that the folder's files name is in no row of a model's table: those put around
  /// texts, and those that end them.
  package func requireSpecialTokens(below rowCount: Int) throws {
    func require(_ id: Int32, _ what: String) throws {
      guard id < 0 || Int(id) >= rowCount else { return }
      throw TokenizerError(
        "\(url.path): \(what) has the id \(id), but the model's table has only \(rowCount) rows.")
    }
    if let endOfText { try require(endOfText, "the token that ends a text") }
    for id in ends.sorted() { try require(id, "a token that ends an answer (eos_token_id)") }
    for id in try tokenizer.encode("") { try require(id, "a token that is put around texts") }
  }
}
