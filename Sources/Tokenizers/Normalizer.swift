// Changes of a text before it is cut.
import Foundation
import Storage

/// One step of normalisation, or several (the `tokenizers` library's names).
indirect enum Normalizer: Sendable {
  enum Form: Sendable { case c, d, kc, kd }

  case sequence([Normalizer])
  case unicode(Form)
  case lowercase
  case stripAccents
  case strip(left: Bool, right: Bool)
  case prepend(Scalars)
  case byteLevel
  case replace(Replacement)
  case bert(cleans: Bool, spacesHan: Bool, stripsAccents: Bool, lowercases: Bool)
  case precompiled(PrecompiledCharsmap)

  init(_ part: TokenizerPart) throws {
    switch part.type {
    case "Sequence": self = .sequence(try part.parts("normalizers").map(Normalizer.init))
    case "NFC": self = .unicode(.c)
    case "NFD": self = .unicode(.d)
    case "NFKC": self = .unicode(.kc)
    case "NFKD": self = .unicode(.kd)
    case "Lowercase": self = .lowercase
    case "StripAccents": self = .stripAccents
    case "Strip":
      self = .strip(
        left: try part.flag("strip_left", default: true),
        right: try part.flag("strip_right", default: true))
    case "Prepend": self = .prepend(Scalars(try part.text("prepend")))
    case "ByteLevel": self = .byteLevel
    case "Replace": self = .replace(try Replacement(part))
    case "BertNormalizer":
      let lowercases = try part.flag("lowercase", default: true)
      self = .bert(
        cleans: try part.flag("clean_text", default: true),
        spacesHan: try part.flag("handle_chinese_chars", default: true),
        stripsAccents: try part.flag("strip_accents", default: lowercases),
        lowercases: lowercases)
    case "Precompiled":
      guard let data = Data(base64Encoded: try part.text("precompiled_charsmap")) else {
        throw part.failure("has a precompiled_charsmap that is not base64")
      }
      self = .precompiled(try PrecompiledCharsmap(data))
    default: throw part.unknown
    }
  }

  /// A text that would grow beyond all measure is an error. `isFirst` becomes false where the beginning of the text is
  /// left out.
  func callAsFunction(_ text: Scalars, isFirst: inout Bool) throws -> Scalars {
    switch self {
    case .sequence(let steps):
      return try steps.reduce(text) { current, step in
        let next = try step(current, isFirst: &isFirst)
        try WorkLimit.check(next.count, from: text.count, by: "normalizer")
        return next
      }
    case .unicode(let form): return try Self.normalized(text, form)
    case .lowercase: return Self.lowercased(text)
    case .stripAccents:
      func isMark(_ scalar: Unicode.Scalar) -> Bool {
        scalar.category(inVersion: 9).hasPrefix("M")
      }
      if text.first.map(isMark) == true { isFirst = false }
      return text.filter { !isMark($0) }
    case .strip(let left, let right):
      var rest = text[...]
      if left { rest = rest.drop(while: \.isWhitespace) }
      if rest.startIndex > 0 { isFirst = false }
      while right, rest.last?.isWhitespace == true { rest.removeLast() }
      return Array(rest)
    case .prepend(let prefix): return text.isEmpty ? text : prefix + text
    case .byteLevel: return ByteAlphabet.encode(text[...])
    case .replace(let replacement): return try replacement(text, isFirst: &isFirst)
    case .bert(let cleans, let spacesHan, let stripsAccents, let lowercases):
      var text = text
      if cleans {
        if let first = text.first, Self.cleaned([first]).isEmpty { isFirst = false }
        text = Self.cleaned(text)
      }
      if spacesHan { text = text.flatMap { Self.isHan($0) ? [" ", $0, " "] : [$0] } }
      if stripsAccents {
        text = try Self.normalized(text, .d).filter { $0.category(inVersion: 8) != "Mn" }
      }
      return lowercases ? Self.lowercased(text) : text
    case .precompiled(let map): return try map(text)
    }
  }

  private static let mostMarks = 256

  private static func normalized(_ text: Scalars, _ form: Form) throws -> Scalars {
    // ASCII is its own normal form.
    if text.allSatisfy(\.isASCII) { return text }
    // Putting marks in order takes the square of their number.
    var marks = 0
    for scalar in text {
      marks = scalar.properties.canonicalCombiningClass == .notReordered ? 0 : marks + 1
      guard marks <= mostMarks else {
        throw TokenizerError(
          "The text has a character with more than \(mostMarks) marks, which is refused.")
      }
    }
    let text = text.text
    return switch form {
    case .c: Scalars(text.precomposedStringWithCanonicalMapping)
    case .d: Scalars(text.decomposedStringWithCanonicalMapping)
    case .kc: Scalars(text.precomposedStringWithCompatibilityMapping)
    case .kd: Scalars(text.decomposedStringWithCompatibilityMapping)
    }
  }

  private static func lowercased(_ text: Scalars) -> Scalars {
    var out: Scalars = []
    out.reserveCapacity(text.count)
    for scalar in text {
      switch scalar {
      case "A"..."Z": out.append(Unicode.Scalar(UInt8(scalar.value) + 32))
      case _ where scalar.isASCII: out.append(scalar)
      default: out.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    return out
  }

  /// Without control characters; every kind of white space a space.
  private static func cleaned(_ text: Scalars) -> Scalars {
    text.compactMap { scalar in
      switch scalar {
      case "\t", "\n", "\r": return " "
      case "\0", "\u{FFFD}": return nil
      default:
        if ["Cc", "Cf", "Co"].contains(scalar.category(inVersion: 8)) { return nil }
        return scalar.isWhitespace ? " " : scalar
      }
    }
  }

  private static func isHan(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
