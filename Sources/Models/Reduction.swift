// Small models made of parts of large ones.
import Base
import Storage
import Tensors

/// What an axis of a parameter stands for. Axes of one kind lose the same units when a model becomes
/// narrower, over the whole model or within a layer.
package struct ParameterAxis: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    case fixed
    /// Channels of the residual stream.
    case width
    /// Key heads with the query heads that share them.
    case heads
    /// Neurons of a feed-forward layer.
    case mlp
  }

  let kind: Kind
  /// Elements that stay or go together.
  var unit = 1
  /// How often the units are repeated along the axis: queries, keys and values in one matrix.
  var copies = 1

  static let fixed = ParameterAxis(kind: .fixed)
  static let width = ParameterAxis(kind: .width)
  static let mlp = ParameterAxis(kind: .mlp)
  static func heads(unit: Int, copies: Int = 1) -> ParameterAxis {
    ParameterAxis(kind: .heads, unit: unit, copies: copies)
  }
}

/// A model that smaller ones of its family can be made of.
package protocol ReducibleModel: PretrainedModel {
  var layerCount: Int { get }
  /// What the names of a layer's parameters begin with, before the layer's number.
  var layerPrefix: String { get }
  var width: Int { get }
  /// The model with some of its layers, and of another width: heads keep their size, feed-forward
  /// layers their proportion. Throws where that does not come out even.
  func resized(layers: [Int], width: Int) throws -> any ReducibleModel
  /// What the axes of a parameter stand for.
  func axes(of parameter: String) -> [ParameterAxis]
}

/// A student cut from a teacher: some layers, and of the width the channels, heads and neurons with the
/// largest weights (sums of squares over all matrices that read or write them).
package struct Reduction {
  package let model: any ReducibleModel
  /// What was taken over, in words.
  package let description: String
  private let teacher: any ReducibleModel
  /// The teacher's folder.
  package let directory: ModelDirectory
  private let layers: [Int]

  /// `layers` are numbers of the teacher's, in order; empty keeps all. `width` 0 keeps the width.
  package init(of directory: ModelDirectory, layers: [Int], width: Int) throws {
    guard let teacher = try directory.model() as? any ReducibleModel else {
      throw UserError("\(directory.url.path) holds a model that no student can be cut from.")
    }
    let chosen = layers.isEmpty ? Array(0..<teacher.layerCount) : layers
    guard chosen.allSatisfy((0..<teacher.layerCount).contains) else {
      throw UserError(
        "from_teacher.layers must be numbers from 0 to \(teacher.layerCount - 1): the teacher has "
          + "\(teacher.layerCount) layers.")
    }
    guard width <= teacher.width, width >= 0 else {
      throw UserError("from_teacher.width must be at most the teacher's \(teacher.width).")
    }
    let newWidth = width == 0 ? teacher.width : width
    model = try teacher.resized(layers: chosen, width: newWidth)
    self.teacher = teacher
    self.directory = directory
    self.layers = chosen
    let kept = "layers \(chosen.map(String.init).joined(separator: ", ")) of \(teacher.layerCount)"
    description =
      "copied from the teacher: \(kept)"
      + (newWidth == teacher.width
        ? ""
        : ", the heaviest \(newWidth) of \(teacher.width) channels with their heads and neurons")
      + "; \(model.parameters().count) tensors, none initialised"
  }

  /// The teacher's parameter that becomes a parameter of the student.
  private func source(of name: String) -> String {
    guard let (layer, rest) = teacher.layer(of: name) else { return name }
    return teacher.layerPrefix + "\(layers[layer])" + rest
  }

  /// Declares the student's variables under `prefix`, with the weights that are kept. They are taken from the teacher's
  /// variables in `store`, where it has them under `teacherPrefix`, and else from its folder.
  package func load(
    into store: VariableStore, prefix: String, teacherPrefix: String? = nil
  ) throws {
    guard try directory.whole.url == directory.url else {
      throw UserError(
        "\(directory.url.path) is an adapter, and parts are taken of whole models: export it first."
      )
    }
    let file = try directory.weights()
    let stored = Dictionary(
      uniqueKeysWithValues: try teacher.match(file).map { ($0.parameter, $0.stored) })
    func weights(_ name: String) throws -> TensorData {
      if let entry = teacherPrefix.flatMap({ store.entry(named: $0 + "." + name) }) {
        return try entry.value()
      }
      guard let found = try stored[name].flatMap({ try file.weight($0) }) else {
        throw UserError("\(directory.url.path) has no tensor \(name).")
      }
      return found
    }
    let shapes = Dictionary(
      uniqueKeysWithValues: teacher.parameters().map { ($0.name, $0.tensor.shape) })
    let isNarrower = model.width < teacher.width
    var scores = Scores()
    if isNarrower {
      for name in Set(model.parameters().map { source(of: $0.name) }).sorted() {
        scores.add(try weights(name), teacher.axes(of: name), layer: teacher.layer(of: name)?.layer)
      }
    }
    for (name, tensor) in model.parameters() {
      let from = source(of: name)
      guard let old = shapes[from] else { fatal("\(from) is the teacher's") }
      var value = try weights(from)
      if isNarrower, old != tensor.shape {
        value = scores.kept(
          of: value, teacher.axes(of: from), layer: teacher.layer(of: from)?.layer,
          as: tensor.shape, model.axes(of: name))
      }
      try store.declare(prefix + "." + name, tensor, value: value)
    }
  }
}

extension ReducibleModel {
  /// The layer that a parameter belongs to, and the rest of its name; nil outside of layers.
  func layer(of parameter: String) -> (layer: Int, rest: String)? {
    guard parameter.hasPrefix(layerPrefix) else { return nil }
    let digits = parameter.dropFirst(layerPrefix.count).prefix { $0.isNumber }
    return Int(digits).map { ($0, String(parameter.dropFirst(layerPrefix.count + digits.count))) }
  }
}

/// How heavy the units of all axes are.
private struct Scores {
  private struct Key: Hashable {
    let kind: ParameterAxis.Kind
    let layer: Int?
  }

  private var sums: [Key: [Double]] = [:]

  private func key(_ axis: ParameterAxis, _ layer: Int?) -> Key {
    // The residual stream is one for all layers.
    Key(kind: axis.kind, layer: axis.kind == .width ? nil : layer)
  }

  mutating func add(_ data: TensorData, _ axes: [ParameterAxis], layer: Int?) {
    let extents = data.shape.extents
    let numbers = data.floats
    for (index, axis) in axes.enumerated() where axis.kind != .fixed {
      let inner = extents[(index + 1)...].reduce(1, *)
      let units = extents[index] / axis.unit / axis.copies
      var sums = [Double](repeating: 0, count: units)
      for (place, number) in numbers.enumerated() {
        sums[place / inner % extents[index] / axis.unit % units] += Double(number) * Double(number)
      }
      let known = self.sums[key(axis, layer)] ?? [Double](repeating: 0, count: units)
      demand(known.count == units, "an axis has \(units) units here and \(known.count) there")
      self.sums[key(axis, layer)] = zip(known, sums).map { $0 + $1 }
    }
  }

  /// The part of a tensor that stays, with the new shape.
  func kept(
    of data: TensorData, _ axes: [ParameterAxis], layer: Int?, as shape: Shape,
    _ newAxes: [ParameterAxis]
  ) -> TensorData {
    var value = data
    for (index, axis) in axes.enumerated() where value.shape[index] != shape[index] {
      let sums = sums[key(axis, layer)] ?? []
      let count = shape[index] / newAxes[index].unit / newAxes[index].copies
      let heaviest = sums.indices.sorted { (sums[$1], $0) < (sums[$0], $1) }.prefix(count).sorted()
      let places = (0..<axis.copies).flatMap { copy in
        heaviest.flatMap { unit in
          (0..<axis.unit).map { (copy * sums.count + unit) * axis.unit + $0 }
        }
      }
      value = value.taking(places, axis: index)
    }
    return value
  }
}

extension TensorData {
  /// Some places of an axis of a float32 tensor, in the order given.
  fileprivate func taking(_ places: [Int], axis: Int) -> TensorData {
    let extents = shape.extents
    let inner = extents[(axis + 1)...].reduce(1, *)
    let outer = extents[..<axis].reduce(1, *)
    let numbers = floats
    var taken: [Float] = []
    taken.reserveCapacity(outer * places.count * inner)
    for block in 0..<outer {
      for place in places {
        let start = (block * extents[axis] + place) * inner
        taken += numbers[start..<start + inner]
      }
    }
    return TensorData(Shape(extents[..<axis] + [places.count] + extents[(axis + 1)...]), taken)
  }
}
