// Vectors of many sentences.
import Models
import Tensors
import Tokenizers

/// Embeds sentences on a device, in batches of similar length.
package final class SentenceEmbedder {
  private struct Pass {
    let executor: GraphExecutor
    let tokens: Tensor
    let lengths: Tensor
    let embeddings: Tensor
  }

  private let encoder: SentenceEncoder
  private let tokenizer: Tokenizer
  private let store: VariableStore
  private let batchSize: Int
  private var passes: [Int: Pass] = [:]

  /// An encoder whose variables are in `store`.
  package init(
    _ encoder: SentenceEncoder, _ tokenizer: Tokenizer, store: VariableStore, batchSize: Int = 32
  ) {
    self.encoder = encoder
    self.tokenizer = tokenizer
    self.store = store
    self.batchSize = batchSize
  }

  /// The ids of a sentence, prepared as the encoder's files say; one that is too long loses its end, but not the
  /// token that ends it.
  package static func ids(
    _ text: String, _ tokenizer: Tokenizer, _ encoder: SentenceEncoder, maximumLength: Int? = nil
  ) throws -> [Int32] {
    let maximumLength = min(maximumLength ?? encoder.maximumLength, encoder.maximumLength)
    let ids = try tokenizer.encode(encoder.prepared(text))
    guard ids.count > maximumLength, let last = ids.last else { return ids }
    return ids.prefix(maximumLength - 1) + [last]
  }

  private func pass(_ length: Int) throws -> Pass {
    if let known = passes[length] { return known }
    let tokens = Tensor.input("tokens", TensorType([batchSize, length], .int32))
    let lengths = Tensor.input("lengths", TensorType([batchSize], .int32))
    let embeddings = encoder(tokens, lengths: lengths)
    let pass = Pass(
      executor: try GraphExecutor(Graph(outputs: [embeddings]), on: store), tokens: tokens,
      lengths: lengths, embeddings: embeddings)
    passes[length] = pass
    return pass
  }

  /// One vector of `width` numbers of the encoder for each sentence, in their order. `onProgress` is told how
  /// many are done; what it throws ends the work.
  package func embed(_ sentences: [String], onProgress: (Int) throws -> Void = { _ in }) throws
    -> [[Float]]
  {
    try embed(
      sentences.map { try Self.ids($0, tokenizer, encoder) },
      onProgress: onProgress)
  }

  /// The same for sentences as ids, of at most the encoder's length.
  package func embed(_ ids: [[Int32]], onProgress: (Int) throws -> Void = { _ in }) throws
    -> [[Float]]
  {
    for sentence in ids { try tokenizer.require(sentence, below: encoder.encoder.vocabularySize) }
    var embeddings = [[Float]](repeating: [], count: ids.count)
    let order = ids.indices.sorted { (ids[$0].count, $0) < (ids[$1].count, $1) }
    for first in stride(from: 0, to: order.count, by: batchSize) {
      let rows = order[first..<min(order.count, first + batchSize)]
      let longest = rows.map { ids[$0].count }.max() ?? 1
      let length = min(encoder.maximumLength, max(8, (longest + 7) / 8 * 8))
      let pass = try pass(length)
      // An empty sentence holds one token, as rows beyond the last one do.
      let texts =
        rows.map { ids[$0].isEmpty ? nil : ids[$0] }
        + [[Int32]?](repeating: nil, count: batchSize - rows.count)
      try pass.executor.set(pass.tokens, to: SentenceData.tokens(texts, length))
      try pass.executor.set(pass.lengths, to: SentenceData.lengths(texts))
      try pass.executor.run()
      let numbers = try pass.executor.value(of: pass.embeddings).floats
      let width = encoder.width
      for (row, sentence) in rows.enumerated() {
        embeddings[sentence] = Array(numbers[row * width..<(row + 1) * width])
      }
      try onProgress(first + rows.count)
    }
    return embeddings
  }
}
