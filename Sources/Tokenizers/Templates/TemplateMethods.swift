// The methods of texts and dictionaries that templates call.

extension TemplateEvaluator {
  static let textMethods: Set = [
    "strip", "lstrip", "rstrip", "startswith", "endswith", "upper", "lower", "title", "capitalize",
    "swapcase", "replace", "split", "rsplit", "splitlines", "find", "rfind", "index", "count",
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
    case .list(let list):
      guard method == "index" || method == "count" else {
        throw failure("lists have no method \(method.excerpt) here")
      }
      let wanted = try bind(given, ["value"], of: method)["value"] ?? .undefined
      if method == "count" { return .integer(list.items.count { $0.equals(wanted) }) }
      guard let place = list.items.firstIndex(where: { $0.equals(wanted) }) else {
        throw failure("the value is not in the list")
      }
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
        try dictionary.members.map { try list([$0.key, $0.value], isTuple: true) })
    case "keys":
      _ = try bind(given, [], of: method)
      return try list(dictionary.members.map(\.key))
    case "values":
      _ = try bind(given, [], of: method)
      return try list(dictionary.members.map(\.value))
    case "copy":
      _ = try bind(given, [], of: method)
      return .dictionary(dictionary)
    case "get":
      let bound = try bind(given, ["key", "default"], of: method)
      guard let wanted = bound["key"] else { throw failure("get needs a key") }
      guard let key = wanted.key else { throw failure("\(wanted.kind) cannot be a key") }
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
    try spend(steps: text.count / 16)
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
      let names = try bound(["prefix"])
      guard let wanted = names["prefix"] else { throw failure("\(method) needs a text") }
      let parts: [Scalars]
      if case .list(let list) = wanted, list.isTuple {
        parts = try list.items.map { try scalars($0, "in each part") }
      } else {
        parts = [try scalars(wanted, "or a tuple of texts")]
      }
      return .bool(
        parts.contains {
          method == "startswith" ? text.starts(with: $0) : text.suffix($0.count).elementsEqual($0)
        })
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
      let parts =
        method == "split"
        ? text.split(at: separator, atMost: limit)
        : text.splitFromEnd(at: separator, atMost: limit)
      return try list(try parts.map { try made($0) })
    case "splitlines":
      let keeps = try bound(["keepends"])["keepends"]?.isTrue == true
      return try list(try text.lines(keepingEnds: keeps).map { try made($0) })
    case "partition", "rpartition":
      let separator = try scalars(try bound(["sep"])["sep"], "to part at")
      guard !separator.isEmpty else { throw failure("the separator of \(method) is empty") }
      let isFirst = method == "partition"
      guard
        let cut = isFirst
          ? text.range(of: separator) : text.lastRange(of: separator, before: text.count)
      else { return try list(parts(isFirst ? [text, [], []] : [[], [], text]), isTuple: true) }
      return try list(
        parts([Array(text[..<cut.lowerBound]), separator, Array(text[cut.upperBound...])]),
        isTuple: true)
    case "find", "rfind", "index", "count":
      return try search(method, text, try bound(["sub", "start", "end"]))
    case "join":
      let items = try bound(["iterable"])["iterable"]
      guard let items = items?.items else { throw failure("join needs a list of texts") }
      return try join(try items.map { try scalars($0, "in each item") }, text)
    case "center", "ljust", "rjust", "zfill": return try padded(method, text, given)
    case "format", "encode", "expandtabs", "translate", "istitle":
      throw failure("the method \(method) of texts is not built")
    default:
      guard Self.textMethods.contains(method) else {
        throw failure("texts have no method \(method.excerpt)")
      }
      _ = try bound([])
      return .bool(Self.consists(text, method))
    }
  }

  private func parts(_ texts: [Scalars]) -> [TemplateValue] { texts.map { .text($0) } }

  mutating func cased(_ method: String, _ text: Scalars) throws -> TemplateValue {
    switch method {
    case "upper": return try made(text.uppercased())
    case "lower", "casefold": return try made(text.lowercased())
    case "title": return try made(text.titled())
    case "capitalize": return try made(text.capitalized())
    default:
      return try made(
        text.flatMap { scalar in
          Scalars(
            scalar.properties.isUppercase
              ? scalar.properties.lowercaseMapping
              : scalar.properties.isLowercase
                ? scalar.properties.uppercaseMapping : String(scalar))
        })
    }
  }

  mutating func replace(_ text: Scalars, _ old: Scalars, _ new: Scalars, atMost most: Int) throws
    -> TemplateValue
  {
    let places = text.ranges(of: old, atMost: most < 0 ? .max : most)
    let (growth, overflows) = places.count.multipliedReportingOverflow(by: new.count)
    guard !overflows else { throw failure("replace makes too much") }
    try spend(size: text.count + growth)
    var out: Scalars = []
    var place = 0
    for found in places {
      out += text[place..<found.lowerBound] + new
      place = found.upperBound
    }
    return .text(out + text[place...])
  }

  mutating func join(_ parts: [Scalars], _ separator: Scalars) throws -> TemplateValue {
    let (size, overflows) = parts.count.multipliedReportingOverflow(by: separator.count)
    guard !overflows else { throw failure("join makes too much") }
    try spend(size: parts.reduce(size) { $0 &+ $1.count })
    return .text(Array(parts.joined(separator: separator)))
  }

  private func search(_ method: String, _ text: Scalars, _ names: [String: TemplateValue]) throws
    -> TemplateValue
  {
    guard let wanted = names["sub"]?.text else { throw failure("\(method) needs a text") }
    func bound(_ name: String, _ fallback: Int) throws -> Int {
      guard let value = names[name], !value.isNone else { return fallback }
      guard let number = value.int else { throw failure("\(method) needs whole numbers") }
      return min(max(number < 0 ? number &+ text.count : number, 0), text.count)
    }
    let (start, end) = (try bound("start", 0), try bound("end", text.count))
    guard start <= end else { return .integer(method == "count" ? 0 : -1) }
    let part = Array(text[start..<end])
    if method == "count" { return .integer(part.ranges(of: wanted).count) }
    let found =
      method == "rfind" ? part.lastRange(of: wanted, before: part.count) : part.range(of: wanted)
    guard found != nil || method != "index" else { throw failure("the text is not found") }
    return .integer(found.map { $0.lowerBound + start } ?? -1)
  }

  private mutating func padded(_ method: String, _ text: Scalars, _ given: TemplateCall) throws
    -> TemplateValue
  {
    let names = try bind(given, method == "zfill" ? ["width"] : ["width", "fillchar"], of: method)
    guard let width = names["width"]?.int else { throw failure("\(method) needs a width") }
    let fill = names["fillchar"]?.text ?? [method == "zfill" ? "0" : " "]
    guard fill.count == 1 else { throw failure("\(method) fills with one character") }
    let missing = max(0, width.subtractingReportingOverflow(text.count).partialValue)
    guard width > text.count else { return .text(text) }
    try spend(size: missing)
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

  /// Python's `is...` methods of texts.
  private static func consists(_ text: Scalars, _ method: String) -> Bool {
    func all(_ isWanted: (Unicode.Scalar) -> Bool) -> Bool {
      !text.isEmpty && text.allSatisfy(isWanted)
    }
    switch method {
    case "isdecimal": return all { $0.properties.generalCategory == .decimalNumber }
    case "isdigit":
      return all {
        $0.properties.numericType == .decimal || $0.properties.numericType == .digit
      }
    case "isnumeric": return all { $0.properties.numericType != nil }
    case "isalpha": return all { $0.category.hasPrefix("L") }
    case "isalnum": return all { $0.category.hasPrefix("L") || $0.properties.numericType != nil }
    case "isspace": return all(\.isPythonSpace)
    case "isascii": return text.allSatisfy(\.isASCII)
    case "isupper":
      return text.contains(where: \.properties.isUppercase)
        && !text.contains { $0.properties.isLowercase }
    default:
      return text.contains(where: \.properties.isLowercase)
        && !text.contains { $0.properties.isUppercase }
    }
  }
}
