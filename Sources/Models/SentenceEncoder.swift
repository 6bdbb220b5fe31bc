// One vector for a sentence (Reimers and Gurevych, arXiv 1908.10084).
import Foundation
import Layers
import Storage
import Tensors

/// An encoder with what becomes of its hidden states, as the `sentence-transformers` library's files
/// beside the model say.
package struct SentenceEncoder {
  /// How hidden states [B, T, C] become one vector.
  package enum Pooling: String, Sendable {
    /// The mean over the tokens, and their sum over the square root of their number.
    case mean
    case meanOverRoot
    /// The first token's, and the last one's.
    case first
    case last
    /// A mean in which later tokens count more: token t, from 1, counts t times.
    case weightedMean
  }

  /// What becomes of a text before it is tokenised, and of the vectors.
  package struct Settings: Sendable, Hashable {
    package var pooling = Pooling.mean
    /// Whether embeddings have length 1.
    package var normalizes = true
    /// The most tokens of a sentence; what is longer is cut off. nil takes what the model can.
    package var maximumLength: Int?
    /// What stands before every text, such as `query: `.
    package var prompt = ""
    package var lowercases = false
    /// How many numbers of a vector are kept; nil keeps all.
    package var keptWidth: Int?

    package init() {}
  }

  package let encoder: any Encoder
  package let settings: Settings

  package init(_ encoder: any Encoder, _ settings: Settings = Settings()) {
    self.encoder = encoder
    self.settings = settings
  }

  /// The most tokens of a sentence.
  package var maximumLength: Int {
    min(settings.maximumLength ?? encoder.contextLength, encoder.contextLength)
  }

  /// How many numbers a vector has.
  package var width: Int { min(settings.keptWidth ?? encoder.width, encoder.width) }

  /// A text as the tokenizer gets it.
  package func prepared(_ text: String) -> String {
    let text = settings.prompt + text
    return settings.lowercases ? text.lowercased() : text
  }

  /// The same settings for another encoder, as a student has its teacher's.
  package func replacingEncoder(by encoder: any Encoder) -> SentenceEncoder {
    SentenceEncoder(encoder, settings)
  }

  /// The encoder of a folder.
  package init(_ directory: ModelDirectory) throws {
    self.init(try directory.encoder(), try SentenceEncoderFiles(directory).settings())
  }

  /// Embeddings [B, C] of tokens int32 [B, T], of which the first `lengths`, int32 [B], count. At least one does.
  package func callAsFunction(_ tokens: Tensor, lengths: Tensor) -> Tensor {
    let states = hiddenStates(tokens, AttentionContext(bothDirections: tokens, lengths: lengths))
    return pooled(
      states[states.count - 1], mask: Self.mask(lengths: lengths, length: tokens.shape[1]))
  }

  /// [B, T], 1 for the first `lengths`, int32 [B], of T positions, 0 for the others.
  package static func mask(lengths: Tensor, length t: Int) -> Tensor {
    let b = lengths.shape[0]
    let places = TensorData([b, t], (0..<b * t).map { Float($0 % t) })
    return lengths.reshaped(to: [b, 1]).isGreater(than: .constant(places))
  }

  /// The encoder's hidden states of single sentences, none of them the second of a pair.
  package func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    encoder.hiddenStates(tokens, types: .constant(TensorData(zeros: tokens.type)), context)
  }

  /// Embeddings [B, C] of hidden states [B, T, C]; `mask` [B, T] is 1 for positions that count, else 0.
  package func pooled(_ hidden: Tensor, mask: Tensor) -> Tensor {
    let (b, t, c) = (hidden.shape[0], hidden.shape[1], hidden.shape[2])
    func table(_ shape: Shape, _ value: (Int) -> Float) -> Tensor {
      .constant(TensorData(shape, (0..<shape.elementCount).map(value)))
    }
    let weights: Tensor
    switch settings.pooling {
    case .mean, .meanOverRoot: weights = mask
    case .first: weights = table([b, t]) { $0 % t == 0 ? 1 : 0 }
    case .weightedMean: weights = mask * table([b, t]) { Float($0 % t + 1) }
    case .last:
      // The mask less the mask of the position behind: 1 at the last token alone.
      let behind = mask.matmul(table([t, t]) { $0 / t == $0 % t + 1 ? 1 : 0 })
      weights = mask - behind
    }
    // The sum over positions as a product [1, T] [T, C] for each sentence.
    let sum = weights.reshaped(to: [b, 1, t]).matmul(hidden).reshaped(to: [b, c])
    let count = weights.sum(axis: 1).reshaped(to: [b, 1])
    let mean = sum / (settings.pooling == .meanOverRoot ? count.squareRoot() : count)
    let vectors: Tensor
    if settings.normalizes {
      let squares = (mean * mean).sum(axis: 1).reshaped(to: [b, 1])
      vectors = mean / squares.maximum(.constant(1e-24)).squareRoot()
    } else {
      vectors = mean
    }
    return width < c ? vectors.split([width, c - width])[0] : vectors
  }
}
