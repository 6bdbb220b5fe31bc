// The licences that a model card names.

/// Reads `license` and `license_name` of a card's front matter (https://huggingface.co/docs/hub/model-cards): a word, with or without
/// quotes, or a list of them.
enum CardLicences {
  /// The names as they stand; "other" only where no name is beside it. What is there and cannot be read stands for itself.
  static func named(in card: String) -> [String] {
    let lines = card.replacing("\r\n", with: "\n").split(
      separator: "\n", omittingEmptySubsequences: false
    )
    guard lines.first?.trimmed == "---" else { return [] }
    let front = lines.dropFirst().prefix { $0.trimmed != "---" }
    var names: [String] = []
    var isList = false
    for line in front {
      if let key = ["license:", "license_name:"].first(where: { line.hasPrefix($0) }) {
        let value = String(line.dropFirst(key.count)).withoutComment
        isList = value.isEmpty
        names += Self.names(value)
      } else if isList, line.trimmed.hasPrefix("-") {
        names += Self.names(String(line.trimmed.dropFirst()).withoutComment)
      } else {
        isList = false
      }
    }
    let known = names.filter { $0 != "other" }
    return known.isEmpty ? names : known
  }

  /// `a`, `"a"`, `[a, 'b']`
  private static func names(_ value: String) -> [String] {
    let isList = value.hasPrefix("[") && value.hasSuffix("]")
    let parts =
      isList ? value.dropFirst().dropLast().split(separator: ",").map(String.init) : [value]
    return parts.map { part in
      let word = part.trimmed
      let quote = word.first.flatMap { $0 == "\"" || $0 == "'" ? $0 : nil }
      return quote != nil && word.count > 1 && word.last == quote
        ? String(word.dropFirst().dropLast()) : word
    }.filter { !$0.isEmpty }
  }
}

extension StringProtocol {
  fileprivate var trimmed: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }

  /// Without what follows a space and a number sign.
  fileprivate var withoutComment: String {
    var kept = Substring(self)
    if let place = kept.firstRange(of: " #") { kept = kept[..<place.lowerBound] }
    return kept.trimmed
  }
}
