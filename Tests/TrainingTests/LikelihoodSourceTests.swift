// One source of text in two tokenizations, all of whose likelihoods are known: what the objective makes of them.
import Distillation
import Foundation
import Tensors
import Testing

@testable import Text

/// Texts of eight letters from a chain of Markov, each with its probability.
private struct Source {
  static let length = 8
  let texts: [(text: [UInt8], probability: Double)]

  init() {
    let next: [UInt8?: [(String, Double)]] = [
      nil: [("a", 0.5), ("b", 0.4), (" ", 0.1)],
      UInt8(ascii: "a"): [("a", 0.45), ("b", 0.3), (" ", 0.25)],
      UInt8(ascii: "b"): [("a", 0.35), ("b", 0.35), (" ", 0.3)],
      UInt8(ascii: " "): [("a", 0.55), ("b", 0.45)],
    ]
    var texts: [(text: [UInt8], probability: Double)] = [([], 1)]
    for _ in 0..<Self.length {
      texts = texts.flatMap { text in
        (next[text.text.last] ?? []).map { (text.text + $0.0.utf8, text.probability * $0.1) }
      }
    }
    self.texts = texts
  }

  /// Letters in pairs: no pair is the beginning of another.
  static func pairs(_ text: [UInt8]) -> [[UInt8]] {
    stride(from: 0, to: text.count, by: 2).map { Array(text[$0..<$0 + 2]) }
  }

  /// Byte-pair encoding within words, which begin with their spaces.
  static func merges(_ text: [UInt8]) -> [[UInt8]] {
    var words: [[[UInt8]]] = []
    for byte in text {
      if byte == 32 || words.isEmpty { words.append([]) }
      words[words.count - 1].append([byte])
    }
    for (left, right) in [("a", "a"), ("a", "b"), (" ", "a"), (" a", "b")] {
      words = words.map { word in
        word.reduce(into: [[UInt8]]()) { parts, part in
          if parts.last == Array(left.utf8), part == Array(right.utf8) {
            parts[parts.count - 1] += part
          } else {
            parts.append(part)
          }
        }
      }
    }
    return words.flatMap { $0 }
  }
}

@Suite struct LikelihoodSourceTests {
  /// What one tokenization of the source brings.
  private struct Comparison {
    /// The expected loss of a text, a piece for each token, and with pieces joined as a run joins them.
    var shortest = 0.0
    var joined = 0.0
    /// How far the first byte behind a boundary before white space is told otherwise, in nats: KL(tokens || bytes).
    var firstByte = 0.0
  }

  private func compare(_ tokenize: ([UInt8]) -> [[UInt8]]) throws -> Comparison {
    let source = Source()
    let tokenized = source.texts.map { (tokens: tokenize($0.text), $0.text, $0.probability) }
    var (ofBytes, ofTokens): ([[UInt8]: Double], [[[UInt8]]: Double]) = ([:], [:])
    /// Of what begins with some tokens, by what the next one is; nothing is the end.
    var following: [[[UInt8]]: [[UInt8]: Double]] = [:]
    for (tokens, text, probability) in tokenized {
      for end in 0...text.count { ofBytes[Array(text[..<end]), default: 0] += probability }
      for end in 0...tokens.count {
        let before = Array(tokens[..<end])
        ofTokens[before, default: 0] += probability
        following[before, default: [:]][end < tokens.count ? tokens[end] : [], default: 0] +=
          probability
      }
    }
    var pieces: [(probability: Double, isJoined: Bool, u: Double, v: Double)] = []
    var (divergence, boundaries) = (0.0, 0.0)
    for (tokens, text, probability) in tokenized {
      // The student's tokens are bytes; nothing stands before the first, so places begin at 1.
      var (aligned, nats, mass): ([AlignedPiece], [Float], [Float]) = ([], [], [])
      var start = 0
      for (index, token) in tokens.enumerated() {
        let before = Array(tokens[..<index])
        let all = try #require(ofTokens[before])
        let next = try #require(following[before])
        nats.append(Float(-log((ofTokens[before + [token]] ?? 0) / all)))
        mass.append(
          Float(next.filter { $0.key.first ?? 32 == 32 }.reduce(0) { $0 + $1.value } / all))
        aligned.append(
          AlignedPiece(
            student: start + 1...start + token.count, teacher: index + 1...index + 1,
            continues: index > 0, beginsWord: token[0] == 32, byteCount: token.count))
        if token[0] == 32, index > 0 {
          var first: [UInt8: Double] = [:]
          for (token, share) in next { first[token.first ?? 0, default: 0] += share / all }
          let told = ofBytes[Array(text[..<start])] ?? 0
          for (byte, share) in first {
            divergence +=
              probability * share
              * log(share * told / (ofBytes[Array(text[..<start]) + [byte]] ?? 0))
          }
          boundaries += probability
        }
        start += token.count
      }
      func add(_ answers: [PieceRows.Answer], isJoined: Bool) {
        for answer in answers {
          let (from, to) = (answer.tokens.lowerBound - 1, answer.tokens.upperBound)
          let v = -log((ofBytes[Array(text[..<to])] ?? 0) / (ofBytes[Array(text[..<from])] ?? 0))
          pieces.append((probability, isJoined, Double(answer.nats), v))
        }
      }
      add(OtherTeacher.answers(to: aligned, nats, mass), isJoined: true)
      add(
        OtherTeacher.answers(to: aligned, nats, mass.map { _ in 1 }), isJoined: false)
    }
    // The loss as a run computes it.
    func tensor(_ values: [Double]) -> Tensor {
      .constant(TensorData([values.count], values.map(Float.init)))
    }
    let (loss, _) = LikelihoodLoss.divergence(
      teacher: tensor(pieces.map(\.u)), student: tensor(pieces.map(\.v)))
    let executor = try GraphExecutor(
      Graph(outputs: [loss]), on: VariableStore(on: ReferenceDevice(), seed: 1))
    try executor.run()
    var comparison = Comparison()
    for (piece, loss) in zip(pieces, try executor.value(of: loss).floats) {
      if piece.isJoined {
        comparison.joined += piece.probability * Double(loss)
      } else {
        comparison.shortest += piece.probability * Double(loss)
      }
    }
    comparison.firstByte = boundaries > 0 ? divergence / boundaries : 0
    return comparison
  }

  /// Where no token is the beginning of another, tokens say what bytes say.
  @Test func aCodeWithoutPrefixesIsExact() throws {
    let comparison = try compare(Source.pairs)
    #expect(abs(comparison.shortest) < 1e-6 && abs(comparison.joined) < 1e-6, "\(comparison)")
    #expect(abs(comparison.firstByte) < 1e-9)
  }

  /// A token of byte-pair encoding also says that no longer one fitted, so likelihoods of the same model differ; joined pieces
  /// differ less. The byte behind a boundary is told so, too, which is why no loss compares it (ARCHITECTURE, "Distillation"). The
  /// numbers are those of a script in another language.
  @Test func bytePairsAreNotAndJoiningHelps() throws {
    let comparison = try compare(Source.merges)
    #expect(abs(comparison.shortest - 0.912695) < 1e-4, "\(comparison)")
    #expect(abs(comparison.joined - 0.673985) < 1e-4, "\(comparison)")
    #expect(abs(comparison.firstByte - 0.509097) < 1e-4, "\(comparison)")
  }
}
