// Takes a graph to a device once, then runs it many times.
import Base

/// A graph on a device: rewritten, placed in memory, its launches prepared. A run is one loop over
/// those launches; it allocates nothing.
public final class GraphExecutor {
  /// How a graph is prepared.
  public struct Options: Sendable {
    /// Whether the graph is rewritten first.
    public var rewrites = true
    /// Whether memory is filled with NaN as soon as its value is no longer needed: slow, and shows
    /// any use of a value after its end.
    public var poisonsFreedMemory = false
    /// How intermediate values are stored where kernels allow it: float32, or a type of 16 bits.
    public var storage = ElementType.float32
    /// How much of a forward pass is computed again in place of being kept.
    public var recomputation = Recomputation.none

    /// The defaults of each option.
    public init(
      rewrites: Bool = true, poisonsFreedMemory: Bool = false, storage: ElementType = .float32
    ) {
      self.rewrites = rewrites
      self.poisonsFreedMemory = poisonsFreedMemory
      self.storage = storage
    }
  }

  /// The graph as it runs, after rewriting.
  public let graph: Graph
  package let plan: MemoryPlan
  /// What of the forward pass is computed again; nil where every value is kept.
  package let recomputed: Recomputed?
  private let device: any Device
  private let launches: [any PreparedLaunch]
  /// For each launch, the application it belongs to; nil for a copy into a variable.
  private let applicationOfLaunch: [Int?]
  private let inputs: [Tensor.Identity: any DeviceBuffer]
  private let outputs: [Tensor.Identity: any DeviceBuffer]
  /// For each launch, the memory to poison after it.
  private let freed: [[any DeviceBuffer]]

  /// Prepares a graph whose variables are declared in `store`, on the store's device.
  ///
  /// Throws where memory does not suffice, telling by how much, and where a kernel does not build.
  public init(_ original: Graph, on store: VariableStore, options: Options = Options()) throws {
    let device = store.device
    let variables = store.byteCounts().values.reduce(0, +)
    let planned = try Self.planned(
      store.withAdditions(original), device, options, room: Self.room(on: device) - variables
    ) { variable in
      guard let entry = store.entry(variable), entry.stored !== variable else { return nil }
      return entry.stored
    }
    let (graph, assignment, plan) = (planned.graph, planned.assignment, planned.plan)
    let applications = graph.applications
    let scratchIndices = Set(assignment.scratch.joined())
    try Self.checkMemory(graph, plan, scratchIndices, store)

    // Buffers
    let chunks = try MemoryError.naming("activations and scratch") {
      let chunks = try plan.chunkByteCounts.map { try device.allocate(byteCount: $0) }
      try device.commit(chunks)
      return chunks
    }
    var regions: [any DeviceBuffer] = []
    for (interval, place) in zip(plan.intervals, plan.places) {
      let chunk = chunks[place.chunk]
      regions.append(
        device.traits.usesSubBuffers
          ? try chunk.region(offset: place.offset, byteCount: max(interval.byteCount, 1)) : chunk)
    }
    var leaves: [Tensor.Identity: any DeviceBuffer] = [:]
    var inputs: [Tensor.Identity: any DeviceBuffer] = [:]
    for leaf in graph.leaves {
      switch leaf.origin {
      case .variable:
        guard let entry = store.entry(leaf) else {
          fatal("a variable of \(leaf.type) is not declared in the store")
        }
        demand(
          entry.stored.type == leaf.type, "\(entry.name) lies in memory otherwise than it is read")
        leaves[leaf.identity] = entry.buffer
      case .input:
        let buffer = try MemoryError.naming("an input") {
          try device.allocate(byteCount: leaf.type.byteCount)
        }
        leaves[leaf.identity] = buffer
        inputs[leaf.identity] = buffer
      case .constant(let data):
        let buffer = try MemoryError.naming("a constant") {
          let buffer = try device.allocate(byteCount: leaf.type.byteCount)
          try buffer.write(data)
          return buffer
        }
        leaves[leaf.identity] = buffer
      case .result: fatal("a result is no leaf")
      }
    }
    func buffer(_ tensor: Tensor) -> any DeviceBuffer {
      switch assignment.storage[tensor.identity] {
      case .leaf(let identity)?:
        guard let buffer = leaves[identity] else { fatal("a leaf has no buffer") }
        return buffer
      case .planned(let index)?: return regions[index]
      case nil: fatal("a value has no storage")
      }
    }

    // Launches
    device.expect(applications.filter { !$0.op.isView })
    var launches: [any PreparedLaunch] = []
    var owners: [Int?] = []
    var freed: [[any DeviceBuffer]] = []
    for (step, application) in applications.enumerated() where !application.op.isView {
      let prepared = try device.prepare(
        application, operands: application.operands.map(buffer),
        results: application.results.map(buffer),
        scratch: assignment.scratch[step].map { regions[$0] })
      launches += prepared
      owners += prepared.map { _ in step }
      freed += prepared.map { _ in [] }
      if options.poisonsFreedMemory, !prepared.isEmpty {
        freed[freed.count - 1] = plan.intervals.indices
          .filter { plan.intervals[$0].last == step }.map { regions[$0] }
      }
    }
    for copy in assignment.copies {
      guard let target = store.entry(copy.variable), target.role != .frozen else {
        fatal("an assigned variable is not declared in the store, or frozen")
      }
      launches.append(try device.prepareCopy(from: buffer(copy.value), to: target.buffer))
      owners.append(nil)
      freed.append([])
    }
    self.device = device
    self.graph = graph
    self.plan = plan
    recomputed = planned.recomputed
    self.launches = launches
    applicationOfLaunch = owners
    self.freed = freed
    self.inputs = inputs
    outputs = Dictionary(
      zip(original.outputs.map(\.identity), graph.outputs.map(buffer)),
      uniquingKeysWith: { first, _ in first })
  }

  private struct Planned {
    let graph: Graph
    let assignment: StorageAssignment
    let plan: MemoryPlan
    var recomputed: Recomputed?
  }

  /// What values and variables may take of a device: graphs beside this one, such as that of validation, need some, too.
  private static func room(on device: any Device) -> Int {
    let bytes = (device as? PlanningDevice)?.memoryBytes ?? device.traits.memoryBytes
    return bytes - bytes / 16
  }

  /// The graph as it runs on a device, and where its values lie. `stored` gives the variables of 16 bits or blocks that variables lie
  /// in memory as; `room` is what they leave for values.
  private static func planned(
    _ original: Graph, _ device: any Device, _ options: Options, room: Int,
    _ stored: (Tensor) -> Tensor? = { _ in nil }
  ) throws -> Planned {
    let rewritten = options.rewrites ? original.rewritten() : original
    let type = options.storage.isNarrow ? options.storage : nil
    let needsTypes =
      type != nil || rewritten.leaves.contains { $0.isVariable && stored($0) != nil }
    let whole = needsTypes ? rewritten.storingNarrowly(as: type, stored) : rewritten
    guard options.recomputation != .none else { return try placed(whole, device) }
    let again = whole.recomputationPlan()
    func planned(_ level: Int) throws -> Planned {
      var planned = try placed(whole.recomputing(again, level: level), device)
      planned.recomputed = again.recomputed(level, of: whole, in: planned.graph)
      return planned
    }
    switch options.recomputation {
    case .none: return try planned(0)
    case .all: return try planned(again.levels.upperBound)
    case .parts(let count): return try planned(again.level(ofParts: count))
    case .auto:
      let leaves = whole.leaves.filter { !$0.isVariable }.reduce(0) { $0 + $1.type.byteCount }
      func fits(_ planned: Planned) -> Bool { planned.plan.peak + leaves <= room }
      let all = try? planned(0)
      if let all, fits(all) { return all }
      // The least level that fits, or the last one.
      var (low, high) = (again.levels.lowerBound, again.levels.upperBound)
      var best = try planned(high)
      while low + 1 < high {
        let middle = (low + high) / 2
        if let found = try? planned(middle), fits(found) {
          (high, best) = (middle, found)
        } else {
          low = middle
        }
      }
      return best
    }
  }

  /// Where the values of a graph lie.
  private static func placed(_ graph: Graph, _ device: any Device) throws -> Planned {
    let assignment = StorageAssignment(
      graph,
      scratchByteCounts: graph.applications.map { $0.op.isView ? [] : device.scratch(for: $0) })
    let traits = device.traits
    if let largest = assignment.intervals.map(\.byteCount).max(),
      largest > traits.maximumAllocationBytes - traits.alignmentBytes
    {
      throw MemoryError.valueTooLarge(
        byteCount: largest, limit: traits.maximumAllocationBytes, device: device.name)
    }
    let plan = MemoryPlan(
      assignment.intervals, alignment: traits.alignmentBytes,
      chunkLimit: traits.maximumAllocationBytes / traits.alignmentBytes * traits.alignmentBytes,
      usesSubBuffers: traits.usesSubBuffers)
    return Planned(graph: graph, assignment: assignment, plan: plan)
  }

  /// The bytes that a graph would take on a device besides its variables: inputs, constants, and the
  /// peak of everything in between. Nothing is allocated.
  package static func byteCount(
    of graph: Graph, on device: any Device, options: Options = Options()
  ) throws -> Int {
    let planned = try planned(graph, device, options, room: room(on: device))
    return planned.plan.peak
      + planned.graph.leaves.filter { !$0.isVariable }.reduce(0) { $0 + $1.type.byteCount }
  }

  private static func checkMemory(
    _ graph: Graph, _ plan: MemoryPlan, _ scratch: Set<Int>, _ store: VariableStore
  ) throws {
    let leaves = graph.leaves.filter { !$0.isVariable }.map(\.type.byteCount).reduce(0, +)
    let variables = store.byteCounts()
    let total = variables.values.reduce(0, +) + leaves + plan.peak
    guard total > store.device.traits.memoryBytes else { return }
    let scratchBytes = scratch.map { plan.intervals[$0].byteCount }.max() ?? 0
    throw MemoryError.planTooLarge(
      byteCount: total, limit: store.device.traits.memoryBytes, device: store.device.name,
      classes: VariableStore.Role.allCases.map { ($0.rawValue, variables[$0] ?? 0) }
        + [
          ("inputs and constants", leaves), ("activations", plan.peak - scratchBytes),
          ("scratch", scratchBytes),
        ])
  }

  /// Gives an input its value for the runs to come; one that the graph does not read is ignored.
  /// Traps for data of another type.
  public func set(_ input: Tensor, to data: TensorData) throws {
    demand(data.type == input.type, "input of \(input.type) cannot take \(data.type)")
    try inputs[input.identity]?.write(data)
  }

  /// Starts all launches in order. With `onLaunch` each is waited for, and told of: in a first run, when drivers compile
  /// kernels, that shows how far they are.
  public func run(onLaunch: ((_ done: Int, _ total: Int) throws -> Void)? = nil) throws {
    let launches = launches
    for (index, launch) in launches.enumerated() {
      try launch.run()
      if let onLaunch {
        try device.finish()
        try onLaunch(index + 1, launches.count)
      }
      for buffer in freed[index] {
        let count = buffer.byteCount / 4
        try buffer.write(TensorData([count], [Float](repeating: .nan, count: count)))
      }
    }
  }

  /// The value that an output had after the latest run; waits for it.
  public func value(of output: Tensor) throws -> TensorData {
    guard let buffer = outputs[output.identity] else {
      fatal("the tensor is no output of the graph")
    }
    return try buffer.read(as: output.type)
  }

  /// Runs once with every launch timed; needs a device that profiles.
  package func profiledRun() throws -> Profile {
    var profile = Profile(graph)
    let pending = try launches.map { try $0.timedRun() }
    for (index, interval) in pending.enumerated() {
      let (start, end) = try interval()
      profile.record(
        launches[index].name, application: applicationOfLaunch[index], start: start, end: end)
    }
    return profile
  }

  package var launchCount: Int { launches.count }
}
