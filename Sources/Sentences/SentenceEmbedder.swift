// Vectors of many sentences.
import Models
import Tensors
import Tokenizers

/// Embeds sentences on a device, in batches of similar length.
public final class SentenceEmbedder {
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
  public init(
    _ encoder: SentenceEncoder, _ tokenizer: Tokenizer, store: VariableStore, batchSize: Int = 32
  ) {
    self.encoder = encoder
    self.tokenizer = tokenizer
    self.store = store
    self.batchSize = batchSize
  }

  /// The ids of a sentence, prepared as the encoder's files say; one that is too long loses its end, but not the
  /// token that ends it.
  public static func ids(
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
  public func embed(_ sentences: [String], onProgress: (Int) throws -> Void = { _ in }) throws
    -> [[Float]]
  {
    try embed(
      sentences.map { try Self.ids($0, tokenizer, encoder) },
      onProgress: onProgress)
  }

  /// The same for sentences as ids, of at most the encoder's length.
  public func embed(_ ids: [[Int32]], onProgress: (Int) throws -> Void = { _ in }) throws
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
      var (tokens, lengths): ([Int32], [Int32]) = ([], [])
      for row in 0..<batchSize {
        // Rows beyond the last sentence, and empty ones, hold one token.
        let own = row < rows.count ? ids[rows[rows.startIndex + row]] : []
        let text = own.isEmpty ? [0] : own
        tokens += text + [Int32](repeating: 0, count: length - text.count)
        lengths.append(Int32(text.count))
      }
      try pass.executor.set(pass.tokens, to: TensorData(pass.tokens.shape, tokens))
      try pass.executor.set(pass.lengths, to: TensorData(pass.lengths.shape, lengths))
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
