// Finds the fastest plans for products of matrices on a device.
import OpenCL
import Tensors

/// Times plans of products on one device. A plan that gives wrong numbers never wins.
package struct Tuner {
  /// What was found for one problem.
  package struct Finding: Codable, Sendable {
    package let problem: MatMulProblem
    package let plan: MatMulPlan
    package let seconds: Double
    /// The least time that the device's peaks allow, over the time it took.
    package let fractionOfPeak: Double
    /// Plans that were timed, and of those that were refused: they did not build or were wrong.
    package let tried: Int
    package let refused: Int
  }

  private let description: DeviceDescription
  private let traits: DeviceTraits
  private let peaks: DevicePeaks

  package init(_ description: DeviceDescription, traits: DeviceTraits? = nil) throws {
    self.description = description
    self.traits = traits ?? DeviceTraits(of: description)
    peaks = try OpenCLDevice(description, traits: traits).measurePeaks()
  }

  /// Times the likeliest plans; `isDeep` goes on from the best one to its neighbours until it is
  /// within 10 % of the device's peak or nothing gets better. nil where no plan works.
  package func find(_ problem: MatMulProblem, isDeep: Bool) throws -> Finding? {
    let bytes =
      4 * Double(problem.batch * (problem.m * problem.n))
      + 4 * Double(problem.batch * problem.k * (problem.m + problem.n))
    let bound = peaks.bound(flopCount: problem.flopCount, byteCount: bytes)
    var known: [MatMulPlan: Double?] = [:]
    func time(_ plan: MatMulPlan) throws {
      if known[plan] == nil { known[plan] = .some(try seconds(problem, plan)) }
    }
    func best() -> (plan: MatMulPlan, seconds: Double)? {
      known.compactMap { plan, seconds in seconds.map { (plan, $0) } }
        .min { ($0.1, "\($0.0)") < ($1.1, "\($1.0)") }
    }
    for plan in traits.matMulCandidates { try time(plan) }
    while isDeep, let leader = best(), bound / leader.seconds < 0.9 {
      for plan in leader.plan.neighbours where traits.allows(plan) { try time(plan) }
      if let now = best(), now.plan == leader.plan { break }
    }
    return best().map { leader in
      Finding(
        problem: problem, plan: leader.plan, seconds: leader.seconds,
        fractionOfPeak: bound / leader.seconds, tried: known.count,
        refused: known.values.count { $0 == nil })
    }
  }

  /// The least seconds of some runs; nil where the plan does not build or gives wrong numbers.
  private func seconds(_ problem: MatMulProblem, _ plan: MatMulPlan) throws -> Double? {
    // Sizes that fit no tile are checked in full, the real ones at some places.
    let odd = MatMulProblem(
      m: 45, n: 37, k: 83, batch: min(problem.batch, 2), transposeA: problem.transposeA,
      transposeB: problem.transposeB)
    do {
      guard try run(odd, plan, samples: .max, runs: 0) != nil else { return nil }
      return try run(problem, plan, samples: 64, runs: 5)
    } catch is OpenCLError { return nil }
  }

  /// Computes a product with a plan and compares `samples` of its elements with exact sums; nil
  /// where one is wrong, else the least seconds of `runs`.
  private func run(_ problem: MatMulProblem, _ plan: MatMulPlan, samples: Int, runs: Int) throws
    -> Double?
  {
    var traits = traits
    traits.tuning = Tuning([problem: plan])
    let device = try OpenCLDevice(description, traits: traits)
    let (m, n, k, batch) = (problem.m, problem.n, problem.k, problem.batch)
    func shape(_ rows: Int, _ columns: Int) -> TensorType {
      TensorType(Shape((batch > 1 ? [batch] : []) + [rows, columns]))
    }
    let a = Tensor.input("a", problem.transposeA ? shape(k, m) : shape(m, k))
    let b = Tensor.input("b", problem.transposeB ? shape(n, k) : shape(k, n))
    let c = a.matmul(b, transposeSelf: problem.transposeA, transposeOther: problem.transposeB)
    let executor = try GraphExecutor(Graph(outputs: [c]), on: VariableStore(on: device, seed: 1))
    let left = Initializer.normal(standardDeviation: 1).values(a.type, seed: 1, name: "a").floats
    let right = Initializer.normal(standardDeviation: 1).values(b.type, seed: 1, name: "b").floats
    try executor.set(a, to: TensorData(a.shape, left))
    try executor.set(b, to: TensorData(b.shape, right))
    try executor.run()
    let got = try executor.value(of: c).floats
    for sample in 0..<min(samples, got.count) {
      let place = samples >= got.count ? sample : sample &* 2_654_435_761 % got.count
      let (item, row, column) = (place / (m * n), place / n % m, place % n)
      var (exact, size) = (0.0, 0.0)
      for l in 0..<k {
        let x = left[item * m * k + (problem.transposeA ? l * m + row : row * k + l)]
        let y = right[item * n * k + (problem.transposeB ? column * k + l : l * n + column)]
        exact += Double(x) * Double(y)
        size += (Double(x) * Double(y)).magnitude
      }
      guard (Double(got[place]) - exact).magnitude <= 1e-5 * size else { return nil }
    }
    if runs == 0 { return 0 }
    return try (0..<runs).map { _ in
      let start = ContinuousClock.now
      try executor.run()
      try device.finish()
      return (ContinuousClock.now - start).seconds
    }.min()
  }
}
