// Who may speak with a server.
import Base
import Foundation
import Hummingbird

/// Checks that a request was meant for this server, and comes from somebody who may send it.
package struct ServerAccess: Sendable {
  /// Where the server listens.
  let host: String
  private let key: [UInt8]?
  /// Pages of other origins that may ask.
  private let origin: String?

  /// On another host than this machine a key is needed, or the explicit wish to go without.
  package init(host: String, key: String?, withoutKey: Bool, origin: String?) throws {
    let host =
      host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    let isLocal = isThisMachine(host)
    if let key, !key.isEmpty {
      guard key.utf8.count >= 32, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw UserError(
          "The key in RETORT_SERVE_KEY must have at least 32 characters, without white space.")
      }
      self.key = Array(key.utf8)
    } else {
      guard isLocal || withoutKey else {
        throw UserError("Others can reach \(host): a key is needed.", remedy: .serveWithKey)
      }
      self.key = nil
    }
    (self.host, self.origin) = (host, origin)
  }

  package var needsKey: Bool { key != nil }

  /// Throws where a request must not be answered. `isOpen` are routes that need no key.
  func check(_ request: Request, isOpen: Bool) throws {
    // A name of somebody else's that leads to this machine (DNS rebinding), and pages of others, are refused.
    if isThisMachine(host) {
      let name = request.head.authority.map(Self.host) ?? ""
      guard isThisMachine(name) else {
        throw ServerFault.invalid("The server answers for localhost alone.", status: 403)
      }
    }
    if let from = request.headers[.origin], !isAllowed(from, request) {
      throw ServerFault.invalid(
        "Pages of \(from.prefix(100)) may not ask this server.", status: 403)
    }
    guard let key, !isOpen else { return }
    let header = request.headers[.authorization] ?? ""
    let given = header.lowercased().hasPrefix("bearer ") ? Array(header.utf8.dropFirst(7)) : []
    let wanted = key
    // Takes as long whichever bytes differ.
    var difference = UInt8(given.count == wanted.count ? 0 : 1)
    for index in wanted.indices {
      difference |= wanted[index] ^ (index < given.count ? given[index] : 0)
    }
    guard difference == 0 else {
      throw ServerFault.invalid(
        "The key is missing or wrong.", code: "invalid_api_key", status: 401)
    }
  }

  private func isAllowed(_ from: String, _ request: Request) -> Bool {
    from == origin
      || request.head.authority.map { from == "http://\($0)" || from == "https://\($0)" } == true
  }

  /// The origin to name in an answer.
  func allowedOrigin(_ request: Request) -> String? {
    origin.flatMap { request.headers[.origin] == $0 ? $0 : nil }
  }

  /// A host without its port.
  private static func host(_ authority: String) -> String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      return String(authority[...end])
    }
    return String(authority.prefix { $0 != ":" })
  }
}
