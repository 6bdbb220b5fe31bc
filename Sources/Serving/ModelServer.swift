// An HTTP server that speaks OpenAI's form.
import Base
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Storage
import Synchronization

/// Serves models: conversations, texts, embeddings, and a page for a person.
package struct ModelServer: Sendable {
  private let models: [ServedModel]
  private let access: ServerAccess
  private let limits: ServerLimits

  package init(_ models: [ServedModel], access: ServerAccess, limits: ServerLimits) {
    (self.models, self.access, self.limits) = (models, access, limits)
  }

  /// Answers until the process is told to end. `onStart` is given the port.
  package func run(port: Int, onStart: @escaping @Sendable (Int) -> Void) async throws {
    let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
      maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100)
    let server = self
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in
        await server.respond(to: request)
      },
      server: .http1(
        configuration: .init(idleTimeout: .seconds(20), httpDecoderConfiguration: decoder)),
      configuration: ApplicationConfiguration(
        address: .hostname(access.host, port: port), serverName: "retort",
        availableConnectionsDelegate: MaximumAvailableConnections(256)),
      onServerRunning: { channel in onStart(channel.localAddress?.port ?? port) },
      // Prompts and answers are nobody's business.
      logger: Logger(label: "retort") { _ in SwiftLogNoOpLogHandler() })
    do { try await application.runService() } catch let error as IOError {
      throw UserError(
        error.errnoCode == EADDRINUSE
          ? "Port \(port) of \(access.host) is taken: name another."
          : "Cannot listen at port \(port) of \(access.host): \(String(cString: strerror(error.errnoCode)))."
      )
    } catch let error as SocketAddressError {
      throw UserError(
        "Cannot listen at \(access.host): it is no address of this machine (\(error)).")
    }
  }

  // MARK: Routes

  private static let generation = ["/v1/chat/completions", "/v1/completions"]
  private static let gets = ["/", "/health", "/v1/models"]

  private func respond(to request: Request) async -> Response {
    var response = await answerOrFault(request)
    if let origin = access.allowedOrigin(request) {
      response.headers[.accessControlAllowOrigin] = origin
    }
    if response.status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
    // Whoever asks for a text is watched for going away, and the watch ends with the connection.
    if Self.generation.contains(request.uri.path) { response.headers[.connection] = "close" }
    // What follows the head would be taken for the next answer.
    return request.method == .head
      ? Response(status: response.status, headers: response.headers) : response
  }

  private func answerOrFault(_ request: Request) async -> Response {
    do {
      return try await answer(request)
    } catch let fault as ServerFault {
      return Self.json(fault.json, status: fault.status, retryAfter: fault.retryAfter)
    } catch is CancellationError {
      return Self.json(ServerFault.failed("The request was cancelled.").json, status: 500)
    } catch is NIOTooManyBytesError {
      return Self.json(
        ServerFault.invalid("The body has more than \(grouped(limits.bodyBytes)) bytes.").json,
        status: 413)
    } catch {
      return Self.json(ServerFault.failed("\(error)").json, status: 500)
    }
  }

  private func answer(_ request: Request) async throws -> Response {
    let path = request.uri.path
    let isModel = path.hasPrefix("/v1/models/")
    let isPost = Self.generation.contains(path) || path == "/v1/embeddings"
    // A browser asks whether it may ask, and sends no key with that.
    try access.check(
      request, isOpen: path == "/health" || path == "/" || request.method == .options)
    guard isPost || isModel || Self.gets.contains(path) else {
      throw ServerFault.invalid("There is no \(path.prefix(100)).", code: "not_found", status: 404)
    }
    if request.method == .options, let origin = access.allowedOrigin(request) {
      return Self.preflight(origin)
    }
    guard request.method == (isPost ? .post : .get) || (!isPost && request.method == .head) else {
      var response = Self.json(
        ServerFault.invalid("\(path) takes \(isPost ? "POST" : "GET").", code: "method_not_allowed")
          .json, status: 405)
      response.headers[.allow] = isPost ? "POST" : "GET"
      return response
    }
    switch path {
    case "/": return page()
    case "/health": return Self.json(health)
    case "/v1/models":
      return Self.json(
        .object(JSON.Object([("object", .string("list")), ("data", .array(models.map(\.json)))])))
    case "/v1/embeddings":
      return Self.json(try await EmbeddingRoute.answer(body(request.body), models))
    case "/v1/chat/completions": return try await complete(request, .chat)
    case "/v1/completions": return try await complete(request, .text)
    default:
      let name = String(path.dropFirst("/v1/models/".count)).removingPercentEncoding ?? ""
      return Self.json(
        try CompletionRequest.model(
          RequestFields(.object(JSON.Object([("model", .string(name))])), known: ["model"]), models
        ).json)
    }
  }

  private func body(_ body: RequestBody) async throws -> JSON {
    let buffer = try await body.collect(upTo: limits.bodyBytes)
    do { return try JSON(parsing: Data(buffer.readableBytesView)) } catch {
      throw ServerFault.invalid("The body is no JSON.")
    }
  }

  /// Makes texts. When whoever asked goes away they are cancelled, and their slots are free.
  private func complete(_ request: Request, _ form: CompletionRequest.Form) async throws -> Response
  {
    let cancel = Canceller()
    return try await request.body.consumeWithInboundCloseHandler { body in
      let asked = try CompletionRequest(form, try await self.body(body), models, limits: limits)
      let stream = try asked.start(limits)
      cancel.attach(stream)
      let answer = CompletionAnswer(asked)
      guard asked.streams else {
        return Self.json(try await answer.whole(stream))
      }
      // From here on whoever asked is missed where nothing can be sent any more.
      cancel.detach()
      return Self.events(stream) { send in try await answer.write(stream, to: send) }
    } onInboundClosed: {
      cancel.cancel()
    }
  }

  private var health: JSON {
    let loads = models.compactMap { model -> (active: Int, queued: Int)? in
      if case .texts(let service) = model.kind { service.load } else { nil }
    }
    return .object(
      JSON.Object([
        ("status", .string("ok")), ("active", JSON(loads.reduce(0) { $0 + $1.active })),
        ("queued", JSON(loads.reduce(0) { $0 + $1.queued })),
      ]))
  }
}

// MARK: Responses

extension ModelServer {
  private static func json(_ json: JSON, status: Int = 200, retryAfter: Int? = nil) -> Response {
    var headers = HTTPFields()
    headers[.contentType] = "application/json"
    headers[.cacheControl] = "no-store"
    if let retryAfter { headers[.retryAfter] = String(retryAfter) }
    return Response(
      status: .init(code: status), headers: headers,
      body: .init(byteBuffer: ByteBuffer(string: json.line + "\n")))
  }

  /// An event stream. In silence a comment is sent every 15 s, so that nobody in between cuts the connection.
  private static func events(
    _ stream: TextStream,
    _ write: @escaping @Sendable ((String) async throws -> Void) async throws -> Void
  ) -> Response {
    var headers = HTTPFields()
    headers[.contentType] = "text/event-stream; charset=utf-8"
    headers[.cacheControl] = "no-store"
    return Response(
      status: .ok, headers: headers,
      body: .init { writer in
        defer { stream.cancel() }
        let parts = AsyncStream<String>.makeStream()
        let making = Task {
          defer { parts.continuation.finish() }
          try await write { parts.continuation.yield($0) }
        }
        let pinging = Task {
          while !Task.isCancelled {
            try await Task.sleep(for: .seconds(15))
            parts.continuation.yield(": ping\n\n")
          }
        }
        defer {
          making.cancel()
          pinging.cancel()
        }
        for await part in parts.stream { try await writer.write(ByteBuffer(string: part)) }
        try await writer.finish(nil)
      })
  }

  private static func preflight(_ origin: String) -> Response {
    var headers = HTTPFields()
    headers[.accessControlAllowMethods] = "GET, POST"
    headers[.accessControlAllowHeaders] = "authorization, content-type"
    return Response(status: .noContent, headers: headers)
  }

  /// The page for a person, which asks nobody but this server.
  private func page() -> Response {
    var headers = HTTPFields()
    headers[.contentType] = "text/html; charset=utf-8"
    headers[.contentSecurityPolicy] =
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    headers[.xContentTypeOptions] = "nosniff"
    return Response(
      status: .ok, headers: headers,
      body: .init(byteBuffer: ByteBuffer(bytes: PackageResources.chat_html)))
  }
}

/// Cancels what it is attached to, before or after.
private final class Canceller: Sendable {
  private struct State {
    var stream: TextStream?
    var isCancelled = false
  }

  private let state = Mutex(State())

  func attach(_ stream: TextStream) {
    let isLate = state.withLock { state in
      state.stream = stream
      return state.isCancelled
    }
    if isLate { stream.cancel() }
  }

  func detach() { state.withLock { $0.stream = nil } }

  func cancel() {
    let stream = state.withLock { state in
      state.isCancelled = true
      return state.stream
    }
    stream?.cancel()
  }
}
