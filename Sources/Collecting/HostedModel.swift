// A hosted model over HTTP: one request, and what became of it.
import AsyncHTTPClient
import Base
import Foundation
import NIOCore
import NIOPosix
import Storage

/// Asks an endpoint. It follows no redirect, which would carry key and texts elsewhere.
package struct HostedModel: Sendable {
  /// What became of a request.
  enum Outcome: Sendable {
    case answer(ReceivedAnswer)
    /// Nothing was sent.
    case unreached(reason: String)
    /// An answer that did not come whole. It may be billed where it had begun.
    case broken(reason: String, mayBeBilled: Bool)
    case refused(RefusalKind, reason: String, wait: Duration?)
  }

  package let endpoint: Endpoint
  private let client: HTTPClient
  private let streams: Bool
  /// No answer of a model is longer.
  private static let longestBody = 1 << 26

  /// `silence` is how long no byte may come before an answer counts as broken.
  package init(_ endpoint: Endpoint, streams: Bool, silence: Duration, connections: Int) {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.timeout.connect = .seconds(20)
    configuration.timeout.read = .nanoseconds(Int64(silence.seconds * 1e9))
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.decompression = .enabled(limit: .ratio(200))
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    (self.endpoint, self.streams) = (endpoint, streams)
  }

  /// Closes connections; nothing can be asked afterwards.
  package func close() async { try? await client.shutdown() }

  func ask(_ asked: CollectedRequest) async -> Outcome {
    var request = HTTPClientRequest(url: endpoint.url(asked.route))
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.headers.add(name: "Accept", value: streams ? "text/event-stream" : "application/json")
    request.headers.add(name: "User-Agent", value: "retort/\(retortVersion)")
    if let key = endpoint.key {
      request.headers.add(name: "Authorization", value: key.authorization)
    }
    request.body = .bytes(Array(asked.body.line.utf8))
    do {
      let response = try await client.execute(request, timeout: .hours(1))
      let headers = response.headers.map { (name: $0.name, value: $0.value) }
      guard response.status.code == 200 else {
        return await refusal(Int(response.status.code), headers, response.body)
      }
      do {
        let type =
          headers.first { $0.name.lowercased() == "content-type" }?.value.lowercased() ?? ""
        return .answer(
          try await type.hasPrefix("text/event-stream")
            ? streamed(response.body) : whole(response.body, type))
      } catch let flaw as ReceivedAnswer.Flaw {
        // What an error inside an answer says counts as what it would have said as a status.
        switch flaw.code.map({ RefusalKind(status: Int($0) ?? 500, code: $0) }) {
        case let kind? where kind != .passing:
          return .refused(kind, reason: flaw.reason, wait: nil)
        default: return .broken(reason: flaw.reason, mayBeBilled: true)
        }
      } catch { return .broken(reason: Self.words(error), mayBeBilled: true) }
    } catch {
      return Self.isBeforeSending(error)
        ? .unreached(reason: Self.words(error))
        : .broken(reason: Self.words(error), mayBeBilled: true)
    }
  }

  private func refusal(
    _ status: Int, _ headers: [(name: String, value: String)], _ body: HTTPClientResponse.Body
  ) async -> Outcome {
    if (300..<400).contains(status) {
      let place = headers.first { $0.name.lowercased() == "location" }?.value ?? "another address"
      return .refused(
        .final,
        reason:
          "\(endpoint.host) redirects to \(place.prefix(200)), which is not followed: it would carry the key and the texts there",
        wait: nil)
    }
    var data = Data()
    do {
      for try await part in body {
        data.append(contentsOf: part.readableBytesView)
        if data.count > 1 << 16 { break }
      }
    } catch {}
    let json = try? JSON(parsing: data)
    let reason =
      json.map(ReceivedAnswer.message)
      ?? (data.isEmpty ? "no reason is given" : "no reason is given in JSON")
    return .refused(
      RefusalKind(
        status: status, code: json.flatMap(ReceivedAnswer.code),
        field: json?["error"]?["param"]?.string),
      reason: "HTTP \(status): \(reason)",
      wait: RetryWait.of(headers))
  }

  /// An answer in events. It is whole where the model said why it ended.
  private func streamed(_ body: HTTPClientResponse.Body) async throws -> ReceivedAnswer {
    var (stream, answer, size, isDone) = (EventStream(), ReceivedAnswer(), 0, false)
    func add(_ events: [String]) throws {
      for event in events where !isDone {
        if event == "[DONE]" {
          isDone = true
        } else {
          guard let json = try? JSON(parsing: Data(event.utf8)) else {
            throw ReceivedAnswer.Flaw(reason: "an event that is no JSON")
          }
          try answer.add(json)
        }
      }
    }
    do {
      for try await part in body {
        size += part.readableBytes
        guard size <= Self.longestBody else {
          throw ReceivedAnswer.Flaw(reason: "an answer without an end")
        }
        try add(stream.add(part.readableBytesView))
        if isDone { break }
      }
      if !isDone { try add(stream.finish()) }
    } catch  where !(error is ReceivedAnswer.Flaw) && answer.finishReason != nil {
      // The answer is whole; only its server's farewell is missing.
    }
    guard answer.finishReason != nil else {
      throw ReceivedAnswer.Flaw(reason: "a stream that ended before its answer did")
    }
    return answer
  }

  private func whole(_ body: HTTPClientResponse.Body, _ type: String) async throws -> ReceivedAnswer
  {
    var data = Data()
    for try await part in body {
      data.append(contentsOf: part.readableBytesView)
      guard data.count <= Self.longestBody else {
        throw ReceivedAnswer.Flaw(reason: "an answer without an end")
      }
    }
    guard let json = try? JSON(parsing: data) else {
      throw ReceivedAnswer.Flaw(
        reason: "\(type.isEmpty ? "something" : type.prefix(40).description) in place of JSON")
    }
    var answer = ReceivedAnswer()
    try answer.add(json)
    guard answer.finishReason != nil else {
      throw ReceivedAnswer.Flaw(reason: "an answer without choices or their end")
    }
    return answer
  }

  /// Whether a request failed before any of it was sent.
  private static func isBeforeSending(_ error: any Error) -> Bool {
    if error is NIOConnectionError { return true }
    if let error = error as? IOError {
      return [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL].contains(error.errnoCode)
    }
    return [.connectTimeout, .tlsHandshakeTimeout, .invalidURL].contains(error as? HTTPClientError)
  }

  private static func words(_ error: any Error) -> String {
    if let error = error as? IOError {
      return "a connection that failed: \(String(cString: strerror(error.errnoCode)))"
    }
    return switch error as? HTTPClientError {
    case .readTimeout?: "silence for too long"
    case .remoteConnectionClosed?: "a connection that was closed"
    case .connectTimeout?: "no connection in time"
    case .deadlineExceeded?: "an answer that took more than an hour"
    default: "a connection that failed: \(String(describing: error).prefix(200))"
    }
  }
}
