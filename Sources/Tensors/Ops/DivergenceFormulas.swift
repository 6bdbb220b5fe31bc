// The formulas of divergences, for one class.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Divergence {
  /// How far q, the student, is from p, the teacher.
  package enum Kind: Sendable, Hashable {
    /// KL(p || q) = sum p (log p - log q)
    case forwardKL
    /// KL(q || p) = sum q (log q - log p), with log p at least `logFloor`
    case reverseKL
    /// beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q, for 0 < beta < 1
    /// (Agarwal et al., arXiv 2306.13649).
    case jensenShannon(beta: Float)
    /// KL(p || m), m = a p + (1 - a) q, for 0 < a < 1 (Ko et al., arXiv 2402.03898).
    case skewKL(Float)
    /// KL(q || m), m = (1 - a) p + a q, for 0 < a < 1 (the same).
    case skewReverseKL(Float)
    /// 1/2 sum |p - q|; where p = q its slope counts as 0.
    case totalVariation
  }

  /// The least log p that the reverse KL sees: a teacher that gives 0 would make it infinite.
  static let logFloor = -69.0  // ln 1e-30
  /// One part in so many is the least probability of the classes that a list leaves out.
  static let tailParts = 10_000_000
  static var tailFloor: Double { 1 / Double(tailParts) }
}

extension Divergence.Kind {
  /// The weight of p in the mixture m.
  var mixture: Float {
    switch self {
    case .jensenShannon(let beta): beta
    case .skewKL(let a): a
    case .skewReverseKL(let a): 1 - a
    case .forwardKL, .reverseKL, .totalVariation: 0.5
    }
  }

  /// log(b p + (1 - b) q), from logarithms: never a mixture of logs.
  private func logMixture(_ lp: Double, _ lq: Double) -> Double {
    let b = Double(mixture)
    return logSumExp([lp + log(b), lq + log(1 - b)])
  }

  /// p or q times a logarithm; 0 where the probability is.
  private func times(_ logarithm: Double, _ factor: Double) -> Double {
    logarithm == -.infinity ? 0 : exp(logarithm) * factor
  }

  /// A class's part of the loss, from log p and log q.
  func term(_ lp: Double, _ lq: Double) -> Double {
    let b = Double(mixture)
    switch self {
    case .forwardKL: return times(lp, lp - lq)
    case .reverseKL: return times(lq, lq - max(lp, Divergence.logFloor))
    case .jensenShannon:
      let lm = logMixture(lp, lq)
      return b * times(lp, lp - lm) + (1 - b) * times(lq, lq - lm)
    case .skewKL: return times(lp, lp - logMixture(lp, lq))
    case .skewReverseKL: return times(lq, lq - logMixture(lp, lq))
    case .totalVariation: return abs(exp(lp) - exp(lq)) / 2
    }
  }

  /// q times the derivative of the loss with respect to q, but for parts that drop out; the forward KL
  /// needs none.
  func weightedSlope(_ lp: Double, _ lq: Double) -> Double {
    let b = Double(mixture)
    switch self {
    case .forwardKL: return 0
    case .reverseKL: return term(lp, lq)
    case .jensenShannon: return (1 - b) * times(lq, lq - logMixture(lp, lq))
    case .skewKL: return -(1 - b) * exp(lp + lq - logMixture(lp, lq))
    case .skewReverseKL:
      let lm = logMixture(lp, lq)
      return times(lq, lq - lm - (1 - b) * exp(lq - lm))
    case .totalVariation: return exp(lq) * (lq > lp ? 0.5 : lq < lp ? -0.5 : 0)
    }
  }

  /// The derivative with respect to the class's logit, times T: `inner` is the sum of weighted slopes.
  func slope(_ lp: Double, _ lq: Double, inner: Double) -> Double {
    if self == .forwardKL { return exp(lq) - exp(lp) }
    return weightedSlope(lp, lq) - exp(lq) * inner
  }
}
