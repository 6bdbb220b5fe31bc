// Running graphs: variables, assignments, memory, errors.
import Checks
import Testing

@testable import Tensors

@Suite struct ExecutorTests {
  @Test func anAssignmentLastsUntilTheNextRun() throws {
    let counter = Tensor.variable([2], .zeros)
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try store.declare("counter", counter)
    let executor = try GraphExecutor(
      Graph(outputs: [counter], assignments: [.init(counter, counter + 1)]), on: store)
    for _ in 0..<3 { try executor.run() }
    #expect(try store.value(of: counter).floats == [3, 3])
  }

  @Test func aRunTellsOfEveryLaunch() throws {
    let x = Tensor.input("x", TensorType([4, 4]))
    let executor = try GraphExecutor(
      Graph(outputs: [x.matmul(x).sum(), x.sum()]),
      on: VariableStore(on: ReferenceDevice(), seed: 1))
    try executor.set(x, to: TensorData([4, 4], [Float](repeating: 1, count: 16)))
    var told: [Int] = []
    try executor.run { done, total in
      #expect(total == executor.launchCount)
      told.append(done)
    }
    #expect(told == Array(1...executor.launchCount) && told.count > 2)
  }

  @Test(arguments: Target.all) func updatesInPlaceGiveTheSameAsCopies(target: Target) throws {
    func run(_ device: any Device, rewrites: Bool) throws -> [TensorData] {
      let store = VariableStore(on: device, seed: 4)
      let (a, b) = (
        Tensor.variable([5, 16], .normal(standardDeviation: 1)), Tensor.variable([16], .ones)
      )
      try store.declare("a", a)
      try store.declare("b", b)
      // b's new value needs a's old one, and a's needs b's old one.
      let graph = Graph(
        outputs: [a.sum()], assignments: [.init(a, a * b + 0.5), .init(b, b + a.sum(axis: 0))])
      let executor = try GraphExecutor(graph, on: store, options: .init(rewrites: rewrites))
      for _ in 0..<3 { try executor.run() }
      return [try store.value(of: a), try store.value(of: b)]
    }
    let expected = try run(ReferenceDevice(), rewrites: false)
    let got = try run(target.open(), rewrites: true)
    for (x, y) in zip(got, expected) { #expect(relativeError(x, y) < 1e-5) }
  }

  @Test func anOldValueIsCopiedBeforeItChanges() throws {
    let (now, before) = (Tensor.variable([2], .ones), Tensor.variable([2], .zeros))
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try store.declare("now", now)
    try store.declare("before", before)
    let graph = Graph(
      outputs: [], assignments: [.init(now, now + 1), .init(before, now)])
    let executor = try GraphExecutor(graph, on: store)
    for _ in 0..<3 { try executor.run() }
    #expect(try store.value(of: now).floats == [4, 4])
    #expect(try store.value(of: before).floats == [3, 3])
  }

  @Test(arguments: [1, 2, 3, 17, 100, 1025]) func permutationsTakeEveryPlaceOnce(count: Int) {
    for stream in 0..<3 as Range<UInt32> {
      let places = (0..<count).map { Philox.permuted($0, of: count, seed: 9, stream: stream) }
      #expect(places.sorted() == Array(0..<count))
      #expect(count < 17 || places != Array(0..<count))
    }
  }

  /// The example of the README, word for word.
  @Test func theExampleLearns() throws {
    let x = Tensor.input("x", TensorType([8, 4]))
    let w = Tensor.variable([4, 1], .normal(standardDeviation: 0.1))
    let error = x.matmul(w).tanh() - 0.5
    let loss = (error * error).sum()
    let slope = gradients(of: loss, withRespectTo: [w])[0]

    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try store.declare("w", w)
    let step = try GraphExecutor(
      Graph(outputs: [loss], assignments: [.init(w, w - 0.1 * slope)]), on: store)
    try step.set(x, to: TensorData([8, 4], (0..<32).map { Float($0 % 5) / 4 }))
    for _ in 0..<50 { try step.run() }
    let last = try step.value(of: loss).floats[0]

    #expect(last < 0.05)
    #expect(step.graph.description.contains("MatMul NN (@x"))
  }

  @Test func initialValuesDependOnNameAndSeedAlone() {
    let type = TensorType([100])
    func values(_ seed: UInt64, _ name: String) -> TensorData {
      Initializer.normal(standardDeviation: 2).values(type, seed: seed, name: name)
    }
    #expect(values(1, "a") == values(1, "a"))
    #expect(values(1, "a") != values(2, "a"))
    #expect(values(1, "a") != values(1, "b"))
    let many = Initializer.normal(standardDeviation: 2)
      .values(TensorType([20_000]), seed: 3, name: "w").floats
    let variance = many.reduce(0) { $0 + $1 * $1 } / 20_000
    #expect(abs(variance - 4) < 0.15)
  }

  @Test func aPlanLargerThanTheDeviceSaysByHowMuch() throws {
    let x = Tensor.input("x", TensorType([1024, 1024]))
    let store = VariableStore(on: ReferenceDevice(memoryBytes: 6 << 20), seed: 1)
    do {
      _ = try GraphExecutor(Graph(outputs: [x.softmax()]), on: store)
      Issue.record("the plan was accepted")
    } catch let error as MemoryError {
      let text = error.description
      #expect(text.contains("needs 8 MiB") && text.contains("2 MiB too much"), "\(text)")
      #expect(text.contains("activations 4 MiB"), "\(text)")
    }
  }

  @Test func shapesThatDoNotFitAreNamed() async {
    await #expect(processExitsWith: .failure) {
      let a = Tensor.input("a", TensorType([2, 3]))
      _ = a.matmul(Tensor.input("b", TensorType([4, 5])))
    }
  }

  @Test func printedGraphsHaveOneLinePerApplication() {
    let x = Tensor.input("x", TensorType([2, 4]))
    let text = Graph(outputs: [x.softmax().sum()]).description
    #expect(
      text == """
        %0: float32[2, 4] = Softmax(isLogarithm: false) (@x)
        %1: float32[] = Reduce(kind: Tensors.Reduce.Kind.sum, outer: 1, inner: 1, shape: []) (%0)
        return %1
        """)
  }
}
