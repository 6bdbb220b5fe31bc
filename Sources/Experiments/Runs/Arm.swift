// One model of a run: made or loaded.
import Base
import Foundation
import Models
import Storage
import Tensors
import Training

/// A model of a run, with the name under which the run knows it: "teacher", "student", "control"; with several seeds also
/// "student-2" and so on.
public struct Arm {
  /// What a model is before it is trained.
  private enum Origin {
    case new
    case folder(ModelDirectory)
    case reduction(Reduction)
  }

  /// "teacher", "student", "control" and so on: also the name of the folder that its finished weights lie in.
  public let name: String
  /// The layers; their numbers are in the store of whoever trains or judges them.
  public let model: any PretrainedModel
  /// Where its finished weights are, or will be.
  package private(set) var directory: ModelDirectory
  private var origin: Origin
  /// Whether the run trains it; a finished model of a folder is only read.
  package let isTrained: Bool
  /// Whether the weights before training are random, whatever the origin's are.
  package var beginsRandom = false
  private var additions: Adapter?

  /// The additions that are trained in place of the weights; nil where these are.
  package var adapter: Adapter? { beginsRandom ? nil : additions }

  /// A finished model in a folder, which nobody trains: most often a teacher. Throws where the folder holds no model of a
  /// family that Retort has.
  public init(_ name: String, finished path: String, storage: FrozenStorage = .file) throws {
    self.name = name
    directory = ModelDirectory(URL(fileURLWithPath: path), storage: storage)
    model = try directory.model()
    origin = .folder(directory)
    isTrained = false
  }

  /// The layers as the task that made them knows them; traps where they are of another type.
  public func layers<Model: PretrainedModel>(as type: Model.Type) -> Model {
    guard let model = model as? Model else {
      fatal("the \(name) is a \(Swift.type(of: model)), not a \(type)")
    }
    return model
  }

  /// The model as one that predicts the next token; throws for one that does not.
  package func languageModel() throws -> any LanguageModel {
    guard let model = model as? any LanguageModel else { throw source.notALanguageModel(model) }
    return model
  }

  /// The model as one that reads in both directions; throws for one that does not.
  package func encoder() throws -> any Encoder {
    guard let model = model as? any Encoder else { throw source.notAnEncoder(model) }
    return model
  }

  /// Where the model was before the run.
  private var source: ModelDirectory {
    switch origin {
    case .new: directory
    case .folder(let source): source
    case .reduction(let reduction): reduction.directory
    }
  }

  /// A model that the run trains further: that of a folder. Throws where the folder holds no model of a family that Retort has.
  package init(_ name: String, startingFrom path: String, in folder: RunFolder) throws {
    self.name = name
    isTrained = true
    directory = ModelDirectory(folder.model(name))
    let source = ModelDirectory(URL(fileURLWithPath: path))
    model = try source.model()
    origin = .folder(source)
  }

  /// The same model, of which additions alone are trained. Throws where they do not fit it, or where it does not exist before the
  /// run.
  package func adapted(by recipe: AdapterRecipe) throws -> Arm {
    guard case .folder(let source) = origin else {
      throw RecipeError("\(name).adapter needs a model in a folder: set \(name).path.")
    }
    guard try source.whole.url == source.url else {
      throw UserError(
        "\(source.url.path) is an adapter already, and additions are to whole models: export it first."
      )
    }
    var arm = self
    arm.additions = try recipe.adapter(of: model)
    arm.origin = .folder(ModelDirectory(source.url, storage: recipe.base))
    // It is judged as it was trained.
    arm.directory = ModelDirectory(directory.url, storage: recipe.base)
    return arm
  }

  /// A model that begins with parts of a teacher, which lies in a folder.
  package init(
    _ name: String, _ parts: ReductionRecipe, of teacher: ModelDirectory?, in folder: RunFolder
  ) throws {
    self.name = name
    isTrained = true
    directory = ModelDirectory(folder.model(name))
    guard let teacher else {
      throw RecipeError("\(name).from_teacher needs a teacher in a folder: set teacher.path.")
    }
    let reduction = try Reduction(of: teacher, layers: parts.layers, width: parts.width)
    model = reduction.model
    origin = .reduction(reduction)
  }

  /// A new model that the run trains, with weights that the seed of its training draws.
  public init(_ name: String, new model: any PretrainedModel, in folder: RunFolder) {
    (self.name, self.model) = (name, model)
    directory = ModelDirectory(folder.model(name))
    origin = .new
    isTrained = true
  }

  /// Declares the model's variables under the arm's name, with its finished weights, which nobody trains further.
  package func load(into store: VariableStore) throws {
    try directory.loadFrozen(model, into: store, prefix: name)
  }

  /// The same among weights that others share; returns what tells the model's folder from others.
  @discardableResult
  package func load(into weights: FrozenWeights) throws -> String {
    try weights.load(model, from: directory, as: name)
  }

  /// Declares the variables as they are before training; returns what they were taken from.
  package func begin(in store: VariableStore, prefix: String) throws -> String {
    if beginsRandom {
      try model.declare(in: store, prefix: prefix)
      return "with random weights, in the shape of the student"
    }
    switch origin {
    case .new:
      try model.declare(in: store, prefix: prefix)
      return "with random weights"
    case .folder(let source) where adapter != nil:
      try plan(in: store, prefix: prefix)
      return
        "all from \(source.url.lastPathComponent) and kept, with additions of \(grouped(adapter?.parameterCount ?? 0)) parameters"
    case .folder(let source):
      try source.load(model, into: store, prefix: prefix)
      return "all from \(source.url.lastPathComponent)"
    case .reduction(let reduction):
      try reduction.load(into: store, prefix: prefix, teacherPrefix: "teacher")
      return reduction.description
    }
  }

  /// The folder whose weights it begins with, in whole or in part.
  package var base: ModelDirectory? {
    switch origin {
    case .folder(let source) where !beginsRandom: source
    case .reduction(let reduction) where !beginsRandom: reduction.directory
    case .new, .folder, .reduction: nil
    }
  }

  /// The teacher that the model was cut from.
  var cutFrom: ModelDirectory? {
    if case .reduction(let reduction) = origin { reduction.directory } else { nil }
  }

  /// The folder whose other files go with the model: that of the model itself, or of an encoder that it
  /// was cut from, whose files say how its states are pooled.
  var keptFolder: ModelDirectory? {
    switch origin {
    case .folder(let source): source
    case .reduction(let reduction) where model is any Encoder: reduction.directory
    case .reduction, .new: nil
    }
  }

  /// Declares the variables, for a plan in which nobody asks for their values.
  package func plan(in store: VariableStore, prefix: String) throws {
    guard let adapter, case .folder(let source) = origin else {
      return try model.declare(in: store, prefix: prefix)
    }
    try source.loadFrozen(model, into: store, prefix: prefix)
    for (name, tensor) in adapter.parameters(prefix: prefix) { try store.declare(name, tensor) }
  }

  /// What is trained of the model, whose variables are declared under a prefix.
  package func trained(prefix: String) -> [(name: String, tensor: Tensor)] {
    adapter?.parameters(prefix: prefix) ?? model.parameters(prefix: prefix)
  }

  /// What the model learns, as it learns it: through its adapter, where it has one.
  package func adapted(_ setup: TrainingSetup) -> TrainingSetup {
    guard let adapter else { return setup }
    return TrainingSetup(
      objective: AdaptedObjective(whole: setup.objective, adapter: adapter), data: setup.data,
      validation: setup.validation)
  }

  /// Declares the variables as the finished model has them, where the store does not know them.
  package func planFinished(in store: VariableStore) throws {
    let parameters = model.parameters(prefix: name)
    guard let first = parameters.first, store.entry(first.tensor) == nil else { return }
    if case .folder = origin {
      try directory.loadFrozen(model, into: store, prefix: name)
    } else {
      for (name, tensor) in parameters { try store.declare(name, tensor, role: .frozen) }
    }
  }
}
