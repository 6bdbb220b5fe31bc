// `/v1/embeddings`
import Foundation
import Storage

/// Vectors of sentences, as OpenAI's API gives them.
enum EmbeddingRoute {
  private static let fields: Set = ["model", "input", "encoding_format", "dimensions"]

  static func answer(_ body: JSON, _ models: [ServedModel]) async throws -> JSON {
    let fields = try RequestFields(body, known: fields)
    let model = try CompletionRequest.model(fields, models)
    guard case .vectors(let service) = model.kind else {
      throw ServerFault.invalid("\(model.name) continues texts: it has no embeddings.", "model")
    }
    let ids = try ids(fields, model, service)
    let format = try fields.text("encoding_format") ?? "float"
    guard ["float", "base64"].contains(format) else {
      throw ServerFault.invalid("'encoding_format' must be float or base64.", "encoding_format")
    }
    let vectors = try await service.vectors(ids)
    if let wanted = try fields.whole("dimensions", 1...1 << 20), let width = vectors.first?.count,
      width != wanted
    {
      throw ServerFault.invalid(
        "'dimensions' must be \(width), which is what the model has.", "dimensions")
    }
    let data = vectors.enumerated().map { index, vector in
      JSON.object(
        JSON.Object([
          ("object", .string("embedding")), ("index", JSON(index)),
          (
            "embedding",
            format == "base64"
              ? .string(base64(vector)) : .array(vector.map { JSON.number("\($0)") })
          ),
        ]))
    }
    let read = ids.reduce(0) { $0 + $1.count }
    return .object(
      JSON.Object([
        ("object", .string("list")), ("data", .array(data)), ("model", .string(model.name)),
        (
          "usage",
          .object(JSON.Object([("prompt_tokens", JSON(read)), ("total_tokens", JSON(read))]))
        ),
      ]))
  }

  /// The sentences as ids.
  private static func ids(_ fields: RequestFields, _ model: ServedModel, _ service: VectorService)
    throws -> [[Int32]]
  {
    let found = try fields.tokenLists("input", read: service.ids) { ids in
      guard ids.count <= service.longest else {
        throw ServerFault.invalid(
          "A list of \(ids.count) ids is longer than the model reads, which is \(service.longest).",
          "input", code: "context_length_exceeded")
      }
      return try model.checked(ids, "input")
    }
    guard found.count <= 2048 else {
      throw ServerFault.invalid("'input' has more than 2048 texts.", "input")
    }
    return found
  }

  /// float32, little-endian.
  private static func base64(_ vector: [Float]) -> String {
    vector.map(\.bitPattern.littleEndian).withUnsafeBytes { Data($0).base64EncodedString() }
  }
}
