// What Python's texts can do, on scalars.

extension [Unicode.Scalar] {
  /// Where another text is found first, from a place on; an empty one is found at once.
  func range(of part: [Unicode.Scalar], from start: Int = 0) -> Range<Int>? {
    guard !part.isEmpty else { return start <= count ? start..<start : nil }
    var place = start
    while place + part.count <= count {
      if self[place] == part[0], self[place..<place + part.count].elementsEqual(part) {
        return place..<place + part.count
      }
      place += 1
    }
    return nil
  }

  /// The same from the end.
  func lastRange(of part: [Unicode.Scalar], before end: Int) -> Range<Int>? {
    var place = end - part.count
    while place >= 0 {
      if self[place..<place + part.count].elementsEqual(part) { return place..<place + part.count }
      place -= 1
    }
    return nil
  }

  /// Every place at which another text stands, from left to right, none within another.
  func ranges(of part: [Unicode.Scalar], atMost most: Int = .max) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var place = 0
    while found.count < most, let next = range(of: part, from: place) {
      found.append(next)
      place = next.isEmpty ? next.upperBound + 1 : next.upperBound
    }
    return found
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

  /// `str.splitlines`.
  func lines(keepingEnds: Bool) -> [[Unicode.Scalar]] {
    var lines: [[Unicode.Scalar]] = []
    var (start, place) = (0, 0)
    while place < count {
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
    func goes(_ scalar: Unicode.Scalar) -> Bool {
      scalars.map { $0.contains(scalar) } ?? scalar.isPythonSpace
    }
    var rest = self[...]
    if left { rest = rest.drop(while: goes) }
    while right, let last = rest.last, goes(last) { rest.removeLast() }
    return Array(rest)
  }

  func uppercased() -> [Unicode.Scalar] { flatMap { Scalars($0.properties.uppercaseMapping) } }

  func lowercased() -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    for (place, scalar) in enumerated() {
      // A sigma that ends a word has a form of its own.
      if scalar == "\u{3A3}", place > 0, self[place - 1].properties.isCased,
        !(place + 1 < count && self[place + 1].properties.isCased)
      {
        out.append("\u{3C2}")
      } else {
        out += Scalars(scalar.properties.lowercaseMapping)
      }
    }
    return out
  }

  func capitalized() -> [Unicode.Scalar] {
    guard let first else { return self }
    return Scalars(first.properties.titlecaseMapping) + Array(dropFirst()).lowercased()
  }

  /// `str.title`: words are runs of cased letters.
  func titled() -> [Unicode.Scalar] {
    var isInWord = false
    return flatMap { scalar -> [Unicode.Scalar] in
      defer { isInWord = scalar.properties.isCased }
      return Scalars(
        isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping)
    }
  }
}

extension Unicode.Scalar {
  /// What Python calls white space: Unicode's, and four separators of ASCII.
  var isPythonSpace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }

  fileprivate var endsLine: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }
}
