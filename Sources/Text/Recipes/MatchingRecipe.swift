// The feature matching that a recipe asks for, held against the models.
import Distillation
import Experiments
import Layers
import Models
import Tensors

/// The matching of relations between tokens.
package struct RelationRecipe: RecipeSection {
  @Key("The weight in the loss; 0 matches none.", .weight)
  package var weight = 0.0

  @Key("Into how many parts the layers' vectors are cut.", .from(1, to: 4096))
  package var heads = 8

  @Key("The student's and the teacher's layer, from 0; empty for the last of each.")
  package var layers: [Int] = []

  package init() {}

  package func validate() throws {
    try require(
      [0, 2].contains(layers.count), "distillation.relations.layers", "two layers, or none")
  }
}

/// The matching of hidden states.
package struct HiddenRecipe: RecipeSection {
  @Key("The weight in the loss; 0 matches none.", .weight)
  package var weight = 0.0

  @Key(
    """
    Pairs of layers, [student's, teacher's], where 0 is the embedding; empty spreads the student's layers evenly over \
    the teacher's.
    """)
  package var layers: [[Int]] = []

  package init() {}

  package func validate() throws {
    try require(
      layers.allSatisfy { $0.count == 2 }, "distillation.hidden.layers", "pairs of layers")
  }
}

extension FeatureMatching {
  /// What a recipe asks for; throws where the models have no such layers or widths.
  package init(
    _ hidden: HiddenRecipe, _ relations: RelationRecipe, student: Arm, teacher: Arm?
  ) throws {
    try self.init(
      hidden: .init(hidden, student: student, teacher: teacher),
      relations: .init(relations, student: student, teacher: teacher))
  }
}

/// Student and teacher as models whose layers can be told apart.
private func layered(_ student: Arm, _ teacher: Arm?, _ key: String) throws -> (
  student: any ReducibleModel, teacher: any ReducibleModel
) {
  guard let own = student.model as? any ReducibleModel,
    let other = teacher?.model as? any ReducibleModel
  else { throw RecipeError("\(key) needs a teacher that is loaded.") }
  return (own, other)
}

extension HiddenMatching {
  fileprivate init?(_ recipe: HiddenRecipe, student: Arm, teacher: Arm?) throws {
    guard recipe.weight > 0 else { return nil }
    let key = "distillation.hidden"
    let (own, other) = try layered(student, teacher, key)
    var pairs = recipe.layers.map { (student: $0[0], teacher: $0[1]) }
    if pairs.isEmpty {
      pairs = (0...own.layerCount).map { ($0, $0 * other.layerCount / own.layerCount) }
    }
    guard
      pairs.allSatisfy({
        (0...own.layerCount).contains($0.student) && (0...other.layerCount).contains($0.teacher)
      })
    else {
      throw RecipeError(
        "\(key).layers must pair 0 to \(own.layerCount) with 0 to \(other.layerCount).")
    }
    self.init(weight: Float(recipe.weight), pairs: pairs, widths: (own.width, other.width))
  }
}

extension RelationMatching {
  fileprivate init?(_ recipe: RelationRecipe, student: Arm, teacher: Arm?) throws {
    guard recipe.weight > 0 else { return nil }
    let key = "distillation.relations"
    let (own, other) = try layered(student, teacher, key)
    let layers =
      recipe.layers.isEmpty ? [own.layerCount - 1, other.layerCount - 1] : recipe.layers
    guard (0..<own.layerCount).contains(layers[0]), (0..<other.layerCount).contains(layers[1])
    else {
      throw RecipeError(
        "\(key).layers must be numbers up to \(own.layerCount - 1) and \(other.layerCount - 1).")
    }
    self.init(
      weight: Float(recipe.weight), headCount: recipe.heads, layers: (layers[0], layers[1]))
    for (name, model, layer) in [("student", own, layers[0]), ("teacher", other, layers[1])] {
      guard fits(try Self.heads(of: model)[layer]) else {
        throw RecipeError(
          "\(key).heads must divide the widths of queries, keys and values of the \(name).")
      }
    }
  }

  /// What the layers' attention of a model is given for two tokens.
  private static func heads(of model: any PretrainedModel) throws -> [AttentionHeads] {
    let tokens = Tensor.input("tokens", TensorType([1, 2], .int32))
    let context: AttentionContext
    switch model {
    case let model as any LanguageModel:
      context = AttentionContext(wholeSequences: tokens)
      _ = model.hiddenStates(tokens, context)
    case let model as any Encoder:
      context = AttentionContext(
        bothDirections: tokens, lengths: .input("lengths", TensorType([1], .int32)))
      _ = model.hiddenStates(tokens, types: tokens, context)
    default: throw RecipeError("a \(model.modelType) has no attention to match.")
    }
    return context.heads
  }
}
