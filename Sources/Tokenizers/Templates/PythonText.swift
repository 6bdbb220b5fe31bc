// What Python's texts can do, on scalars.

extension [Unicode.Scalar] {
  /// Where another text is found first, from a place on; an empty one is found at once.
  func range(of part: [Unicode.Scalar], from start: Int = 0) -> Range<Int>? {
    guard !part.isEmpty else { return start <= count ? start..<start : nil }
    return ranges(of: part, from: start, atMost: 1).first
  }

  /// The same from the end.
  func lastRange(of part: [Unicode.Scalar], before end: Int) -> Range<Int>? {
    guard !part.isEmpty else { return end..<end }
    let mirrored = Array(self[..<end].reversed()).range(of: part.reversed())
    return mirrored.map { end - $0.upperBound..<end - $0.lowerBound }
  }

  /// Every place at which another text stands, from left to right, none within another. The time is that of
  /// reading both texts, as Knuth, Morris and Pratt have it.
  func ranges(of part: [Unicode.Scalar], from start: Int = 0, atMost most: Int = .max) -> [Range<
    Int
  >] {
    guard most > 0, start <= count, part.count <= count - start else { return [] }
    guard !part.isEmpty else {
      let last = count - start < most ? count : start + most - 1
      return (start...last).map { $0..<$0 }
    }
    let borders = part.count == 1 ? [0] : part.borders
    var found: [Range<Int>] = []
    var length = 0
    for place in start..<count {
      while length > 0, self[place] != part[length] { length = borders[length - 1] }
      if self[place] == part[length] { length += 1 }
      guard length == part.count else { continue }
      found.append(place + 1 - length..<place + 1)
      if found.count == most { break }
      length = 0
    }
    return found
  }

  /// For every beginning of the text, the length of its longest end that begins the text too.
  private var borders: [Int] {
    var borders = [Int](repeating: 0, count: count)
    var length = 0
    for place in 1..<count {
      while length > 0, self[place] != self[length] { length = borders[length - 1] }
      if self[place] == self[length] { length += 1 }
      borders[place] = length
    }
    return borders
  }

  /// `str.split`: at a separator, or where there is none at white space; at most so many cuts.
  func split(at separator: [Unicode.Scalar]?, atMost most: Int) -> [[Unicode.Scalar]] {
    guard let separator else { return splitAtSpace(atMost: most) }
    var parts: [[Unicode.Scalar]] = []
    var place = 0
    for cut in ranges(of: separator, atMost: most) {
      parts.append(Array(self[place..<cut.lowerBound]))
      place = cut.upperBound
    }
    return parts + [Array(self[place...])]
  }

  private func splitAtSpace(atMost most: Int) -> [[Unicode.Scalar]] {
    var parts: [[Unicode.Scalar]] = []
    var place = 0
    while true {
      while place < count, self[place].isPythonSpace { place += 1 }
      guard place < count else { return parts }
      if parts.count == most {
        return parts + [self[place...].reversed().drop(while: \.isPythonSpace).reversed()]
      }
      let start = place
      while place < count, !self[place].isPythonSpace { place += 1 }
      parts.append(Array(self[start..<place]))
    }
  }

  /// `str.rsplit`.
  func splitFromEnd(at separator: [Unicode.Scalar]?, atMost most: Int) -> [[Unicode.Scalar]] {
    let mirrored = Array(reversed()).split(
      at: separator.map { Array($0.reversed()) }, atMost: most)
    return mirrored.reversed().map { Array($0.reversed()) }
  }

  /// `str.splitlines`, of which at most so many are made.
  func lines(keepingEnds: Bool, atMost most: Int = .max) -> [[Unicode.Scalar]] {
    var lines: [[Unicode.Scalar]] = []
    var (start, place) = (0, 0)
    while place < count, lines.count < most {
      let scalar = self[place]
      place += 1
      guard scalar.endsLine else { continue }
      let end = place - 1
      if scalar == "\r", place < count, self[place] == "\n" { place += 1 }
      lines.append(Array(self[start..<(keepingEnds ? place : end)]))
      start = place
    }
    return start < count ? lines + [Array(self[start...])] : lines
  }

  /// Without the given scalars, or white space, at the ends.
  func stripped(of scalars: [Unicode.Scalar]?, left: Bool, right: Bool) -> [Unicode.Scalar] {
    let goers = scalars.map { Set($0) }
    func goes(_ scalar: Unicode.Scalar) -> Bool {
      goers.map { $0.contains(scalar) } ?? scalar.isPythonSpace
    }
    var rest = self[...]
    if left { rest = rest.drop(while: goes) }
    while right, let last = rest.last, goes(last) { rest.removeLast() }
    return Array(rest)
  }

  func uppercased() -> [Unicode.Scalar] { mapped { $1.append(upper: $0) } }

  func lowercased() -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(count)
    for (place, scalar) in enumerated() {
      if scalar == "\u{3A3}", endsWord(place) {
        out.append("\u{3C2}")
      } else {
        out.append(lower: scalar)
      }
    }
    return out
  }

  /// Whether a sigma here ends a word, and so has a form of its own (The Unicode Standard, 3.13).
  private func endsWord(_ place: Int) -> Bool {
    let before = self[..<place].last { !$0.properties.isCaseIgnorable }
    let after = self[(place + 1)...].first { !$0.properties.isCaseIgnorable }
    return before?.properties.isCased == true && after?.properties.isCased != true
  }

  func capitalized() -> [Unicode.Scalar] {
    guard let first else { return self }
    return Scalars(first.properties.titlecaseMapping) + lowercased().dropFirst(lowerCount(first))
  }

  private func lowerCount(_ scalar: Unicode.Scalar) -> Int {
    scalar.properties.lowercaseMapping.unicodeScalars.count
  }

  /// Each scalar by what is appended for it.
  func mapped(_ append: (Unicode.Scalar, inout [Unicode.Scalar]) -> Void) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(count)
    for scalar in self { append(scalar, &out) }
    return out
  }

  mutating func append(upper scalar: Unicode.Scalar) {
    if scalar.isASCII {
      append(("a"..."z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value - 32)) : scalar)
    } else {
      append(contentsOf: scalar.properties.uppercaseMapping.unicodeScalars)
    }
  }

  mutating func append(lower scalar: Unicode.Scalar) {
    if scalar.isASCII {
      append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value + 32)) : scalar)
    } else {
      append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
    }
  }

  /// `str.title`: words are runs of cased letters.
  func titled() -> [Unicode.Scalar] {
    var isInWord = false
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(count)
    for (place, scalar) in enumerated() {
      if isInWord {
        if scalar == "\u{3A3}", endsWord(place) {
          out.append("\u{3C2}")
        } else {
          out.append(lower: scalar)
        }
      } else if scalar.isASCII {
        out.append(upper: scalar)
      } else {
        out.append(contentsOf: scalar.properties.titlecaseMapping.unicodeScalars)
      }
      isInWord = scalar.properties.isCased
    }
    return out
  }

  /// Python's `is...` methods of texts, by their names.
  func consists(of method: String) -> Bool {
    func all(_ isWanted: (Unicode.Scalar) -> Bool) -> Bool {
      !isEmpty && allSatisfy(isWanted)
    }
    switch method {
    case "isdecimal": return all { $0.properties.generalCategory == .decimalNumber }
    case "isdigit":
      return all {
        $0.properties.numericType == .decimal || $0.properties.numericType == .digit
      }
    case "isnumeric": return all { $0.properties.numericType != nil }
    case "isalpha": return all(\.isLetter)
    case "isalnum": return all { $0.isLetter || $0.properties.numericType != nil }
    case "isspace": return all(\.isPythonSpace)
    case "isascii": return allSatisfy(\.isASCII)
    case "isupper":
      return contains(where: \.properties.isUppercase)
        && !contains { $0.properties.isLowercase }
    default:
      return contains(where: \.properties.isLowercase)
        && !contains { $0.properties.isUppercase }
    }
  }
}

extension Unicode.Scalar {
  /// What Python calls white space: Unicode's, and four separators of ASCII.
  var isPythonSpace: Bool {
    isASCII
      ? value == 0x20 || (0x09...0x0D).contains(value) || (0x1C...0x1F).contains(value)
      : properties.isWhitespace
  }

  fileprivate var endsLine: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  fileprivate var isLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}
