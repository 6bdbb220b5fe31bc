// What a status and the headers beside it ask of whoever sent the request.
import Foundation

/// What is done about an answer that is none.
enum RefusalKind: Sendable {
  /// The same request may succeed later.
  case passing
  /// The server has too much to do, for all requests.
  case busy
  /// This request is wrong, and stays so.
  case wrong
  /// What is wrong is in every request: the model, the route, a setting.
  case wrongForAll
  /// No request will succeed: the key, the account, the address.
  case final

  /// Fields that all requests have alike.
  private static let common: Set = [
    "model", "temperature", "top_p", "top_k", "seed", "logprobs", "top_logprobs", "stream",
    "stream_options",
    "reasoning_effort",
  ]

  /// The kind of an HTTP status, with the code or type and the field that the error object names.
  init(status: Int, code: String?, field: String? = nil) {
    let noMoney = ["insufficient_quota", "billing_hard_limit_reached", "insufficient_balance"]
    switch status {
    case _ where code.map { noMoney.contains($0) } == true: self = .final
    case 401, 402, 407: self = .final
    case 300..<400: self = .final
    case 429, 503, 529: self = .busy
    case 408, 409, 425, 500...: self = .passing
    case 404, 405: self = .wrongForAll
    case 400, 422: self = field.map { Self.common.contains($0) } == true ? .wrongForAll : .wrong
    default: self = .wrong
    }
  }
}

/// How long a server asks to wait.
enum RetryWait {
  /// The longest of the waits that headers name; nil where none does. Read are `Retry-After` in seconds or as a date (RFC 9110,
  /// 10.2.3), `retry-after-ms`, and the `x-ratelimit-reset` family where nothing remains.
  static func of(_ headers: [(name: String, value: String)], now: Date = Date()) -> Duration? {
    var waits: [Double] = []
    func value(_ name: String) -> String? {
      headers.first { $0.name.lowercased() == name }?.value.trimmingCharacters(in: .whitespaces)
    }
    if let text = value("retry-after") {
      if let seconds = Double(text) {
        waits.append(seconds)
      } else if let date = date(text) {
        waits.append(date.timeIntervalSince(now))
      }
    }
    if let milliseconds = value("retry-after-ms").flatMap(Double.init) {
      waits.append(milliseconds / 1000)
    }
    for what in ["", "-requests", "-tokens", "-requests-day", "-tokens-minute"] {
      guard let left = value("x-ratelimit-remaining\(what)").flatMap(Double.init), left <= 0,
        let reset = value("x-ratelimit-reset\(what)").flatMap({ seconds($0, now) })
      else { continue }
      waits.append(reset)
    }
    return waits.filter { $0.isFinite && $0 > 0 }.max().map { .seconds(min($0, 1e8)) }
  }

  /// A date as HTTP writes it.
  private static func date(_ text: String) -> Date? {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    for pattern in [
      "EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy",
    ] {
      format.dateFormat = pattern
      if let date = format.date(from: text) { return date }
    }
    return nil
  }

  /// A time to a reset: "6m0s" and "20ms" (OpenAI), seconds, or a moment in seconds or milliseconds since 1970.
  private static func seconds(_ text: String, _ now: Date) -> Double? {
    if let number = Double(text) {
      return number > 1e11
        ? number / 1000 - now.timeIntervalSince1970
        : number > 1e9 ? number - now.timeIntervalSince1970 : number
    }
    let units = ["ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400]
    var (sum, rest) = (0.0, text[...])
    while let part = rest.prefixMatch(of: /([0-9]+(?:\.[0-9]+)?)(ms|[smhd])/) {
      sum += (Double(part.1) ?? 0) * (units[String(part.2)] ?? 0)
      rest = rest[part.range.upperBound...]
    }
    return rest.isEmpty && !text.isEmpty ? sum : nil
  }
}
