// Continuing text.
import Models
import Tensors

/// Draws tokens from a language model, one after the other.
public struct Generator {
  private let executor: GraphExecutor
  private let tokens: Tensor
  private let position = Tensor.input("position", TensorType([1], .int32))
  private let temperature = Tensor.input("temperature", TensorType([1]))
  private let seed = Tensor.input("seed", TensorType([2], .int32))
  private let drawn: Tensor
  private let contextLength: Int

  /// A model whose variables are in `store`, with a context of some tokens.
  public init(_ model: any LanguageModel, contextLength: Int, store: VariableStore) throws {
    self.contextLength = contextLength
    tokens = .input("tokens", TensorType([1, contextLength], .int32))
    let logits = model.logits(tokens).reshaped(to: [contextLength, model.vocabularySize])
    drawn = logits.gathered(position).sampled(temperature: temperature, seed: seed)
    executor = try GraphExecutor(Graph(outputs: [drawn]), on: store)
  }

  /// Continues `prompt` (at least one token) by up to `count` tokens, or until `end` is drawn;
  /// `onToken` gets each as it is drawn. Temperature 0 takes the likeliest.
  public func generate(
    _ prompt: [Int32], count: Int, temperature: Float, seed: UInt32, end: Int32,
    onToken: (Int32) -> Void = { _ in }
  ) throws -> [Int32] {
    precondition(!prompt.isEmpty, "a prompt has at least one token")
    var text = prompt
    try executor.set(self.temperature, to: TensorData([1], [temperature]))
    for step in 0..<count {
      // What does not fit into the context is forgotten.
      let window = Array(text.suffix(contextLength))
      let padding = [Int32](repeating: 0, count: contextLength - window.count)
      try executor.set(tokens, to: TensorData([1, contextLength], window + padding))
      try executor.set(position, to: TensorData([1], [Int32(window.count - 1)]))
      let key = [Int32(bitPattern: seed), Int32(step)]
      try executor.set(self.seed, to: TensorData([2], key))
      try executor.run()
      let next = try executor.value(of: drawn).integers[0]
      if next == end { break }
      text.append(next)
      onToken(next)
    }
    return Array(text.dropFirst(prompt.count))
  }
}
