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
    case .word: scalar.isWord && !scalar.properties.isJoinControl
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

  /// Letters, marks, decimal numbers, connectors and joiners, which Rust calls \w.
  var isWord: Bool {
    properties.isAlphabetic || category.hasPrefix("M") || category == "Nd" || category == "Pc"
      || properties.isJoinControl
  }

  /// What is of a word for \w and \b of patterns.
  var isPatternWord: Bool { ScalarSet.patternWord.contains(self) }

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
  var caseVariants: [Unicode.Scalar] { Self.variants[caseFolded] ?? [self] }

  /// The same for all that differ by case alone; sharp s and its capital become two letters.
  private var caseFolded: String {
    // The dotless i is a letter of its own.
    value == 0x131 ? "\u{131}" : properties.lowercaseMapping.uppercased().lowercased()
  }

  /// Scalars by what they are folded to, where there are several.
  private static let variants: [String: [Unicode.Scalar]] = {
    // Where Unicode has letters with case.
    let ranges: [ClosedRange<UInt32>] = [
      0x41...0x587, 0x10A0...0x10FF, 0x13A0...0x13FF, 0x1C80...0x1CBF, 0x1D79...0x1D8E,
      0x1E00...0x1FFF, 0x2126...0x2188, 0x24B6...0x24E9, 0x2C00...0x2D2D, 0xA640...0xABBF,
      0xFB00...0xFB17, 0xFF21...0xFF5A, 0x10400...0x10D85, 0x118A0...0x118DF, 0x16E40...0x16ED3,
      0x1E900...0x1E943,
    ]
    let scalars = ranges.joined().compactMap(Unicode.Scalar.init)
    return Dictionary(grouping: scalars, by: \.caseFolded).filter { $0.value.count > 1 }
  }()
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
