// What stays on a device between runs.
import Base

/// The variables of a training run on one device: weights, moments, gradient sums. A checkpoint
/// is this store on disk.
public final class VariableStore {
  /// What a variable is for, as memory reports group them.
  public enum Role: String, Sendable, CaseIterable { case weights, gradients, optimizer, caches }

  public struct Entry {
    public let name: String
    public let role: Role
    public let tensor: Tensor
    public let buffer: any DeviceBuffer
  }

  public let device: any Device
  public let seed: UInt64
  public private(set) var entries: [Entry] = []
  private var indexOfTensor: [ObjectIdentifier: Int] = [:]
  private var indexOfName: [String: Int] = [:]

  public init(on device: any Device, seed: UInt64) {
    self.device = device
    self.seed = seed
  }

  /// Gives a variable a name and its first value, `value` or what its initializer says. A variable that
  /// is here already stays as it is.
  public func declare(
    _ name: String, _ tensor: Tensor, role: Role = .weights, value: TensorData? = nil
  ) throws {
    guard indexOfTensor[ObjectIdentifier(tensor)] == nil else { return }
    guard case .variable(let initializer) = tensor.origin else {
      fatal("\(name) is not a variable")
    }
    demand(indexOfName[name] == nil, "two variables are called \(name)")
    let (byteCount, limit) = (tensor.type.byteCount, device.traits.maximumAllocationBytes)
    if byteCount > limit {
      throw MemoryError.variableTooLarge(
        name: name, byteCount: byteCount, limit: limit, device: device.name)
    }
    let buffer = try MemoryError.naming("\(role.rawValue): \(name)") {
      let buffer = try device.allocate(byteCount: byteCount)
      if device.keepsValues {
        try buffer.write(value ?? initializer.values(tensor.type, seed: seed, name: name))
      }
      return buffer
    }
    indexOfTensor[ObjectIdentifier(tensor)] = entries.count
    indexOfName[name] = entries.count
    entries.append(Entry(name: name, role: role, tensor: tensor, buffer: buffer))
  }

  public func entry(_ tensor: Tensor) -> Entry? {
    indexOfTensor[ObjectIdentifier(tensor)].map { entries[$0] }
  }

  public func entry(named name: String) -> Entry? { indexOfName[name].map { entries[$0] } }

  /// The value of a variable now; waits for earlier runs. Traps for one that is not declared.
  public func value(of tensor: Tensor) throws -> TensorData {
    guard let entry = entry(tensor) else { fatal("the variable is not declared") }
    return try entry.buffer.read(as: tensor.type)
  }

  /// Bytes held for each role.
  public func byteCounts() -> [Role: Int] {
    entries.reduce(into: [:]) { $0[$1.role, default: 0] += $1.tensor.type.byteCount }
  }
}
