// The methods of texts and dictionaries that templates call.

extension TemplateEvaluator {
  static let textMethods: Set = [
    "strip", "lstrip", "rstrip", "startswith", "endswith", "upper", "lower", "title", "capitalize",
    "swapcase", "replace", "split", "rsplit", "splitlines", "find", "rfind", "index", "rindex",
    "count",
    "join", "center", "ljust", "rjust", "zfill", "removeprefix", "removesuffix", "partition",
    "rpartition", "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "isupper",
    "islower", "format", "encode", "casefold", "expandtabs", "translate", "istitle", "isascii",
  ]

  mutating func call(_ method: String, of value: TemplateValue, _ given: TemplateCall) throws
    -> TemplateValue
  {
    switch value {
    case .undefined: throw failure("\(method.excerpt) is called on what is undefined")
    case .dictionary(let dictionary): return try call(method, of: dictionary, given)
    case .text(let text): return try call(method, of: text, given)
    case .list(let list) where list.hasPlaces:
      if method == "copy", list.kind == .list {
        _ = try bind(given, [], of: method)
        return value
      }
      guard method == "index" || method == "count" else {
        throw failure("lists have no method \(method.excerpt) here")
      }
      guard let wanted = try bind(given, ["value"], of: method)["value"] else {
        throw failure("\(method) needs a value")
      }
      var places: [Int] = []
      for (place, item) in list.items.enumerated() {
        try spend(work: 4)
        if try equal(item, wanted) { places.append(place) }
      }
      if method == "count" { return .integer(places.count) }
      guard let place = places.first else { throw failure("the value is not in the list") }
      return .integer(place)
    default: throw failure("\(value.kind) has no method \(method.excerpt)")
    }
  }

  private mutating func call(
    _ method: String, of dictionary: TemplateValue.Dictionary, _ given: TemplateCall
  ) throws -> TemplateValue {
    switch method {
    case "items":
      _ = try bind(given, [], of: method)
      return try list(
        try dictionary.members.map { try list([$0.key, $0.value], .tuple) }, .view("dict_items"))
    case "keys":
      _ = try bind(given, [], of: method)
      return try list(dictionary.members.map(\.key), .view("dict_keys"))
    case "values":
      _ = try bind(given, [], of: method)
      return try list(dictionary.members.map(\.value), .view("dict_values"))
    case "copy":
      _ = try bind(given, [], of: method)
      return .dictionary(dictionary)
    case "get":
      let bound = try bind(given, ["key", "default"], of: method)
      guard let wanted = bound["key"] else { throw failure("get needs a key") }
      guard let key = try key(wanted) else { throw failure("\(wanted.kind) cannot be a key") }
      return dictionary[key] ?? bound["default"] ?? .none
    case "pop", "update", "clear", "setdefault", "popitem":
      throw failure("\(method) would change a dictionary, which a template must not")
    default:
      // What a dictionary holds may be called, if it can be.
      if case .macro(let macro)? = dictionary[method] { return try expand(macro, given) }
      throw failure("dictionaries have no method \(method.excerpt)")
    }
  }

  private mutating func call(_ method: String, of text: Scalars, _ given: TemplateCall) throws
    -> TemplateValue
  {
    try spend(work: text.count)
    func bound(_ names: [String]) throws -> [String: TemplateValue] {
      try bind(given, names, of: method)
    }
    func scalars(_ value: TemplateValue?, _ what: String) throws -> Scalars {
      guard let text = value?.text else { throw failure("\(method) needs a text \(what)") }
      return text
    }
    func whole(_ value: TemplateValue?, default fallback: Int) throws -> Int {
      guard let value else { return fallback }
      guard let number = value.int else { throw failure("\(method) needs a whole number") }
      return number
    }
    switch method {
    case "strip", "lstrip", "rstrip":
      let given = try bound(["chars"])["chars"]
      let chars = try given.flatMap { $0.isNone ? nil : try scalars($0, "of characters") }
      return .text(
        text.stripped(of: chars, left: method != "rstrip", right: method != "lstrip"))
    case "startswith", "endswith":
      let names = try bound(["prefix", "start", "end"])
      guard let wanted = names["prefix"] else { throw failure("\(method) needs a text") }
      guard let part = try part(of: text, names, method) else { return .bool(false) }
      var parts = [wanted]
      if case .list(let list) = wanted, list.kind == .tuple { parts = list.items }
      for wanted in parts {
        let wanted = try scalars(wanted, "or a tuple of texts")
        guard wanted.count <= part.count else { continue }
        try spend(work: 4 + wanted.count)
        let own = method == "startswith" ? part.prefix(wanted.count) : part.suffix(wanted.count)
        if own.elementsEqual(wanted) { return .bool(true) }
      }
      return .bool(false)
    case "removeprefix":
      let prefix = try scalars(try bound(["prefix"])["prefix"], "prefix")
      return .text(text.starts(with: prefix) ? Array(text.dropFirst(prefix.count)) : text)
    case "removesuffix":
      let suffix = try scalars(try bound(["suffix"])["suffix"], "suffix")
      let ends = text.suffix(suffix.count).elementsEqual(suffix)
      return .text(ends ? Array(text.dropLast(suffix.count)) : text)
    case "upper", "lower", "title", "capitalize", "casefold", "swapcase":
      _ = try bound([])
      return try cased(method, text)
    case "replace":
      let names = try bound(["old", "new", "count"])
      return try replace(
        text, try scalars(names["old"], "to replace"), try scalars(names["new"], "to put there"),
        atMost: try whole(names["count"], default: -1))
    case "split", "rsplit":
      let names = try bound(["sep", "maxsplit"])
      let separator = try names["sep"].flatMap { $0.isNone ? nil : try scalars($0, "to split at") }
      guard separator?.isEmpty != true else { throw failure("the separator of \(method) is empty") }
      let most = try whole(names["maxsplit"], default: -1)
      let limit = most < 0 ? .max : most
      let parts = try parted(text) { text, room in
        method == "split"
          ? text.split(at: separator, atMost: min(limit, room))
          : text.splitFromEnd(at: separator, atMost: min(limit, room))
      }
      return try list(texts: parts)
    case "splitlines":
      let keeps = try bound(["keepends"])["keepends"]?.isTrue == true
      return try list(texts: try parted(text) { $0.lines(keepingEnds: keeps, atMost: $1) })
    case "partition", "rpartition":
      let separator = try scalars(try bound(["sep"])["sep"], "to part at")
      guard !separator.isEmpty else { throw failure("the separator of \(method) is empty") }
      let isFirst = method == "partition"
      guard
        let cut = isFirst
          ? text.range(of: separator) : text.lastRange(of: separator, before: text.count)
      else { return try list(texts: isFirst ? [text, [], []] : [[], [], text], .tuple) }
      return try list(
        texts: [Array(text[..<cut.lowerBound]), separator, Array(text[cut.upperBound...])], .tuple)
    case "find", "rfind", "index", "rindex", "count":
      return try search(method, text, try bound(["sub", "start", "end"]))
    case "join":
      let items = try bound(["iterable"])["iterable"]
      guard let items = try items.flatMap({ try self.items(of: $0) }) else {
        throw failure("join needs a list of texts")
      }
      return try join(try items.map { try scalars($0, "in each item") }, text)
    case "center", "ljust", "rjust", "zfill": return try padded(method, text, given)
    case "format", "encode", "expandtabs", "translate", "istitle":
      throw failure("the method \(method) of texts is not built")
    default:
      guard Self.textMethods.contains(method) else {
        throw failure("texts have no method \(method.excerpt)")
      }
      _ = try bound([])
      try spend(work: text.count * 4)
      return .bool(text.consists(of: method))
    }
  }

  mutating func cased(_ method: String, _ text: Scalars) throws -> TemplateValue {
    // What is beyond ASCII takes longer.
    try spend(work: text.count { !$0.isASCII } * 8)
    switch method {
    case "upper": return try made(text.uppercased())
    case "lower", "casefold": return try made(text.lowercased())
    case "title": return try made(text.titled())
    case "capitalize": return try made(text.capitalized())
    default:
      return try made(
        text.mapped { scalar, out in
          if scalar.properties.isUppercase {
            out.append(lower: scalar)
          } else if scalar.properties.isLowercase {
            out.append(upper: scalar)
          } else {
            out.append(scalar)
          }
        })
    }
  }

  mutating func replace(_ text: Scalars, _ old: Scalars, _ new: Scalars, atMost most: Int) throws
    -> TemplateValue
  {
    let room = sizeLeft / Self.itemSize + 1
    let places = text.ranges(of: old, atMost: most < 0 ? room : min(most, room))
    try spend(size: places.count, each: Self.itemSize + new.count)
    try spend(size: text.count)
    var out: Scalars = []
    out.reserveCapacity(text.count + places.count * max(0, new.count - old.count))
    var place = 0
    for found in places {
      out += text[place..<found.lowerBound]
      out += new
      place = found.upperBound
    }
    out += text[place...]
    return .text(out)
  }

  mutating func join(_ parts: [Scalars], _ separator: Scalars) throws -> TemplateValue {
    try spend(size: parts.count, each: separator.count)
    for part in parts { try spend(size: part.count) }
    return .text(Array(parts.joined(separator: separator)))
  }

  /// The part of a text that the arguments `start` and `end` give; nil where it starts behind its end.
  private func part(of text: Scalars, _ names: [String: TemplateValue], _ method: String) throws
    -> ArraySlice<Unicode.Scalar>?
  {
    func bound(_ name: String, _ fallback: Int) throws -> Int {
      guard let value = names[name], !value.isNone else { return fallback }
      guard let number = value.int else { throw failure("\(method) needs whole numbers") }
      return number < 0 ? max(number + text.count, 0) : number
    }
    let (start, end) = (try bound("start", 0), min(try bound("end", text.count), text.count))
    return start <= end ? text[start..<end] : nil
  }

  private func search(_ method: String, _ text: Scalars, _ names: [String: TemplateValue]) throws
    -> TemplateValue
  {
    guard let wanted = names["sub"]?.text else { throw failure("\(method) needs a text") }
    let slice = try part(of: text, names, method)
    let part = slice.map { Array($0) } ?? []
    if method == "count" { return .integer(slice == nil ? 0 : part.ranges(of: wanted).count) }
    let found =
      slice == nil
      ? nil
      : method.hasPrefix("r")
        ? part.lastRange(of: wanted, before: part.count) : part.range(of: wanted)
    guard found != nil || !method.hasSuffix("index") else { throw failure("the text is not found") }
    return .integer(found.map { $0.lowerBound + (slice?.startIndex ?? 0) } ?? -1)
  }

  private mutating func padded(_ method: String, _ text: Scalars, _ given: TemplateCall) throws
    -> TemplateValue
  {
    let names = try bind(given, method == "zfill" ? ["width"] : ["width", "fillchar"], of: method)
    guard let width = names["width"]?.int else { throw failure("\(method) needs a width") }
    let fill = names["fillchar"]?.text ?? [method == "zfill" ? "0" : " "]
    guard fill.count == 1 else { throw failure("\(method) fills with one character") }
    guard width > text.count else { return .text(text) }
    let missing = width - text.count
    try spend(size: missing)
    try spend(size: text.count)
    func run(_ count: Int) -> Scalars { Scalars(repeating: fill[0], count: count) }
    switch method {
    case "ljust": return .text(text + run(missing))
    case "rjust": return .text(run(missing) + text)
    case "zfill":
      let signed = text.first == "-" || text.first == "+"
      return .text(text.prefix(signed ? 1 : 0) + run(missing) + text.dropFirst(signed ? 1 : 0))
    default:
      // Python puts the odd one on the left where the width is odd.
      let left = missing / 2 + (missing & width & 1)
      return .text(run(left) + text + run(missing - left))
    }
  }
}
