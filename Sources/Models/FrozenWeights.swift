// Weights that are read once and shared by all that a process trains and judges.
import Base
import Storage
import Tensors

/// Finished models on one device, which nobody trains: teachers above all. A model is read from its folder when it is first
/// asked for, in its file's own type, and lies in memory once, whatever number of stores share it.
public final class FrozenWeights {
  /// The store that others share.
  public let store: VariableStore
  /// By the name of a model: what its folder held when it was read.
  private var fingerprints: [String: String] = [:]

  /// No models yet, on a device.
  public init(on device: any Device) {
    store = VariableStore(on: device, seed: 0)
  }

  /// A store of a run's own, in which the models here are known, too.
  public func sharing(seed: UInt64) -> VariableStore {
    VariableStore(on: store.device, seed: seed, sharing: store)
  }

  /// Reads a model, whose variables are called after `name`, where it has not been read. Returns its folder's fingerprint.
  @discardableResult
  public func load(
    _ model: some PretrainedModel, from directory: ModelDirectory, as name: String
  ) throws -> String {
    if let known = fingerprints[name] { return known }
    let fingerprint = try directory.loadFrozen(model, into: store, prefix: name) ?? ""
    fingerprints[name] = fingerprint
    return fingerprint
  }
}
