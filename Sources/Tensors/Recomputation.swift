// Values that the backward pass computes again, in place of keeping them.
import Base

/// How much of a forward pass is computed again for the backward pass (Chen et al., arXiv 1604.06174).
///
/// The forward pass is cut into parts where one value alone goes on, as between the blocks of a transformer. What was in a part
/// that is computed again is made anew from the value before it, by the same kernels, when the backward pass comes there: the same bits, less
/// memory, more arithmetic.
public enum Recomputation: Sendable, Hashable {
  /// Every value is kept.
  case none
  /// As little as fits the device: first what takes no products, then whole parts.
  case auto
  /// All parts but the last, whose values are needed at once.
  case all
  /// So many parts, the first ones: their values are needed last.
  case parts(Int)
}

/// What of a forward pass is computed again.
package struct Recomputed: Sendable, CustomStringConvertible {
  /// Parts that are made again whole, and others of which what takes no products is.
  let whole, cheap: Int
  /// The parts of the forward pass, that behind the last one excepted.
  let count: Int
  /// Floating-point operations, as a multiple of those without.
  package let arithmetic: Double

  package var description: String {
    let parts = [
      whole > 0 ? "\(whole) of \(counted(count, "block"))" : nil,
      cheap > 0
        ? "all but the products in \(whole > 0 ? "\(cheap) others" : "\(cheap) of \(counted(count, "block"))")"
        : nil,
    ].compactMap { $0 }
    return
      "\(parts.joined(separator: " and ")) of the forward pass computed again (\(fixed(arithmetic, 2)) times the arithmetic)"
  }
}

extension Graph {
  /// What of a graph is computed again.
  struct RecomputationPlan {
    fileprivate var partCount = 0
    /// The part of each application of the forward pass that may be computed again.
    fileprivate var partOf: [ObjectIdentifier: Int] = [:]
    /// Values that go on from part to part, which are kept.
    fileprivate var kept: Set<Tensor.Identity> = []
    fileprivate var forward: Set<ObjectIdentifier> = []

    /// How far it can go: 0 is nothing, `parts` are the first parts without their products, and so on up to all parts.
    var levels: ClosedRange<Int> { 0...2 * partCount }
    /// What a level comes to; nil for 0.
    func recomputed(_ level: Int, of whole: Graph, in graph: Graph) -> Recomputed? {
      guard level > 0 else { return nil }
      func flops(_ graph: Graph) -> Double { graph.applications.reduce(0) { $0 + $1.flopCount } }
      let first = max(0, level - partCount)
      return Recomputed(
        whole: first, cheap: min(level, partCount) - first, count: partCount,
        arithmetic: flops(graph) / max(1, flops(whole)))
    }

    /// The level at which so many parts are computed again.
    func level(ofParts count: Int) -> Int { count == 0 ? 0 : partCount + min(count, partCount) }
  }

  /// The parts of the forward pass, which is what `forward` needs.
  func recomputationPlan() -> RecomputationPlan {
    var plan = RecomputationPlan()
    guard !forward.isEmpty else { return plan }
    plan.forward = Self.ancestors(of: forward)
    let order = applications.filter { plan.forward.contains(ObjectIdentifier($0)) }
    let cuts = Self.cuts(order)
    guard cuts.count > 1 else { return plan }
    // What is before the first cut and behind the last is kept.
    for (first, last) in zip(cuts, cuts.dropFirst()) {
      for application in order[(first + 1)...last] {
        plan.partOf[ObjectIdentifier(application)] = plan.partCount
      }
      plan.partCount += 1
    }
    // A value that a later part reads is not made again.
    for application in order {
      let reader = plan.partOf[ObjectIdentifier(application)]
      for operand in application.operands {
        guard case .result(let producer, _) = operand.origin,
          let part = plan.partOf[ObjectIdentifier(producer)], part != reader
        else { continue }
        plan.kept.insert(operand.identity)
      }
    }
    plan.kept.formUnion((outputs + assignments.map(\.value)).map(\.identity))
    return plan
  }

  /// What goes on from a part is at most so many times the least, and no less than the least by as much.
  private static let width = 1.25
  /// What lives for more than this share of a forward pass is read by all layers, as tables of angles are, and does not count.
  private static let longLife = 0.6

  /// Places in the order of a forward pass where as little goes on as anywhere between its first and its last product.
  private static func cuts(_ order: [Application]) -> [Int] {
    var last: [Tensor.Identity: Int] = [:]
    for (index, application) in order.enumerated().reversed() {
      var use = index
      if application.op.isView { use = max(index, last[application.result(0).identity] ?? index) }
      for operand in application.operands {
        last[operand.identity] = max(last[operand.identity] ?? -1, use)
      }
    }
    // Copies of weights in 16 bits, and tables, do not follow from what is read.
    var ofInputs: Set<Tensor.Identity> = []
    for application in order {
      let follows = application.operands.contains { operand in
        if case .input = operand.origin { return true }
        return ofInputs.contains(operand.identity)
      }
      if follows { ofInputs.formUnion(application.results.map(\.identity)) }
    }
    var change = [Int](repeating: 0, count: order.count + 1)
    for (index, application) in order.enumerated() where !application.op.isView {
      for result in application.results {
        guard let end = last[result.identity], end > index, ofInputs.contains(result.identity),
          Double(end - index) <= longLife * Double(order.count)
        else { continue }
        // Numbers and not bytes: of what goes on some lies in 16 bits and some in 32.
        change[index] += result.type.elementCount
        change[end] -= result.type.elementCount
      }
    }
    var live = 0
    let alive = order.indices.map { index -> Int in
      live += change[index]
      return live
    }
    // Before the first product there may be tables alone, behind the last one sums.
    guard let first = order.firstIndex(where: { $0.flopCount > 0 }),
      let end = order.lastIndex(where: { $0.flopCount > 0 }),
      let least = alive[first..<end].filter({ $0 > 0 }).min()
    else { return [] }
    let narrow = Double(least) / width...Double(least) * width
    var cuts: [Int] = []
    for index in order.indices where narrow.contains(Double(alive[index])) {
      // Of places without a product in between the last one.
      if let before = cuts.last, order[(before + 1)...index].allSatisfy({ $0.flopCount == 0 }) {
        cuts[cuts.count - 1] = index
      } else {
        cuts.append(index)
      }
    }
    return cuts
  }

  /// The same computation in which the values of some parts are made again where the backward pass first reads them.
  func recomputing(_ plan: RecomputationPlan, level: Int) -> Graph {
    guard level > 0 else { return self }
    let count = plan.partCount
    /// Whether the value of an application is made again.
    func isMadeAgain(_ application: Application) -> Bool {
      guard let part = plan.partOf[ObjectIdentifier(application)] else { return false }
      if part < level - count { return true }
      return application.flopCount == 0 && part < level
    }
    func isMadeAgain(_ tensor: Tensor) -> Bool {
      guard case .result(let application, _) = tensor.origin else { return false }
      return plan.forward.contains(ObjectIdentifier(application))
        && !plan.kept.contains(tensor.identity) && isMadeAgain(application)
    }
    var replacement: [Tensor.Identity: Tensor] = [:]
    var order: [Application] = []
    /// Applications of the backward pass that read what is made again and nothing of the pass itself, such as views: they wait until
    /// somebody reads them.
    var waiting: Set<ObjectIdentifier> = []
    let results = Set((outputs + assignments.map(\.value)).map(\.identity))
    func mayWait(_ application: Application) -> Bool {
      var readsAgain = false
      for operand in application.operands {
        guard case .result(let producer, _) = operand.origin else { continue }
        let isWaiting = waiting.contains(ObjectIdentifier(producer))
        guard isWaiting || plan.forward.contains(ObjectIdentifier(producer)) else { return false }
        readsAgain = readsAgain || isWaiting || isMadeAgain(operand)
      }
      return readsAgain && !application.results.contains { results.contains($0.identity) }
    }
    /// Puts an application into the order, as the backward pass reads its operands.
    func place(_ application: Application) {
      let operands = application.operands.map(late)
      let isSame = zip(operands, application.operands).allSatisfy { $0.identity == $1.identity }
      let isForward = plan.forward.contains(ObjectIdentifier(application))
      let new =
        isSame && !isForward
        ? application
        : Application(
          application.op, operands, storage: application.resultTypes.map(\.elementType))
      for (from, to) in zip(application.results, new.results) { replacement[from.identity] = to }
      order.append(new)
    }
    /// The value as the backward pass reads it.
    func late(_ tensor: Tensor) -> Tensor {
      guard case .result(let application, _) = tensor.origin else { return tensor }
      if replacement[tensor.identity] == nil,
        waiting.contains(ObjectIdentifier(application)) || isMadeAgain(tensor)
      {
        place(application)
      }
      return replacement[tensor.identity] ?? tensor
    }
    for application in applications {
      if plan.forward.contains(ObjectIdentifier(application)) {
        order.append(application)
      } else if mayWait(application) {
        waiting.insert(ObjectIdentifier(application))
      } else {
        place(application)
      }
    }
    func replaced(_ tensor: Tensor) -> Tensor { replacement[tensor.identity] ?? tensor }
    return Graph(
      outputs: outputs.map(replaced),
      assignments: assignments.map { Assignment($0.variable, replaced($0.value)) },
      forward: forward, order: order)
  }
}
