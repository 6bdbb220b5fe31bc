// Losses of a head's logits, in chunks.
import Checks
import OpenCLBackend
import Testing

@testable import Tensors

@Suite struct LinearLossTests {
  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases + Self.cappedCases
    where !(item.op as! LinearLoss).givesGradients {
      #expect(try gradientError(item, differentiable: [0, 1]) < 4e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    // `DivergenceTests` show every formula on every device.
    let teachings =
      target.isInterpreter ? Self.firstOfEachTeacher : target.share(of: Self.teachings)
    let failures = try kernelFailures(
      Self.cases(of: teachings) + Self.cappedCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  /// Heads that nobody trains: alike, without the last result; also with weights in blocks, of both models.
  @Test(arguments: Target.all) func kernelsMatchForFrozenHeads(target: Target) throws {
    let trained = Self.cases(of: Self.firstOfEachTeacher).filter {
      ($0.op as! LinearLoss).givesGradients && $0.data[1].shape[0] > 30
    }
    let frozen = trained.map { item -> OpCase in
      OpCase(
        item.op.giving(first: item.op.resultTypes(item.data.map(\.type)).count - 1) as! LinearLoss,
        item.data)
    }
    for (whole, less) in zip(trained, frozen) {
      #expect(Array(whole.op.reference(whole.data).dropLast()) == less.op.reference(less.data))
    }
    let teaching = LinearLoss.Teaching(kind: .forwardKL, temperature: 2)
    var data = Self.data(
      teaching, rows: 40, vocabulary: 70, width: 64, teacherWidth: 32, weights: true)
    for operand in [1, 4] { data[operand] = data[operand].stored(as: .quantized(.q80)) }
    let op = LinearLoss(
      teaching: teaching, givesGradients: true, skipsWeight: true, classCount: 70)
    let failures = try kernelFailures(frozen + [OpCase(op, data)], on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    // The gradient of the logits is rounded too, on its way to the products.
    let failures = try narrowKernelFailures(
      Self.cases + Self.cappedCases, on: target, tolerance: 4e-3)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func manyRowsAreSeveralChunks(target: Target) throws {
    let teaching = LinearLoss.Teaching(kind: .forwardKL, temperature: 2)
    func op(_ classCount: Int) -> LinearLoss {
      LinearLoss(teaching: teaching, givesGradients: true, classCount: classCount)
    }
    let traits = target.traits
    // A vocabulary this large gets chunks of 512 rows ...
    let wide = [1024, 4096].map { rows in
      op(20_000).launches(
        [
          TensorType([rows, 8]), TensorType([20_000, 8]), TensorType([rows], .int32),
          TensorType([rows, 12]), TensorType([20_000, 12]), TensorType([rows]), TensorType([rows]),
        ], on: traits)
    }
    #expect(wide[0].calls.count { $0.function == "linear_loss" } == 2)
    // ... and its scratch memory does not grow with the rows.
    #expect(wide[0].scratch == wide[1].scratch)
    let data = Self.data(
      teaching, rows: 600, vocabulary: 16_500, width: 4, teacherWidth: 3, weights: true)
    #expect(
      op(16_500).launches(data.map(\.type), on: traits).calls.count { $0.function == "linear_loss" }
        == 2)
    #expect(try kernelError(OpCase(op(16_500), data), on: target.open()) < 1e-5)
  }

  /// The second chunk finds its rows of whatever a teacher gives, also in 16 bits.
  @Test(arguments: Target.all.filter { !$0.isInterpreter }) func everyTeacherHasSeveralChunks(
    target: Target
  ) throws {
    // On a small device a chunk of a large vocabulary has 128 rows.
    var traits = target.traits
    traits.memoryBytes = 1 << 30
    let device = try target.open(traits)
    func item(_ teaching: LinearLoss.Teaching?) -> OpCase {
      OpCase(
        LinearLoss(teaching: teaching, givesGradients: true, classCount: 33_000),
        Self.data(
          teaching, rows: 131, vocabulary: 33_000, width: 4, teacherWidth: 3, weights: true))
    }
    let (head, logits, list) = (
      item(Self.firstOfEachTeacher[1]), item(Self.firstOfEachTeacher[2]),
      item(Self.firstOfEachTeacher[3])
    )
    for item in [head, logits, list] {
      let calls = item.op.launches(item.data.map(\.type), on: traits).calls
      #expect(calls.count { $0.function.hasPrefix("linear_loss") } == 2)
    }
    // Of a list of 3 of 33,000 the rest is nearly 1, whose logarithm few digits are left for.
    let failures = try kernelFailures([logits, list], on: device, tolerance: 2e-4)
    #expect(failures.isEmpty, "\(failures)")
    let narrow = try kernelFailures([head], on: device, tolerance: 4e-3, storage: .bfloat16)
    #expect(narrow.isEmpty, "\(narrow)")
  }

  @Test(arguments: Target.all) func aLargeVocabularyFitsInto2GB(target: Target) throws {
    var traits = target.traits
    traits.memoryBytes = 2 << 30
    let device = try target.open(traits)
    /// Everything that a loss with gradients over a vocabulary of 151,936 takes: both heads, the student's
    /// gradient, hidden states, and what lies in between.
    func bytes(_ rows: Int) throws -> Int {
      func input(_ name: String, _ shape: Shape) -> Tensor { .input(name, TensorType(shape)) }
      let (x, w) = (input("x", [rows, 384]), input("w", [151_936, 384]))
      let (y, v) = (input("y", [rows, 896]), input("v", [151_936, 896]))
      let losses = LinearLoss.distillation(
        student: (x, Head(w)), teacher: .head(hidden: y, Head(v)),
        labels: .input("labels", TensorType([rows], .int32)), .forwardKL, temperature: 2)
      let loss = losses.crossEntropy.sum() + losses.divergence.sum()
      return try GraphExecutor.byteCount(
        of: Graph(outputs: [loss] + gradients(of: loss, withRespectTo: [x, w])), on: device)
    }
    let (few, many) = (try bytes(1024), try bytes(4096))
    #expect(many < 2 << 30, "\(many) bytes")
    // What grows are the hidden states, their gradient and a few numbers per row.
    #expect(many - few < 3072 * 4 * (2 * 384 + 896 + 64), "\(many - few) bytes more")
  }

  @Test func paddingCountsForNothing() throws {
    for teaching in Self.teachings {
      func results(_ padding: Int) -> [TensorData] {
        var data = Self.data(
          teaching, rows: 9, vocabulary: 33, width: 5, teacherWidth: 4, weights: true)
        // The same numbers, then rows that would change everything.
        for index in teaching?.source == .head ? [1, 4] : [1] where padding > 0 {
          let more = [Float](repeating: 50, count: padding * data[index].shape[1])
          data[index] = TensorData(
            [33 + padding, data[index].shape[1]], data[index].floats + more)
        }
        return LinearLoss(teaching: teaching, givesGradients: true, classCount: 33).reference(data)
      }
      let (plain, padded) = (results(0), results(7))
      for (a, b) in zip(plain.dropLast(), padded) { #expect(a == b) }
      let (dw, padding) = (padded[padded.count - 1].floats, 7 * 5)
      #expect(Array(dw.dropLast(padding)) == plain[plain.count - 1].floats)
      #expect(dw.suffix(padding).allSatisfy { $0 == 0 })
    }
  }

  @Test func aListOfAllClassesIsTheWholeDistribution() throws {
    for kind in [Divergence.Kind.forwardKL, .reverseKL, .jensenShannon(beta: 0.4), .totalVariation]
    {
      let whole = LinearLoss.Teaching(kind: kind, temperature: 2, source: .logits)
      let data = Self.data(whole, rows: 9, vocabulary: 21, width: 5, teacherWidth: 1, weights: true)
      let expected = LinearLoss(teaching: whole, givesGradients: true, classCount: 21)
        .reference(data)
      let listed = LinearLoss.Teaching(kind: kind, temperature: 2, source: .list(21))
      let got = LinearLoss(teaching: listed, givesGradients: true, classCount: 21).reference(
        Array(data[..<3]) + Self.list(data[3], 21, 2) + Array(data[4...]))
      for (a, b) in zip(got, expected) { #expect(relativeError(a, b) < 1e-4, "\(kind)") }
    }
  }

  @Test(arguments: Target.all) func listsGiveTheGoldenNumbers(target: Target) throws {
    let logits = DivergenceTests.student
    // With W = 1 the hidden states are the logits.
    let one = TensorData([4, 4], (0..<16).map { $0 % 5 == 0 ? Float(1) : 0 })
    for (kind, temperature, expected) in [
      (Divergence.Kind.forwardKL, Float(1), 0.4879519437), (.forwardKL, 2, 0.1400027219),
      (.reverseKL, 1, 0.4331171015), (.reverseKL, 2, 0.1235913527),
    ] {
      let teaching = LinearLoss.Teaching(kind: kind, temperature: temperature, source: .list(2))
      let op = LinearLoss(teaching: teaching, givesGradients: false, classCount: 4)
      let data =
        [logits, one, DivergenceTests.labels]
        + Self.list(DivergenceTests.teacher, 2, temperature)
      let feeds = inputs(data)
      for device in [ReferenceDevice() as any Device, try target.open()] {
        let loss = Application(op, feeds.map(\.tensor)).result(1)
        let mean = try evaluate([loss.sum()], feeds, on: device)[0].floats[0] / 8
        #expect(abs(Double(mean) - expected) < 1e-6, "\(kind), \(temperature): \(mean)")
      }
    }
  }

  @Test(arguments: Target.all) func theFloorOfTheReverseKLIsCounted(target: Target) throws {
    // The teacher gives two classes of one row nothing at all.
    let nothing = -Float.infinity
    let given = TensorData([2, 4], [0, 1, nothing, nothing, 0, 1, 2, -80])
    let data = [
      TensorData([2, 4], [0, 0, 0, -300, 0, 0, 0, 0] as [Float]),
      TensorData([4, 4], (0..<16).map { $0 % 5 == 0 ? Float(1) : 0 }),
      TensorData([2], [0, 1] as [Int32]), given, TensorData([2], [1, 1] as [Float]),
      TensorData([2], [1, 1] as [Float]),
    ]
    for kind in [Divergence.Kind.reverseKL, .forwardKL, .jensenShannon(beta: 0.5), .skewKL(0.1)] {
      let teaching = LinearLoss.Teaching(kind: kind, temperature: 1, source: .logits)
      let op = LinearLoss(teaching: teaching, givesGradients: true, classCount: 4)
      let expected = op.reference(data)
      #expect(expected.allSatisfy { $0.floats.allSatisfy(\.isFinite) }, "\(kind)")
      #expect(expected[3].floats == (kind == .reverseKL ? [2, 1] : [0, 0]))
      #expect(try kernelError(OpCase(op, data), on: target.open()) < 1e-5, "\(kind)")
    }
  }

  @Test func theGradientsComeFromTheSweepThatGivesTheLoss() throws {
    let data = Self.data(nil, rows: 9, vocabulary: 33, width: 5, teacherWidth: 1, weights: false)
    let feeds = inputs(data)
    let (x, weight) = (feeds[0].tensor, feeds[1].tensor)
    let scale = Tensor.input("scale", TensorType([]))
    let loss = LinearLoss.crossEntropy(hidden: x, head: Head(weight), labels: feeds[2].tensor).sum()
    let outputs = [loss] + gradients(of: loss * scale, withRespectTo: [x, weight])
    let graph = Graph(outputs: outputs).rewritten()
    let ops = graph.applications.compactMap { $0.op as? LinearLoss }
    #expect(ops.count == 1 && ops[0].givesGradients)
    let all = feeds + [(scale, TensorData(Float(0.5)))]
    let fused = try evaluate(outputs, all)
    let plain = try evaluate(outputs, all, options: .init(rewrites: false))
    for (a, b) in zip(fused, plain) { #expect(relativeError(a, b) < 1e-6) }
  }

  @Test(arguments: Target.all) func kernelsMatchForLabelsThatAreNoClass(target: Target) throws {
    let teachings: [LinearLoss.Teaching?] = [
      nil, .init(kind: .forwardKL, temperature: 2, source: .list(3)),
    ]
    let cases = teachings.flatMap { teaching in
      [false, true].map { gives -> OpCase in
        var data = Self.data(
          teaching, rows: 4, vocabulary: 21, width: 8, teacherWidth: 8, weights: gives)
        data[2] = TensorData([4], [3, 21, -1, Int32.max])
        return OpCase(LinearLoss(teaching: teaching, givesGradients: gives, classCount: 21), data)
      }
    }
    #expect(
      cases[0].op.reference(cases[0].data)[0].floats.map(\.isNaN) == [false, true, false, true])
    let failures = try strangeIdFailures(cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
