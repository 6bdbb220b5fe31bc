// What a request is told that cannot be answered.
import Storage

/// An error in the form of OpenAI's API.
struct ServerFault: Error {
  let status: Int
  let type: String
  let message: String
  var param: String?
  var code: String?
  /// Seconds after which the same request may be answered.
  var retryAfter: Int?

  var json: JSON {
    .object(
      JSON.Object([
        (
          "error",
          .object(
            JSON.Object([
              ("message", .string(message)), ("type", .string(type)),
              ("param", param.map { .string($0) } ?? .null),
              ("code", code.map { .string($0) } ?? .null),
            ]))
        )
      ]))
  }

  /// A request that is wrong, with the field that is.
  static func invalid(
    _ message: String, _ param: String? = nil, code: String? = nil, status: Int = 400
  ) -> ServerFault {
    ServerFault(
      status: status, type: "invalid_request_error", message: message, param: param, code: code)
  }

  /// A field that is known and would change the answer, but is not built.
  static func unsupported(_ param: String) -> ServerFault {
    invalid(
      "'\(param.prefix(60))' is not supported here.", String(param.prefix(60)),
      code: "unsupported_parameter")
  }

  static func failed(_ message: String) -> ServerFault {
    ServerFault(status: 500, type: "server_error", message: message)
  }

  static let overloaded = ServerFault(
    status: 503, type: "server_error",
    message: "Too many requests are waiting; send this one again later.",
    code: "overloaded", retryAfter: 2)
}
