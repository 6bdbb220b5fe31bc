// Sets of Unicode scalars, as patterns and normalizers name them.

/// A set of scalars: categories, ranges, or their complement.
indirect enum ScalarSet: Sendable, Hashable {
  case any
  case range(ClosedRange<UInt32>)
  /// General categories by their short names; one letter stands for all that begin with it.
  case category(String)
  /// What BERT's tokenizers call punctuation: the marks of ASCII, and those of Unicode 8.
  case punctuation
  case whitespace
  case word
  case alphabetic
  case lowercase
  case uppercase
  case emoji
  case union([ScalarSet])
  case intersection(ScalarSet, ScalarSet)
  case complement(ScalarSet)
  /// The scalars that agree with one of the set but for their case.
  case anyCase(ScalarSet)

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    switch self {
    case .any: true
    case .range(let range): range.contains(scalar.value)
    case .category(let name): scalar.category.hasPrefix(name)
    case .punctuation:
      switch scalar.value {
      case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
      default: scalar.category(inVersion: 8).hasPrefix("P")
      }
    case .whitespace: scalar.properties.isWhitespace
    case .word: scalar.isWord
    case .alphabetic: scalar.properties.isAlphabetic
    case .lowercase: scalar.properties.isLowercase
    case .uppercase: scalar.properties.isUppercase
    case .emoji: scalar.properties.isEmoji
    case .union(let sets): sets.contains { $0.contains(scalar) }
    case .intersection(let a, let b): a.contains(scalar) && b.contains(scalar)
    case .complement(let set): !set.contains(scalar)
    case .anyCase(let set): scalar.caseVariants.contains { set.contains($0) }
    }
  }
}

/// A set with its answers for the first scalars worked out.
struct ScalarTable: Sendable {
  private let set: ScalarSet
  private let known: [Bool]

  init(_ set: ScalarSet) {
    self.set = set
    known = (UInt32(0)..<0x800).map { value in
      Unicode.Scalar(value).map(set.contains) ?? false
    }
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let index = Int(scalar.value)
    return index < known.count ? known[index] : set.contains(scalar)
  }
}

extension Unicode.Scalar {
  /// The short name of the general category, such as `Lu`.
  var category: String {
    switch properties.generalCategory {
    case .uppercaseLetter: "Lu"
    case .lowercaseLetter: "Ll"
    case .titlecaseLetter: "Lt"
    case .modifierLetter: "Lm"
    case .otherLetter: "Lo"
    case .nonspacingMark: "Mn"
    case .spacingMark: "Mc"
    case .enclosingMark: "Me"
    case .decimalNumber: "Nd"
    case .letterNumber: "Nl"
    case .otherNumber: "No"
    case .connectorPunctuation: "Pc"
    case .dashPunctuation: "Pd"
    case .openPunctuation: "Ps"
    case .closePunctuation: "Pe"
    case .initialPunctuation: "Pi"
    case .finalPunctuation: "Pf"
    case .otherPunctuation: "Po"
    case .mathSymbol: "Sm"
    case .currencySymbol: "Sc"
    case .modifierSymbol: "Sk"
    case .otherSymbol: "So"
    case .spaceSeparator: "Zs"
    case .lineSeparator: "Zl"
    case .paragraphSeparator: "Zp"
    case .control: "Cc"
    case .format: "Cf"
    case .surrogate: "Cs"
    case .privateUse: "Co"
    case .unassigned: "Cn"
    @unknown default: "Cn"
    }
  }

  /// Letters, marks, decimal numbers, connectors: what patterns call \w.
  var isWord: Bool {
    properties.isAlphabetic || category.hasPrefix("M") || category == "Nd" || category == "Pc"
      || properties.isJoinControl
  }

  /// The category that the scalar had in an earlier version of Unicode, whose tables parts of the
  /// `tokenizers` library still use.
  func category(inVersion major: Int) -> String {
    guard let age = properties.age, age.major <= major else { return "Cn" }
    return Self.formerCategories[value] ?? category
  }

  /// Scalars that have changed their category since.
  private static let formerCategories: [UInt32: String] = [
    0x166D: "Po", 0x1734: "Mn", 0x1885: "Lo", 0x1886: "Lo", 0xA9BD: "Mc", 0x111C9: "Po",
  ]

  var isWhitespace: Bool { properties.isWhitespace }

  /// The scalar and those that differ from it by case alone.
  var caseVariants: [Unicode.Scalar] {
    var variants = [self]
    for mapping in [properties.lowercaseMapping, properties.uppercaseMapping] {
      let scalars = mapping.unicodeScalars
      if scalars.count == 1, let first = scalars.first { variants.append(first) }
    }
    // The long s and the Kelvin sign.
    if value == 0x17F { variants.append("s") }
    if value == 0x212A { variants.append("k") }
    return variants
  }
}

/// Text as its scalars: what parts of a tokenizer hand on.
typealias Scalars = [Unicode.Scalar]

extension [Unicode.Scalar] {
  init(_ text: String) { self = Array(text.unicodeScalars) }

  var utf8: [UInt8] { self[...].utf8 }
  var text: String { String(decoding: utf8, as: UTF8.self) }
}

extension ArraySlice<Unicode.Scalar> {
  var utf8: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for scalar in self {
      if scalar.value < 0x80 {
        bytes.append(UInt8(scalar.value))
      } else {
        bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    return bytes
  }
}
