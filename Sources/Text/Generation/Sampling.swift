// Choosing the next token from its logits.
import Foundation
import Tensors

/// How tokens are drawn. Every step narrows what the one before it left, in this order.
public struct Sampling: Sendable, Hashable {
  /// Divides the logits of tokens that the text has already, multiplies negative ones (Keskar et al.,
  /// arXiv 1909.05858); 1 changes nothing.
  public var repetitionPenalty: Float = 1
  /// Divides all logits; 0 takes the likeliest token.
  public var temperature: Float = 0
  /// Keeps the k likeliest tokens; 0 keeps all.
  public var topK = 0
  /// Keeps the likeliest tokens whose probabilities first sum to this (Holtzman et al., arXiv
  /// 1904.09751).
  public var topP: Float = 1
  /// Keeps tokens of at least this share of the likeliest one's probability (arXiv 2407.01082).
  public var minP: Float = 0
  /// The seed of all draws.
  public var seed: UInt32 = 1

  /// The defaults above.
  public init() {}

  /// The token that follows `text`, given the logits of all. The draw is a function of (seed, row,
  /// step) alone.
  package func next(_ logits: [Float], after text: some Sequence<Int32>, row: Int, step: Int)
    -> Int32
  {
    var logits = logits
    if repetitionPenalty != 1 {
      for id in Set(text) where logits.indices.contains(Int(id)) {
        let logit = logits[Int(id)]
        logits[Int(id)] = logit < 0 ? logit * repetitionPenalty : logit / repetitionPenalty
      }
    }
    guard temperature > 0 else { return Self.likeliest(logits) }
    let kept = candidates(logits)
    let total = kept.reduce(0) { $0 + $1.weight }
    let words = Philox.block(
      counter: [UInt32(truncatingIfNeeded: row), 0, UInt32(truncatingIfNeeded: step), 4],
      key: [seed, 0])
    var rest = Double(Philox.uniform(words[0])) * total
    for candidate in kept {
      rest -= candidate.weight
      if rest < 0 { return candidate.id }
    }
    return kept[0].id
  }

  /// The first of the largest.
  private static func likeliest(_ logits: [Float]) -> Int32 {
    var best = 0
    for (id, logit) in logits.enumerated() where logit > logits[best] { best = id }
    return Int32(best)
  }

  /// What may be drawn, likeliest first, with weights that need not sum to 1.
  func candidates(_ logits: [Float]) -> [(id: Int32, weight: Double)] {
    let highest = Double(logits.max() ?? 0)
    let scale = 1 / Double(temperature)
    var kept = logits.enumerated().map { id, logit in
      (id: Int32(id), weight: exp((Double(logit) - highest) * scale))
    }
    // A token that is drawn once in 10^12 times need not be sorted.
    kept.removeAll { $0.weight < 1e-15 }
    kept.sort { ($1.weight, $0.id) < ($0.weight, $1.id) }
    if topK > 0, topK < kept.count {
      // Tokens as likely as the last one stay.
      let least = kept[topK - 1].weight
      kept.removeAll { $0.weight < least }
    }
    if topP < 1 {
      let total = kept.reduce(0) { $0 + $1.weight }
      var sum = 0.0
      let count = kept.firstIndex { candidate in
        sum += candidate.weight
        return sum >= Double(topP) * total
      }
      kept.removeLast(kept.count - 1 - (count ?? kept.count - 1))
    }
    if minP > 0, let first = kept.first {
      kept.removeAll { $0.weight < Double(min(1, minP)) * first.weight }
    }
    return kept
  }
}
