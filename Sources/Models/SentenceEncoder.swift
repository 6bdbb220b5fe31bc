// One vector for a sentence (Reimers and Gurevych, arXiv 1908.10084).
import Foundation
import Layers
import Storage
import Tensors

/// An encoder with what becomes of its hidden states, as the `sentence-transformers` library's files
/// beside the model say.
public struct SentenceEncoder {
  public enum Pooling: String, Sendable {
    /// The mean over the tokens.
    case mean
    /// The first token's.
    case first
  }

  public let encoder: any Encoder
  public let pooling: Pooling
  /// Whether embeddings have length 1.
  public let normalizes: Bool
  /// The most tokens of a sentence; what is longer is cut off.
  public let maximumLength: Int

  public init(
    _ encoder: any Encoder, pooling: Pooling = .mean, normalizes: Bool = true,
    maximumLength: Int? = nil
  ) {
    self.encoder = encoder
    self.pooling = pooling
    self.normalizes = normalizes
    self.maximumLength = min(maximumLength ?? encoder.contextLength, encoder.contextLength)
  }

  /// The same pooling of another encoder, as a student has its teacher's.
  public func replacingEncoder(by encoder: any Encoder) -> SentenceEncoder {
    SentenceEncoder(
      encoder, pooling: pooling, normalizes: normalizes, maximumLength: maximumLength)
  }

  /// The encoder of a folder. Without `modules.json`: the mean over tokens, of length 1.
  public init(_ directory: ModelDirectory) throws {
    let encoder = try directory.encoder()
    func json(_ path: String) throws -> JSON? {
      let file = directory.url.appending(path: path)
      return FileManager.default.fileExists(atPath: file.path) ? try JSON(contentsOf: file) : nil
    }
    var pooling = Pooling.mean
    var normalizes = true
    if let modules = try json("modules.json")?.array {
      normalizes = false
      for module in modules {
        let type = module["type"]?.string?.split(separator: ".").last.map(String.init) ?? ""
        switch type {
        case "Transformer": break
        case "Normalize": normalizes = true
        case "Pooling":
          let path = module["path"]?.string ?? "1_Pooling"
          pooling = try Self.pooling(try json("\(path)/config.json"), directory)
        default:
          throw StorageError(
            "\(directory.url.path)/modules.json names the module \(type), which is not built.")
        }
      }
    }
    self.init(
      encoder, pooling: pooling, normalizes: normalizes,
      maximumLength: try json("sentence_bert_config.json")?["max_seq_length"]?.int)
  }

  private static func pooling(_ json: JSON?, _ directory: ModelDirectory) throws -> Pooling {
    let chosen = (json?.object?.members ?? []).filter {
      $0.key.hasPrefix("pooling_mode_") && $0.value.bool == true
    }
    switch chosen.map(\.key) {
    case [], ["pooling_mode_mean_tokens"]: return .mean
    case ["pooling_mode_cls_token"]: return .first
    case let names:
      throw StorageError(
        "\(directory.url.path) pools with \(names.joined(separator: ", ")), which is not built.")
    }
  }

  /// Embeddings [B, C] of tokens int32 [B, T], of which the first `lengths`, int32 [B], count; `mask`
  /// [B, T] is 1 for those and 0 for the others.
  public func callAsFunction(_ tokens: Tensor, lengths: Tensor, mask: Tensor) -> Tensor {
    let states = hiddenStates(tokens, AttentionContext(bothDirections: tokens, lengths: lengths))
    return pooled(states[states.count - 1], mask: mask)
  }

  /// The encoder's hidden states of single sentences, none of them the second of a pair.
  public func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    encoder.hiddenStates(tokens, types: .constant(TensorData(zeros: tokens.type)), context)
  }

  /// Embeddings [B, C] of hidden states [B, T, C].
  public func pooled(_ hidden: Tensor, mask: Tensor) -> Tensor {
    let (b, t, c) = (hidden.shape[0], hidden.shape[1], hidden.shape[2])
    let weights: Tensor
    switch pooling {
    case .mean: weights = mask
    case .first:
      weights = .constant(TensorData([b, t], (0..<b * t).map { $0 % t == 0 ? Float(1) : 0 }))
    }
    // The sum over positions as a product [1, T] [T, C] for each sentence.
    let sum = weights.reshaped(to: [b, 1, t]).matmul(hidden).reshaped(to: [b, c])
    let mean = sum / weights.sum(axis: 1).reshaped(to: [b, 1])
    guard normalizes else { return mean }
    let squares = (mean * mean).sum(axis: 1).reshaped(to: [b, 1])
    return mean / squares.maximum(.constant(1e-24)).squareRoot()
  }
}
