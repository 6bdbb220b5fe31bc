// What directories, trainers and commands need of a model.
import Base
import Layers
import Storage
import Tensors

/// A model whose weights can be written to and read from a folder as Hugging Face's `transformers` lays it out: its parameters
/// have the names of its files. Only its layers have to be said; the rest has defaults.
public protocol PretrainedModel: Module {
  /// `model_type` in `config.json`; by default the type's name in small letters.
  var modelType: String { get }
  /// The class that `transformers` loads it with; by default the type's name.
  var architecture: String { get }
  /// The sizes under the names of `config.json`.
  var configurationFields: [(key: String, value: JSON)] { get }
  /// What the names of the body's tensors begin with, such as "model."; a file may leave it out.
  var bodyPrefix: String { get }
  /// What a file may hold besides the parameters, by the ends of names: buffers, and heads that are
  /// tied or not used.
  var ignoredNames: [String] { get }
  /// The name under which a parameter is written.
  func storedName(_ name: String) -> String
}

extension PretrainedModel {
  public var modelType: String { architecture.lowercased() }
  public var architecture: String { "\(Self.self)" }
  public var configurationFields: [(key: String, value: JSON)] { [] }
  public var bodyPrefix: String { "" }
  public var ignoredNames: [String] { [] }
  public func storedName(_ name: String) -> String { name }

  /// The most tokens of a sequence, of a model that reads tokens.
  package var tokenLimit: Int { (self as? any TokenModel)?.contextLength ?? .max }
  /// How many rows the table of tokens has; 0 for a model without one.
  package var tokenRows: Int { (self as? any TokenModel)?.vocabularySize ?? 0 }
}

/// A model that reads tokens.
public protocol TokenModel: PretrainedModel {
  /// How many rows the table of tokens has.
  var vocabularySize: Int { get }
  /// The most tokens of a sequence.
  var contextLength: Int { get }
}

/// A model that predicts the next token.
public protocol LanguageModel: TokenModel {
  /// For tokens int32 [B, T]: the embedding, then what each layer gives, [B, T, C] each; the last is
  /// normalised, and what the head reads.
  func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor]
  /// What turns the last hidden states into logits.
  var head: Head { get }
}

extension LanguageModel {
  /// What the head reads, [B, T, C], for whole sequences of tokens int32 [B, T]; position t sees
  /// tokens up to t.
  public func hidden(_ tokens: Tensor) -> Tensor {
    hidden(tokens, AttentionContext(wholeSequences: tokens))
  }

  /// What the head reads, [B, T, C], of tokens int32 [B, T] that see each other as `context` says.
  public func hidden(_ tokens: Tensor, _ context: AttentionContext) -> Tensor {
    let states = hiddenStates(tokens, context)
    return states[states.count - 1]
  }

  /// Logits [B, T, V] for whole sequences of tokens int32 [B, T].
  public func logits(_ tokens: Tensor) -> Tensor {
    head.logits(hidden(tokens))
  }
}

/// A model that reads a text in both directions.
package protocol Encoder: TokenModel {
  /// For tokens int32 [B, T]: the embedding, then what each layer gives, [B, T, C] each. `types`, int32
  /// [B, T], says to which part of a pair a token belongs; a family without such parts ignores it.
  func hiddenStates(_ tokens: Tensor, types: Tensor, _ context: AttentionContext) -> [Tensor]
  /// The width C of hidden states.
  var width: Int { get }
  /// Logits [B, T, V] of masked tokens from the last hidden states; nil for a model without that head.
  func maskedLogits(_ hidden: Tensor) -> Tensor?
}

extension Encoder {
  /// The same for whole sequences, of which the first `lengths` tokens, int32 [B], count.
  public func hiddenStates(_ tokens: Tensor, types: Tensor, lengths: Tensor) -> [Tensor] {
    hiddenStates(
      tokens, types: types, AttentionContext(bothDirections: tokens, lengths: lengths))
  }
}

extension UserError {
  /// Numbers of a model that got lost, as "The logits of position 3".
  package static func notFinite(_ numbers: String) -> UserError {
    UserError(
      "\(numbers) are not finite: the model's weights are damaged, or too large for single precision."
    )
  }
}
