// Sets of scalars by the names that patterns give them.

extension ScalarSet {
  /// A general category, a POSIX bracket, a script or a binary property; names are compared without case, spaces,
  /// underscores and hyphens.
  static func named(_ name: String) -> ScalarSet? {
    var name = name.lowercased().filter { !" _-".contains($0) }
    if let equals = name.firstIndex(of: "=") {
      let key = name[..<equals]
      guard ["script", "sc", "generalcategory", "gc"].contains(String(key)) else { return nil }
      name = String(name[name.index(after: equals)...])
    }
    return categories[name].map { .category($0) } ?? brackets[name] ?? scripts[name]
  }

  private static let categories: [String: String] = {
    let names = [
      "L": "letter", "Lu": "uppercaseletter", "Ll": "lowercaseletter", "Lt": "titlecaseletter",
      "Lm": "modifierletter", "Lo": "otherletter", "M": "mark", "Mn": "nonspacingmark",
      "Mc": "spacingmark", "Me": "enclosingmark", "N": "number", "Nd": "decimalnumber",
      "Nl": "letternumber", "No": "othernumber", "P": "punctuation", "Pc": "connectorpunctuation",
      "Pd": "dashpunctuation", "Ps": "openpunctuation", "Pe": "closepunctuation",
      "Pi": "initialpunctuation", "Pf": "finalpunctuation", "Po": "otherpunctuation",
      "S": "symbol", "Sm": "mathsymbol", "Sc": "currencysymbol", "Sk": "modifiersymbol",
      "So": "othersymbol", "Z": "separator", "Zs": "spaceseparator", "Zl": "lineseparator",
      "Zp": "paragraphseparator", "C": "other", "Cc": "control", "Cf": "format",
      "Co": "privateuse", "Cn": "unassigned", "Cs": "surrogate",
    ]
    return names.reduce(into: [:]) { all, pair in
      all[pair.key.lowercased()] = pair.key
      all[pair.value] = pair.key
    }
  }()

  /// POSIX brackets, with Unicode's meaning, and properties of the same kind.
  private static let brackets: [String: ScalarSet] = [
    "any": .any, "alpha": .alphabetic, "alphabetic": .alphabetic,
    "alnum": .union([.alphabetic, .category("Nd")]), "digit": .category("Nd"),
    "space": .whitespace, "whitespace": .whitespace,
    "blank": .union([.category("Zs"), .range(9...9)]), "cntrl": .category("Cc"),
    "lower": .lowercase, "lowercase": .lowercase, "upper": .uppercase, "uppercase": .uppercase,
    "punct": .category("P"),
    "graph": .complement(.union([.whitespace, .category("Cc"), .category("Cn"), .category("Cs")])),
    "print": .complement(
      .union(["Cc", "Cn", "Cs", "Zl", "Zp"].map { .category($0) })),
    "assigned": .complement(.category("Cn")),
    "lc": .union([.category("Lu"), .category("Ll"), .category("Lt")]),
    "casedletter": .union([.category("Lu"), .category("Ll"), .category("Lt")]),
    "xdigit": .union([.range(0x30...0x39), .range(0x41...0x46), .range(0x61...0x66)]),
    "word": .word, "ascii": .range(0...0x7F), "emoji": .emoji,
  ]
}
