// Names of the machine that a program runs on.

/// Whether a host is this machine by its name: `localhost`, the addresses 127.x.x.x, and ::1, with or without brackets.
package func isThisMachine(_ host: String) -> Bool {
  let host = host.lowercased()
  return ["localhost", "::1", "[::1]"].contains(host)
    || host.hasPrefix("127.") && host.split(separator: ".").count == 4
      && host.allSatisfy { $0.isNumber || $0 == "." }
}
