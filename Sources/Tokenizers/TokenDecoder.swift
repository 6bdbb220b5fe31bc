// Tokens back into text.
import Storage

/// One step from tokens to text, or several (the `tokenizers` library's names).
indirect enum TokenDecoder: Sendable {
  case sequence([TokenDecoder])
  case byteLevel
  case wordPiece(prefix: Scalars, cleansUp: Bool)
  case metaspace(Metaspace)
  case byteFallback
  case fuse
  case strip(Unicode.Scalar, start: Int, stop: Int)
  case replace(Replacement)

  init(_ part: TokenizerPart) throws {
    switch part.type {
    case "Sequence": self = .sequence(try part.parts("decoders").map(TokenDecoder.init))
    case "ByteLevel": self = .byteLevel
    case "WordPiece":
      self = .wordPiece(
        prefix: Scalars(try part.text("prefix", default: "##")),
        cleansUp: try part.flag("cleanup", default: true))
    case "Metaspace": self = .metaspace(try Metaspace(part))
    case "ByteFallback": self = .byteFallback
    case "Fuse": self = .fuse
    case "Strip":
      let content = Scalars(try part.text("content"))
      guard content.count == 1 else {
        throw part.failure("has a content that is not one character")
      }
      self = .strip(
        content[0], start: try part.count("start", default: 0),
        stop: try part.count("stop", default: 0))
    case "Replace": self = .replace(try Replacement(part))
    default: throw part.unknown
    }
  }

  func callAsFunction(_ tokens: [Scalars]) -> [Scalars] {
    applied(to: tokens, limit: 32 * tokens.reduce(0) { $0 + $1.count } + 1 << 14)
  }

  /// `limit` is how many scalars replacements may make of all tokens.
  private func applied(to tokens: [Scalars], limit: Int) -> [Scalars] {
    switch self {
    case .sequence(let steps):
      return steps.reduce(tokens) { $1.applied(to: $0, limit: limit) }
    case .byteLevel:
      let bytes = tokens.flatMap(ByteAlphabet.decode)
      return [Scalars(String(decoding: bytes, as: UTF8.self))]
    case .wordPiece(let prefix, let cleansUp):
      return tokens.enumerated().map { index, token in
        var token = token
        if index > 0 {
          token = token.starts(with: prefix) ? Array(token[prefix.count...]) : [" "] + token
        }
        return cleansUp ? Self.cleanedUp(token) : token
      }
    case .metaspace(let metaspace):
      return tokens.enumerated().map { index, token in
        let drops = index == 0 && metaspace.scheme != .never
        return token.compactMap { $0 == metaspace.replacement ? (drops ? nil : " ") : $0 }
      }
    case .byteFallback: return Self.joiningBytes(tokens)
    case .fuse: return [tokens.flatMap { $0 }]
    case .strip(let scalar, let start, let stop):
      return tokens.map { token in
        let left = min(token.prefix { $0 == scalar }.count, start)
        let rest = token[left...]
        let right = min(rest.reversed().prefix { $0 == scalar }.count, stop)
        return Array(rest.dropLast(right))
      }
    case .replace(let replacement): return Self.replaced(tokens, replacement, limit)
    }
  }

  /// The bytes of one token inside a text; nil where they depend on its neighbours.
  func bytes(of token: Scalars) -> [UInt8]? {
    var token = token
    for step in steps {
      switch step {
      case .byteLevel: return ByteAlphabet.decode(token)
      case .byteFallback: if let byte = Self.byte(of: token) { return [byte] }
      case .metaspace(let metaspace): token = token.map { $0 == metaspace.replacement ? " " : $0 }
      case .replace: token = step([token])[0]
      // What is stripped stands at the beginning or the end of a text.
      case .fuse, .strip: break
      case .wordPiece, .sequence: return nil
      }
    }
    return token.utf8
  }

  private var steps: [TokenDecoder] {
    if case .sequence(let steps) = self { steps.flatMap(\.steps) } else { [self] }
  }

  /// A token that would take too long or grow too much stays as it is.
  private static func replaced(_ tokens: [Scalars], _ replacement: Replacement, _ limit: Int)
    -> [Scalars]
  {
    var made = 0
    return tokens.map { token in
      let changed = made + token.count < limit ? (try? replacement(token)) ?? token : token
      made += changed.count
      return changed
    }
  }

  /// Tokens such as `<0x0A>` side by side are the bytes of a text; where they are none, each is U+FFFD.
  private static func joiningBytes(_ tokens: [Scalars]) -> [Scalars] {
    var out: [Scalars] = []
    var bytes: [UInt8] = []
    func flush() {
      guard !bytes.isEmpty else { return }
      let text = String(validating: bytes, as: UTF8.self)
      out += text.map { [Scalars($0)] } ?? bytes.map { _ in ["\u{FFFD}"] }
      bytes = []
    }
    for token in tokens {
      if let byte = byte(of: token) {
        bytes.append(byte)
      } else {
        flush()
        out.append(token)
      }
    }
    flush()
    return out
  }

  private static func byte(of token: Scalars) -> UInt8? {
    guard token.count == 6, token.starts(with: Scalars("<0x")), token[5] == ">" else { return nil }
    return UInt8(Array(token[3..<5]).text, radix: 16)
  }

  private static func cleanedUp(_ token: Scalars) -> Scalars {
    let pairs = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
      (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    guard token.contains(" ") else { return token }
    return pairs.reduce(token) { text, pair in
      (try? Replacement(.text(TextPattern(Scalars(pair.0))), Scalars(pair.1))(text)) ?? text
    }
  }
}
