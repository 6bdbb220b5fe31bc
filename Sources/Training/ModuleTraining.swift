// The training of a model of one's own, from its initial weights or from those of another training.
import Base
import Layers
import Storage
import Tensors

extension Trainer {
  /// The training of a model in a store of its own.
  ///
  /// The model begins with its initial weights, which `options.seed` draws, or with those that the store `earlier` has of it.
  /// `validation` are rows by which the best weights are chosen. `shared` is a store of the same device whose variables the
  /// objective reads, such as a teacher's; it is not changed, and a checkpoint belongs to trainings that began with the same
  /// numbers in it. Throws where there are no rows, and where the plan does not fit the device; traps where options are no
  /// numbers to train with, or the model lies in `shared`.
  public convenience init(
    _ objective: any Objective, of model: some Module, data: any Dataset,
    validation: (any Dataset)? = nil, options: TrainingOptions = TrainingOptions(),
    from earlier: VariableStore? = nil, sharing shared: VariableStore? = nil,
    on device: any Device
  ) throws {
    let store = VariableStore(on: device, seed: options.seed, sharing: shared)
    var origins = Fingerprint()
    for (name, tensor) in model.parameters() {
      demand(
        shared?.entry(tensor) == nil,
        "the variable \(name) lies in the shared store, which a training does not change; to train a model further, give its "
          + "store as the one to begin from")
      let value = try earlier?.entry(tensor)?.value()
      value?.withUnsafeBytes { origins.add($0) }
      try store.declare(name, tensor, value: value)
    }
    origins.add(validation?.fingerprint ?? "")
    for entry in shared?.entries ?? [] where entry.role == .weights || entry.role == .frozen {
      try entry.value().withUnsafeBytes { origins.add($0) }
    }
    try self.init(
      objective, parameters: model.parameters(), data: data, validation: validation,
      options: options, origins: origins.description, store: store)
  }
}
