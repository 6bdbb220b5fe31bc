// The optimizer's step with moments of eight bits.
import Checks
import Testing

@testable import Tensors

@Suite struct AdamW8Tests {
  /// Steps from moments as earlier ones leave them; the last is skipped.
  static let cases: [OpCase] = {
    var random = RandomData(seed: 103)
    return [(1, 0.5), (255, 0.5), (512, 0.5), (1003, 0.5), (300, -1)].map {
      (count: Int, clip: Float) in
      let op = AdamW8(AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1))
      let kept = AdamW8.stateTypes(for: [count]).map { TensorData(zeros: $0) }
      let p = random.floats([count])
      let numbers = TensorData([4], [0.01, 1.5, 2, 0] as [Float])
      let first = op.reference([p, random.floats([count])] + kept + [numbers, TensorData(1)])
      return OpCase(
        op, [first[0], random.floats([count])] + first[1...] + [numbers, TensorData(clip)])
    }
  }()

  private func codes(_ words: TensorData) -> [Int] {
    words.integers.flatMap { word in (0..<4).map { Int(word >> Int32(8 * $0)) & 255 } }
  }

  /// A number beside a border may get either code.
  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let device = try target.open()
    for item in Self.cases {
      let feeds = inputs(item.data)
      let got = try evaluate(
        Application(item.op, feeds.map(\.tensor)).results, feeds, on: device,
        options: .init(rewrites: false))
      let expected = item.op.reference(item.data)
      #expect(relativeError(got[0], expected[0]) < 1e-6, "\(item)")
      #expect(relativeError(got[3], expected[3]) < 1e-6, "\(item)")
      for index in [1, 2] {
        let pairs = zip(codes(got[index]), codes(expected[index]))
        let distances = pairs.map { abs($0 - $1) }
        #expect(distances.allSatisfy { $0 <= 1 }, "\(item)")
        #expect(distances.count { $0 == 1 } <= distances.count / 200, "\(item)")
      }
    }
  }

  @Test func aNegativeFactorChangesNothing() {
    let item = Self.cases[4]
    let new = item.op.reference(item.data)
    #expect(new == [item.data[0], item.data[2], item.data[3], item.data[4]])
  }

  /// Twenty steps stay near those with moments in single precision, and near what PyTorch computed by the same formula
  /// (`Tests/Golden/make_optimizers.py`).
  @Test func twentyStepsAreThoseOfPyTorch() throws {
    let file = try golden("optimizers")
    func numbers(_ name: String) throws -> TensorData { try #require(try file[name]) }
    let op = AdamW8(AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1))
    var kept = AdamW8.stateTypes(for: [1000]).map { TensorData(zeros: $0) }
    var p = try numbers("parameter")
    let gradients = try numbers("gradients").floats
    for step in 0..<20 {
      let t = Float(step + 1)
      func correction(_ beta: Double) -> Float {
        Float(1 / (1 - (1...Int(t)).reduce(1.0) { product, _ in product * beta }))
      }
      let numbers = TensorData([4], [0.01, correction(0.9), correction(0.95), 0])
      let gradient = TensorData([1000], Array(gradients[step * 1000..<(step + 1) * 1000]))
      let new = op.reference([p, gradient] + kept + [numbers, TensorData(1)])
      (p, kept) = (new[0], Array(new[1...]))
    }
    #expect(try relativeError(p, numbers("after")) < 2e-5)
    let full = try relativeError(p, numbers("exact"))
    #expect(full < 0.02 && full > 1e-5, "\(full)")
  }
}
