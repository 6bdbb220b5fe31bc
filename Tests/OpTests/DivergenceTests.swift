// Divergences: golden numbers, properties, kernels.
import Checks
import Testing

@testable import Tensors

@Suite struct DivergenceTests {
  // Golden logits: 8 positions x 4 classes, exact in float32.
  static let student = TensorData(
    [8, 4],
    [
      1.1250, -0.4102, -0.0879, -2.5000, 0.2676, 0.3535, 0.8711, -1.4688, -0.1084, 1.6641, 0.0084,
      0.1196, 0.5000, -0.6406, -0.2236, -1.5938, -1.5312, -1.9219, 0.0000, -0.5039, -1.5391, 1.5312,
      0.5820, 0.2695, -0.3887, 1.2188, 0.0000, 0.6055, 0.5000, 1.3828, 0.1309, -1.0312,
    ] as [Float])
  static let teacher = TensorData(
    [8, 4],
    [
      -0.0381, -1.2578, -1.2031, 0.0947, -0.7852, 0.4492, 1.5547, 0.0972, 0.8203, 0.0012, 0.7656,
      0.3477, -1.5781, 0.4297, 0.5977, 0.3926, 1.5156, 0.1641, 2.0781, -0.7734, -0.5898, 0.4453,
      -0.7969, 0.6328, 0.6289, -0.8359, 0.9258, 0.2109, 0.0006, 0.5195, 3.2344, -1.5781,
    ] as [Float])
  static let labels = TensorData([8], [0, 3, 3, 1, 1, 1, 1, 1] as [Int32])

  static let means: [(Divergence.Kind, Float, Double)] = [
    (.forwardKL, 1, 0.6292863690), (.forwardKL, 2, 0.1948004867),
    (.reverseKL, 1, 0.6774912020), (.reverseKL, 2, 0.1945222272),
    (.jensenShannon(beta: 0.1), 1, 0.0534227073), (.jensenShannon(beta: 0.1), 2, 0.0172506610),
    (.jensenShannon(beta: 0.5), 1, 0.1415480206), (.jensenShannon(beta: 0.5), 2, 0.0467621151),
    (.jensenShannon(beta: 0.9), 1, 0.0567116676), (.jensenShannon(beta: 0.9), 2, 0.0172517588),
    (.totalVariation, 1, 0.4334727617), (.totalVariation, 2, 0.2544513810),
    (.skewKL(0.1), 1, 0.4620696917), (.skewKL(0.1), 2, 0.1531495178),
    (.skewReverseKL(0.1), 1, 0.4817807416), (.skewReverseKL(0.1), 2, 0.1533015772),
  ]
  static let slopes: [(Divergence.Kind, [Double])] = [
    (.forwardKL, [0.2858718102, 0.0325158217, 0.0796928628, -0.3980804946]),
    (.reverseKL, [0.0769481318, -0.0275733417, 0.0136274071, -0.0630021971]),
    (.jensenShannon(beta: 0.5), [0.0223745229, -0.0039261055, 0.0049666351, -0.0234150525]),
  ]

  /// Checks losses and gradients against the golden numbers on a device.
  static func goldenFailures(on device: any Device) throws -> [String] {
    var failures: [String] = []
    let feeds = inputs([student, teacher, labels])
    let (s, t, y) = (feeds[0].tensor, feeds[1].tensor, feeds[2].tensor)
    for (kind, temperature, expected) in means {
      let loss = Divergence.between(
        student: s, teacher: t, labels: y, kind, temperature: temperature)
      let mean = try evaluate([loss.sum()], feeds, on: device)[0].floats[0] / 8
      if abs(Double(mean) - expected) > 1e-6 {
        failures.append("\(kind) T=\(temperature): \(mean)")
      }
    }
    for (kind, expected) in slopes {
      let loss = Divergence.between(student: s, teacher: t, labels: y, kind, temperature: 1).sum()
      let slope = try evaluate(gradients(of: loss, withRespectTo: [s]), feeds, on: device)[0].floats
      for (got, wanted) in zip(slope, expected) where abs(Double(got) - wanted) > 1e-6 {
        failures.append("gradient of \(kind): \(got), not \(wanted)")
      }
    }
    let ce = try evaluate([s.crossEntropy(labels: y).sum()], feeds, on: device)[0].floats[0] / 8
    if abs(Double(ce) - 1.4755978389) > 1e-6 { failures.append("cross-entropy: \(ce)") }
    return failures
  }

  static let kinds: [Divergence.Kind] = [
    .forwardKL, .reverseKL, .jensenShannon(beta: 0.3), .skewKL(0.2), .skewReverseKL(0.1),
    .totalVariation,
  ]

  static let cases: [OpCase] = {
    var random = RandomData(seed: 81)
    return [(1, 1), (4, 9), (21, 257), (3, 5000)].flatMap { rows, columns -> [OpCase] in
      // With one class p = q = 1, where the total variation has a kink.
      kinds.filter { columns > 1 || $0 != .totalVariation }.flatMap { kind -> [OpCase] in
        let logits = [
          random.floats([rows, columns], -3...3), random.floats([rows, columns], -3...3),
        ]
        var labels = random.integers([rows], below: columns)
        if rows > 1 { labels = TensorData([rows], [-1] + labels.integers.dropFirst()) }
        let op = Divergence(kind: kind, temperature: 1.5)
        let sums = op.reference(logits + [labels])[1]
        return [
          OpCase(op, logits + [labels]),
          OpCase(
            DivergenceGradient(kind: kind, temperature: 1.5),
            logits + [labels, sums, random.floats([rows])]),
        ]
      }
    }
  }()

  @Test func referenceGivesTheGoldenNumbers() throws {
    let failures = try Self.goldenFailures(on: ReferenceDevice())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsGiveTheGoldenNumbers(target: Target) throws {
    let failures = try Self.goldenFailures(on: target.open())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test func isZeroForIdenticalDistributions() throws {
    let feeds = inputs([Self.student, Self.labels])
    let s = feeds[0].tensor
    for kind in Self.kinds {
      let loss = Divergence.between(
        student: s, teacher: s.detached(), labels: feeds[1].tensor, kind, temperature: 2)
      let slope = gradients(of: loss.sum(), withRespectTo: [s])[0]
      let got = try evaluate([loss, slope], feeds)
      #expect(got.allSatisfy { $0.floats.allSatisfy { abs($0) < 1e-6 } }, "\(kind)")
    }
  }

  @Test func halfAndHalfJSDDoesNotCareWhoTeaches() throws {
    let feeds = inputs([Self.student, Self.teacher, Self.labels])
    let (s, t, y) = (feeds[0].tensor, feeds[1].tensor, feeds[2].tensor)
    let kind = Divergence.Kind.jensenShannon(beta: 0.5)
    let got = try evaluate(
      [
        Divergence.between(student: s, teacher: t, labels: y, kind, temperature: 1),
        Divergence.between(student: t, teacher: s, labels: y, kind, temperature: 1),
      ], feeds)
    #expect(relativeError(got[0], got[1]) < 1e-5)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.op is Divergence && item.data[0].type.elementCount < 6000 {
      #expect(try gradientError(item, differentiable: [0]) < 4e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
