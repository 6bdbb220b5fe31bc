// Where a hosted model answers, and the key that opens it.
import Base
import Foundation

/// A key to an endpoint. It is read from the environment alone, and no text that is written may hold it.
package struct AccessKey: Sendable, CustomStringConvertible {
  private let value: String

  /// Throws where the text cannot stand in a header.
  init(_ text: String, from variable: String) throws {
    let isPlain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
    guard isPlain, text.utf8.count >= 4 else {
      throw UserError(
        "The variable \(variable) holds no key: one is at least four characters, without white space, quotes and backslashes."
      )
    }
    value = text
  }

  /// The value of the header `Authorization`.
  var authorization: String { "Bearer \(value)" }

  /// A text with `[key]` wherever the key stands in it. Short ones are no secrets, and stand in texts by chance: servers on one's own
  /// machine want any word.
  package func removed(from text: String) -> String {
    value.utf8.count >= 16 && text.contains(value)
      ? text.replacingOccurrences(of: value, with: "[key]") : text
  }

  package var description: String { "[key]" }
}

/// An endpoint of OpenAI's form, such as `https://host/v1`.
package struct Endpoint: Sendable {
  /// The address without its query, as records name it.
  package let address: String
  package let host: String
  package let key: AccessKey?
  private let query: String

  /// Variables that hold keys, by host; `RETORT_API_KEY` comes before them.
  private static let variables = [
    ("openai.com", "OPENAI_API_KEY"), ("deepseek.com", "DEEPSEEK_API_KEY"),
    ("openrouter.ai", "OPENROUTER_API_KEY"), ("mistral.ai", "MISTRAL_API_KEY"),
  ]

  /// Reads an address. Plain HTTP is taken for this machine alone, unless it is allowed: it would show key and texts to the
  /// network.
  package init(_ text: String, environment: [String: String], allowsPlainHTTP: Bool = false) throws
  {
    guard var parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
      let host = parts.host?.lowercased(), !host.isEmpty, ["http", "https"].contains(scheme)
    else { throw UserError("'\(text)' is no address such as https://host/v1.") }
    guard parts.user == nil, parts.password == nil else {
      throw UserError(
        "The address of an endpoint holds no name and no key: the key is read from the variable RETORT_API_KEY."
      )
    }
    self.host = host
    guard scheme == "https" || allowsPlainHTTP || isThisMachine(host) else {
      throw UserError(
        "\(host) would be spoken with over plain HTTP, which shows key and texts to the network: take https://, or allow it.",
        remedy: .allowPlainHTTP)
    }
    query = parts.percentEncodedQuery.map { "?" + $0 } ?? ""
    parts.percentEncodedQuery = nil
    parts.fragment = nil
    var address = parts.string ?? text
    while address.hasSuffix("/") { address.removeLast() }
    for route in ["/chat/completions", "/completions"] where address.hasSuffix(route) {
      address.removeLast(route.count)
    }
    self.address = address
    let own = Self.variables.first { host == $0.0 || host.hasSuffix("." + $0.0) }?.1
    let found = (["RETORT_API_KEY"] + (own.map { [$0] } ?? []))
      .compactMap { name in environment[name].map { (name, $0) } }.first { !$0.1.isEmpty }
    key = try found.map { try AccessKey($0.1, from: $0.0) }
  }

  /// The address of a route, such as `chat/completions`.
  func url(_ route: String) -> String { "\(address)/\(route)\(query)" }
}
