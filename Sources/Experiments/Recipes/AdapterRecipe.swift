// Which small additions a model is trained through, as a recipe says it.
import Base
import Models
import Tensors
import Training

/// An adapter of a model that exists: its matrices stay as they are, and small additions to them are trained.
package struct AdapterRecipe: RecipeSection {
  @Key(
    "The rank of the additions to its linear layers (LoRA), which alone are trained; 0 trains all weights.",
    .from(0, to: 4096))
  package var rank = 0

  @Key("What they are multiplied by, as alpha / rank; 0 takes the rank.", .notNegative)
  package var alpha = 0.0

  @Key("Whether they are multiplied by alpha / sqrt(rank) (rsLoRA).")
  package var stabilized = false

  @Key(
    "Ends of the names of layers that get one, such as q_proj; empty takes every linear layer but the head."
  )
  package var targets: [String] = []

  @Key(
    """
    How the matrices of the linear layers lie in memory meanwhile: as their file has them, or in fewer bits (QLoRA trains on nf4).
    """)
  package var base = FrozenStorage.file

  package init() {}

  package var isWanted: Bool { rank > 0 }

  /// The adapter of a model. Throws where it does not fit.
  func adapter(of model: any PretrainedModel) throws -> Adapter {
    var options = Adapter.Options()
    (options.rank, options.alpha, options.isStabilized, options.targets) = (
      rank, alpha, stabilized, targets
    )
    return try Adapter(of: model, options)
  }
}

/// What a model learns through its adapter: the loss is that of the model with the additions.
struct AdaptedObjective: Objective {
  let whole: any Objective
  let adapter: Adapter

  var formula: String {
    "\(whole.formula), by additions of rank \(adapter.options.rank) to \(counted(adapter.parts.count, "matrix", "matrices")), times \(adapter.options.scale)"
  }

  var parameters: [(name: String, tensor: Tensor)] { whole.parameters }

  func loss(_ inputs: Inputs) -> Loss { adapted(whole.loss(inputs)) }
  func validationLoss(_ inputs: Inputs) -> Loss { adapted(whole.validationLoss(inputs)) }

  private func adapted(_ loss: Loss) -> Loss {
    let values = adapter.applied(to: [loss.total] + loss.logged.map(\.sum))
    return Loss(
      total: values[0], logged: zip(loss.logged, values.dropFirst()).map { ($0.name, $1) })
  }
}
