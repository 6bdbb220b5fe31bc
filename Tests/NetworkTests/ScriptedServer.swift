// A server on this machine that answers as it is told: well, badly, in parts, or not at all.
import Foundation
import Storage
import Synchronization

/// Takes HTTP/1.1 on a port of its own, one request to a connection.
final class ScriptedServer: Sendable {
  /// What came in.
  struct Request: Sendable {
    let route: String
    let headers: [String: String]
    let body: JSON
    /// How often the same body has come, this time included.
    let attempt: Int

    var prompt: String {
      body["messages"]?.array?.last?["content"]?.string ?? body["prompt"]?.string ?? ""
    }
    /// The number that ends the prompt.
    var number: Int { Int(prompt.split { !$0.isNumber }.last ?? "") ?? 0 }
  }

  /// What goes out.
  enum Step: Sendable {
    case send(String)
    case pause(Double)
    /// Ends the connection at once, as a server does that dies.
    case cut
  }

  private struct State {
    var requests: [Request] = []
    var attempts: [String: Int] = [:]
    var times: [Date] = []
  }

  private let socket: Int32
  let port: UInt16
  private let state = Mutex(State())
  private let script: @Sendable (Request) -> [Step]

  var address: String { "http://127.0.0.1:\(port)/v1" }
  var requests: [Request] { state.withLock { $0.requests } }
  var times: [Date] { state.withLock { $0.times } }

  init(_ script: @escaping @Sendable (Request) -> [Step]) {
    self.script = script
    socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    var bound = sockaddr_in()
    let descriptor = socket
    withUnsafeMutablePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
    }
    withUnsafeMutablePointer(to: &bound) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &length)
      }
    }
    port = bound.sin_port.bigEndian
    listen(descriptor, 128)
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0, let self else { return }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  /// Ends the server: connections that are made later are refused.
  func stop() {
    shutdown(socket, Int32(SHUT_RDWR))
    close(socket)
  }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    guard let request = receive(connection) else { return }
    for step in script(request) {
      switch step {
      case .send(let text):
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
          let count = bytes[sent...].withUnsafeBytes {
            Foundation.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
          }
          guard count > 0 else { return }
          sent += count
        }
      case .pause(let seconds): Thread.sleep(forTimeInterval: seconds)
      case .cut:
        // Closing without waiting for what is under way resets the connection.
        var lingering = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
          connection, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
        return
      }
    }
  }

  private func receive(_ connection: Int32) -> Request? {
    var data = Data()
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    func more() -> Bool {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return false }
      data.append(contentsOf: buffer[..<count])
      return true
    }
    let blank = Data("\r\n\r\n".utf8)
    while data.range(of: blank) == nil { guard more() else { return nil } }
    guard let end = data.range(of: blank) else { return nil }
    let lines = String(decoding: data[..<end.lowerBound], as: UTF8.self).components(
      separatedBy: "\r\n")
    let headers = Dictionary(
      lines.dropFirst().compactMap { line in
        line.firstIndex(of: ":").map {
          (
            line[..<$0].lowercased(),
            line[line.index(after: $0)...].trimmingCharacters(in: .whitespaces)
          )
        }
      }, uniquingKeysWith: { $1 })
    let length = Int(headers["content-length"] ?? "") ?? 0
    while data.count - end.upperBound < length { guard more() else { return nil } }
    let body = (try? JSON(parsing: Data(data[end.upperBound...]))) ?? .null
    let route = lines[0].split(separator: " ").dropFirst().first.map(String.init) ?? ""
    return state.withLock { state in
      let attempt = state.attempts[body.line, default: 0] + 1
      state.attempts[body.line] = attempt
      let request = Request(route: route, headers: headers, body: body, attempt: attempt)
      state.requests.append(request)
      state.times.append(Date())
      return request
    }
  }
}

extension [ScriptedServer.Step] {
  /// An answer with a status, headers and a body.
  static func status(_ code: Int, _ headers: [String: String] = [:], _ body: String = "") -> Self {
    let fields = headers.merging(["Content-Length": String(body.utf8.count), "Connection": "close"])
    { a, _ in a }
    .map { "\($0.key): \($0.value)\r\n" }.joined()
    return [.send("HTTP/1.1 \(code) Some Reason\r\n\(fields)\r\n\(body)")]
  }

  /// An error of OpenAI's form.
  static func error(
    _ code: Int, _ message: String, _ headers: [String: String] = [:],
    code name: String = "some_code"
  ) -> Self {
    status(
      code, headers.merging(["Content-Type": "application/json"]) { a, _ in a },
      "{\"error\": {\"message\": \"\(message)\", \"type\": \"some_type\", \"code\": \"\(name)\"}}")
  }

  /// The head of an event stream, whose end is that of the connection.
  static let streamHead: Self = [
    .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
  ]

  /// Events with these data.
  static func events(_ data: [String]) -> Self { data.map { .send("data: \($0)\n\n") } }

  /// The parts of an answer, each with its log-probability.
  static func parts(_ tokens: [String], logProbability: Double = -0.5) -> [String] {
    tokens.map { token in
      let bytes = [UInt8](token.utf8).map(String.init).joined(separator: ", ")
      let entry =
        "\"token\": \(JSON.string(token).line), \"bytes\": [\(bytes)], \"logprob\": \(logProbability)"
      let other = "{\"token\": \"?\", \"bytes\": [63], \"logprob\": -9999.0}"
      return """
        {"id": "r1", "model": "m-1", "choices": [{"index": 0, "delta": {"content": \(JSON.string(token).line)}, \
        "logprobs": {"content": [{\(entry), "top_logprobs": [{\(entry)}, \(other)]}]}, "finish_reason": null}]}
        """
    }
  }

  static func end(
    _ reason: String = "stop", usage: String? = "{\"prompt_tokens\": 9, \"completion_tokens\": 4}"
  ) -> [String] {
    ["{\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"\(reason)\"}]}"]
      + (usage.map { ["{\"choices\": [], \"usage\": \($0)}"] } ?? []) + ["[DONE]"]
  }

  /// A whole answer, with its end.
  static func answer(_ tokens: [String], reason: String = "stop") -> Self {
    streamHead + events(parts(tokens) + end(reason))
  }
}
