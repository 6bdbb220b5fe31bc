// What stays on a device between runs.
import Base

/// The variables of a training run on one device: weights, moments, gradient sums. A checkpoint
/// is this store on disk.
public final class VariableStore {
  /// What a variable is for, as memory reports group them.
  public enum Role: String, Sendable, CaseIterable {
    /// What a model has learnt.
    case weights
    /// Weights that no graph assigns to. They may lie in 16 bits, as their file has them, or in fewer.
    case frozen = "frozen weights"
    /// Sums of micro-batches; what an optimizer keeps; keys and values of earlier tokens.
    case gradients, optimizer, caches
  }

  package struct Entry {
    package let name: String
    package let role: Role
    package let tensor: Tensor
    /// How it lies in the buffer: the tensor itself, or a variable of its shape in 16 bits or blocks.
    package let stored: Tensor
    package let buffer: any DeviceBuffer

    package var byteCount: Int { stored.type.byteCount }
  }

  /// Where the variables lie.
  public let device: any Device
  /// What initial values are drawn with.
  public let seed: UInt64
  /// The variables that were declared here, not those of a shared store.
  package private(set) var entries: [Entry] = []
  private var indexOfTensor: [ObjectIdentifier: Int] = [:]
  private var indexOfName: [String: Int] = [:]
  /// A store whose variables are known here, too.
  private let shared: VariableStore?
  private var additions: [ObjectIdentifier: (Tensor) -> Tensor] = [:]

  /// A store that also knows the variables of another one on the same device, which several stores may share.
  public init(on device: any Device, seed: UInt64, sharing shared: VariableStore? = nil) {
    demand(shared.map { $0.device === device } ?? true, "a shared store is on the same device")
    self.device = device
    self.seed = seed
    self.shared = shared
  }

  /// Gives a variable a name and its first value, `value` or what its initializer says. A variable that
  /// is here already stays as it is. Frozen weights lie in memory as `stored` says, a type of 16 bits or fewer, or float32.
  public func declare(
    _ name: String, _ tensor: Tensor, role: Role = .weights, stored elementType: ElementType? = nil,
    value: TensorData? = nil
  ) throws {
    guard entry(tensor) == nil else { return }
    guard case .variable(let initializer) = tensor.origin else {
      fatal("\(name) is not a variable")
    }
    demand(indexOfName[name] == nil, "two variables of a store are called \(name)")
    let elementType = elementType ?? tensor.type.elementType
    demand(
      elementType == tensor.type.elementType || role == .frozen && elementType.isCompact,
      "only frozen weights lie in 16 bits or fewer")
    let stored =
      elementType == tensor.type.elementType
      ? tensor : Tensor(TensorType(tensor.shape, elementType), tensor.origin)
    let (byteCount, limit) = (stored.type.byteCount, device.traits.maximumAllocationBytes)
    if byteCount > limit {
      throw MemoryError.variableTooLarge(
        name: name, byteCount: byteCount, limit: limit, device: device.name)
    }
    let buffer = try MemoryError.naming("\(role.rawValue): \(name)") {
      let buffer = try device.allocate(byteCount: byteCount)
      if device.keepsValues {
        let value = value ?? initializer.values(tensor.type, seed: seed, name: name)
        try buffer.write(value.type == stored.type ? value : value.stored(as: elementType))
      }
      return buffer
    }
    indexOfTensor[ObjectIdentifier(tensor)] = entries.count
    indexOfTensor[ObjectIdentifier(stored)] = entries.count
    indexOfName[name] = entries.count
    entries.append(
      Entry(name: name, role: role, tensor: tensor, stored: stored, buffer: buffer))
  }

  /// The entry of a variable, here or in the shared store; also that of the variable it is stored as.
  package func entry(_ tensor: Tensor) -> Entry? {
    indexOfTensor[ObjectIdentifier(tensor)].map { entries[$0] } ?? shared?.entry(tensor)
  }

  package func entry(named name: String) -> Entry? {
    indexOfName[name].map { entries[$0] } ?? shared?.entry(named: name)
  }

  /// Has every product x W or x W^T of a frozen matrix W get something that depends on x added to it: the matrix of an adapter
  /// that is kept apart from it.
  package func add(toProductsOf matrix: Tensor, _ addition: @escaping (Tensor) -> Tensor) {
    demand(entry(matrix)?.role == .frozen, "only frozen matrices are added to")
    additions[ObjectIdentifier(matrix)] = addition
  }

  private func addition(toProductsOf matrix: Tensor) -> ((Tensor) -> Tensor)? {
    additions[ObjectIdentifier(matrix)] ?? shared?.addition(toProductsOf: matrix)
  }

  private var hasAdditions: Bool { !additions.isEmpty || shared?.hasAdditions == true }

  /// A graph with what is added to products of frozen matrices.
  func withAdditions(_ graph: Graph) -> Graph {
    guard hasAdditions else { return graph }
    let values = graph.outputs + graph.assignments.map(\.value) + graph.forward
    let all = replacing(in: values) { application in
      guard application.op is MatMul, application.operands.count == 2,
        let addition = addition(toProductsOf: application.operands[1])
      else { return nil }
      return application.result(0) + addition(application.operands[0])
    }
    let rest = all.dropFirst(graph.outputs.count)
    return Graph(
      outputs: Array(all.prefix(graph.outputs.count)),
      assignments: zip(graph.assignments, rest).map { .init($0.variable, $1) },
      forward: Array(rest.dropFirst(graph.assignments.count)))
  }

  /// All variables that are known here.
  package var allEntries: [Entry] { entries + (shared?.allEntries ?? []) }

  /// The value of a variable now, as float32; waits for earlier runs. Traps for one that is not declared.
  public func value(of tensor: Tensor) throws -> TensorData {
    guard let entry = entry(tensor) else { fatal("the variable is not declared") }
    return try entry.value()
  }

  /// Bytes held for each role, those of the shared store among them.
  package func byteCounts() -> [Role: Int] {
    entries.reduce(into: shared?.byteCounts() ?? [:]) { $0[$1.role, default: 0] += $1.byteCount }
  }
}

extension VariableStore.Entry {
  /// The variable's value now, of its tensor's type.
  package func value() throws -> TensorData {
    let value = try buffer.read(as: stored.type)
    return stored === tensor ? value : value.stored(as: tensor.type.elementType)
  }
}
