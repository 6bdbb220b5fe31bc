// What is read from values: attributes, items, slices.

extension TemplateEvaluator {
  private static let dictionaryMethods: Set = [
    "items", "keys", "values", "get", "copy", "pop", "update", "clear", "setdefault", "popitem",
    "fromkeys",
  ]

  /// `owner.name`: in Python a method comes before an item of that name.
  func attribute(_ name: String, of owner: TemplateValue) throws -> TemplateValue {
    switch owner {
    case .undefined: throw failure("\(name.excerpt) is read from what is undefined")
    case .dictionary(let dictionary):
      if Self.dictionaryMethods.contains(name) { return .method(name) }
      return dictionary[name] ?? .undefined
    case .namespace(let space): return namespaces[space.index][name] ?? .undefined
    case .text: return Self.textMethods.contains(name) ? .method(name) : .undefined
    case .loop(let loop): return Self.attribute(name, of: loop)
    default: return .undefined
    }
  }

  private static func attribute(_ name: String, of loop: TemplateValue.Loop) -> TemplateValue {
    let (index, items) = (loop.index, loop.items)
    return switch name {
    case "index0": .integer(index)
    case "index": .integer(index + 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .integer(items.count)
    case "revindex": .integer(items.count - index)
    case "revindex0": .integer(items.count - index - 1)
    // Only loops that call themselves, which are not built, are deeper.
    case "depth": .integer(1)
    case "depth0": .integer(0)
    case "previtem": index > 0 ? items[index - 1] : .undefined
    case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined
    case "cycle", "changed": .method(name)
    default: .undefined
    }
  }

  mutating func item(of owner: TemplateValue, at index: TemplateValue) throws -> TemplateValue {
    switch owner {
    case .undefined: throw failure("an item is read from what is undefined")
    case .dictionary(let dictionary):
      if let key = try key(index), let found = dictionary[key] { return found }
    case .list(let list) where list.hasPlaces:
      if let index = index.int {
        return place(index, among: list.items.count).map { list.items[$0] } ?? .undefined
      }
    case .text(let text):
      if let index = index.int {
        return place(index, among: text.count).map { TemplateValue(text[$0]) } ?? .undefined
      }
    default: break
    }
    return try index.text.map { try attribute($0.text, of: owner) } ?? .undefined
  }

  /// A place that may be counted from the end; nil where there is none.
  private func place(_ index: Int, among count: Int) -> Int? {
    let place = index < 0 ? index + count : index
    return (0..<count).contains(place) ? place : nil
  }

  mutating func slice(_ owner: TemplateValue, _ from: Int?, _ to: Int?, _ step: Int) throws
    -> TemplateValue
  {
    let count: Int
    switch owner {
    case .text(let text): count = text.count
    case .list(let list) where list.hasPlaces: count = list.items.count
    default: throw failure("\(owner.kind) cannot be sliced")
    }
    guard step != 0 else { throw failure("a slice's step is 0") }
    func clamped(_ bound: Int?, _ fallback: Int, _ low: Int, _ high: Int) -> Int {
      guard let bound else { return fallback }
      return min(max(bound < 0 ? bound + count : bound, low), high)
    }
    let start = step > 0 ? clamped(from, 0, 0, count) : clamped(from, count - 1, -1, count - 1)
    let end = step > 0 ? clamped(to, count, 0, count) : clamped(to, -1, -1, count - 1)
    // A step beyond the text is as good as one of its length.
    let places = stride(from: start, to: end, by: min(max(step, -count - 1), count + 1))
    switch owner {
    case .text(let text): return try made(places.map { text[$0] })
    case .list(let list):
      if case .range(let first, _, let each) = list.kind {
        return try range(first, each, start, end, step, list.items, places)
      }
      return try self.list(places.map { list.items[$0] }, list.kind)
    default: return .undefined
    }
  }

  /// A slice of a range is one.
  private mutating func range(
    _ first: Int, _ each: Int, _ start: Int, _ end: Int, _ step: Int, _ items: [TemplateValue],
    _ places: StrideTo<Int>
  ) throws -> TemplateValue {
    func number(at place: Int) throws -> Int {
      let (offset, wraps) = place.multipliedReportingOverflow(by: each)
      let (number, overflows) = first.addingReportingOverflow(offset)
      guard !wraps, !overflows else { throw failure("a range becomes too large") }
      return number
    }
    let (length, overflows) = step.multipliedReportingOverflow(by: each)
    guard !overflows else { throw failure("a range becomes too large") }
    return try list(
      places.map { items[$0] },
      .range(from: try number(at: start), to: try number(at: end), step: length))
  }
}
