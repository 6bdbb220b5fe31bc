// Which memory each value of a graph lives in.
import Base

/// Gives every value of a graph a storage: a buffer that outlives the run, or an interval of the
/// memory plan. Views share their operand's storage, and results that may overwrite an operand
/// that nobody needs any more take its place.
struct StorageAssignment {
  enum Storage: Hashable {
    /// A variable, input or constant: it has a buffer of its own.
    case leaf(Tensor.Identity)
    /// An index into `intervals`.
    case planned(Int)
  }

  private(set) var storage: [Tensor.Identity: Storage] = [:]
  private(set) var intervals: [MemoryPlan.Interval] = []
  /// For each application, the intervals of its scratch memory.
  private(set) var scratch: [[Int]] = []
  /// Assignments whose value is not computed in the variable's own memory.
  private(set) var copies: [Graph.Assignment] = []

  init(_ graph: Graph, scratchByteCounts: [[Int]]) {
    for leaf in graph.leaves { storage[leaf.identity] = .leaf(leaf.identity) }
    let lastUse = Self.lastUses(graph)
    let inPlace = Self.assignmentsInPlace(graph, lastUse)
    for (step, application) in graph.applications.enumerated() {
      for (index, result) in application.results.enumerated() {
        let last = lastUse[result.identity] ?? step
        if application.op.isView {
          storage[result.identity] = storage[application.operands[0].identity]
        } else if let variable = inPlace[result.identity] {
          storage[result.identity] = .leaf(variable)
        } else if let reused = reusable(application, index, step) {
          storage[result.identity] = .planned(reused)
          intervals[reused].last = last
        } else {
          storage[result.identity] = .planned(intervals.count)
          intervals.append(
            .init(byteCount: result.type.byteCount, first: step, last: last))
        }
      }
      scratch.append(
        scratchByteCounts[step].map { bytes in
          intervals.append(.init(byteCount: bytes, first: step, last: step))
          return intervals.count - 1
        })
    }
    // Old values of other variables are copied before those variables change.
    let needed = graph.assignments.filter {
      storage[$0.value.identity] != .leaf($0.variable.identity)
    }
    func readsVariable(_ assignment: Graph.Assignment) -> Bool {
      if case .leaf? = storage[assignment.value.identity] { true } else { false }
    }
    let moves = needed.filter(readsVariable)
    demand(
      moves.allSatisfy { move in
        !moves.contains { storage[move.value.identity] == .leaf($0.variable.identity) }
      }, "variables cannot be assigned each other's old values in one run; assign a computed value")
    copies = moves + needed.filter { !readsVariable($0) }
  }

  /// The last step that reads each result, a view's uses being uses of what it views.
  private static func lastUses(_ graph: Graph) -> [Tensor.Identity: Int] {
    var last: [Tensor.Identity: Int] = [:]
    for value in graph.outputs + graph.assignments.map(\.value) {
      last[value.identity] = graph.applications.count
    }
    for (step, application) in graph.applications.enumerated().reversed() {
      var use = step
      if application.op.isView {
        use = max(step, last[application.result(0).identity] ?? step)
      }
      for operand in application.operands {
        last[operand.identity] = max(last[operand.identity] ?? -1, use)
      }
    }
    return last
  }

  /// Results that can be computed in the memory of the variable they are assigned to, because
  /// nothing reads the variable's old value later.
  private static func assignmentsInPlace(_ graph: Graph, _ lastUse: [Tensor.Identity: Int])
    -> [Tensor.Identity: Tensor.Identity]
  {
    var step: [ObjectIdentifier: Int] = [:]
    for (index, application) in graph.applications.enumerated() {
      step[ObjectIdentifier(application)] = index
    }
    let kept = Set(graph.outputs.map(\.identity))
    var inPlace: [Tensor.Identity: Tensor.Identity] = [:]
    for assignment in graph.assignments {
      guard case .result(let application, let result) = assignment.value.origin,
        let made = step[ObjectIdentifier(application)],
        let operand = application.operands.firstIndex(where: { $0 === assignment.variable }),
        application.operands.filter({ $0 === assignment.variable }).count == 1,
        application.mayOverwrite(operand: operand, with: result),
        lastUse[assignment.variable.identity] == made,
        !kept.contains(assignment.variable.identity),
        inPlace[assignment.value.identity] == nil
      else { continue }
      inPlace[assignment.value.identity] = assignment.variable.identity
    }
    return inPlace
  }

  /// An operand's interval that ends here and that this result may overwrite.
  private func reusable(_ application: Application, _ result: Int, _ step: Int) -> Int? {
    let mine = application.operands.map { storage[$0.identity] }
    let taken = application.results[..<result].map { storage[$0.identity] }
    for (index, operand) in application.operands.enumerated() {
      guard case .planned(let interval)? = mine[index],
        intervals[interval].last == step,
        intervals[interval].byteCount == application.resultTypes[result].byteCount,
        operand.type.byteCount == application.resultTypes[result].byteCount,
        application.mayOverwrite(operand: index, with: result),
        mine.filter({ $0 == .planned(interval) }).count == 1,
        !taken.contains(.planned(interval))
      else { continue }
      return interval
    }
    return nil
  }
}
