// A model that is trained through small additions to its matrices.
import Base
import Layers
import Storage
import Tensors

/// Low-rank additions to linear layers of a model (LoRA, arXiv 2106.09685).
package struct Adapter {
  /// Which layers get one, and how large.
  package struct Options: Sendable {
    package var rank = 16
    /// The addition is multiplied by alpha / rank; 0 takes the rank.
    package var alpha = 0.0
    /// alpha / sqrt(rank) in place of alpha / rank (rsLoRA, arXiv 2312.03732).
    package var isStabilized = false
    /// Ends of layers' names, such as `q_proj`; empty takes every linear layer but the head.
    package var targets: [String] = []

    package init() {}

    /// Alpha, once it is settled.
    var settledAlpha: Double { alpha > 0 ? alpha : Double(rank) }

    package var scale: Float {
      AdapterConfiguration.scale(alpha: settledAlpha, rank: rank, isStabilized: isStabilized)
    }
  }

  /// An addition, under the name of the parameter that it is to.
  package struct Part {
    package let parameter: String
    package let update: LowRankUpdate
  }

  package let options: Options
  package let parts: [Part]

  /// Throws where no layer is meant, or where one is narrower than the rank.
  package init(of model: some PretrainedModel, _ options: Options) throws {
    self.options = options
    let all = Self.layers(of: model)
    let chosen = all.filter { layer in
      options.targets.isEmpty
        || options.targets.contains { Self.module(layer.name).hasEnd($0) }
    }
    for target in options.targets
    where !all.contains(where: { Self.module($0.name).hasEnd(target) }) {
      let known = Set(
        all.map { Self.module($0.name).split(separator: ".").last.map(String.init) ?? "" })
      throw UserError(
        "\(model.architecture) has no linear layer whose name ends with \(target). There are \(known.sorted().joined(separator: ", "))."
      )
    }
    guard let narrowest = chosen.map({ min($0.weight.inputSize, $0.weight.outputSize) }).min()
    else {
      throw UserError("\(model.architecture) has no linear layers to adapt.")
    }
    guard options.rank <= narrowest else {
      throw UserError(
        "A rank of \(options.rank) is above the width of the narrowest layer that is adapted, \(narrowest): nothing would be small."
      )
    }
    parts = chosen.map { layer in
      Part(
        parameter: layer.name,
        update: LowRankUpdate(of: layer.weight, rank: options.rank, scale: options.scale))
    }
  }

  /// The linear layers of a model, but for its head, under the names of their matrices.
  static func layers(of model: some PretrainedModel) -> [(name: String, weight: LinearWeight)] {
    let head = (model as? any LanguageModel)?.head.weight
    let names = Dictionary(
      model.parameters().map { (ObjectIdentifier($0.tensor), $0.name) }
    ) { first, _ in first }
    return model.linearWeights.compactMap { weight in
      guard weight.tensor !== head, let name = names[ObjectIdentifier(weight.tensor)] else {
        return nil
      }
      return (name, weight)
    }
  }

  /// The name of the layer that a matrix is in.
  static func module(_ parameter: String) -> String {
    parameter.hasSuffix(".weight") ? String(parameter.dropLast(".weight".count)) : parameter
  }

  /// What is trained: A and B of each layer.
  package func parameters(prefix: String) -> [(name: String, tensor: Tensor)] {
    parts.flatMap { part in
      let name = "\(prefix).\(Self.module(part.parameter))"
      return [
        ("\(name).lora_A.weight", part.update.down), ("\(name).lora_B.weight", part.update.up),
      ]
    }
  }

  package var parameterCount: Int {
    parts.reduce(0) {
      $0 + $1.update.down.type.elementCount + $1.update.up.type.elementCount
    }
  }

  /// Values that were computed with the model, as they are with the additions.
  package func applied(to values: [Tensor]) -> [Tensor] {
    let updates = Dictionary(
      parts.map { (ObjectIdentifier($0.update.weight.tensor), $0.update) }
    ) { first, _ in first }
    return replacing(in: values) { application in
      guard application.op is MatMul, application.operands.count == 2,
        let update = updates[ObjectIdentifier(application.operands[1])]
      else { return nil }
      return application.result(0) + update.addition(application.operands[0])
    }
  }
}

extension String {
  /// Whether a dotted name is another one or ends with it.
  fileprivate func hasEnd(_ end: String) -> Bool { self == end || hasSuffix("." + end) }
}
