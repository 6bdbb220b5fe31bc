// The loss of a language model that has a teacher, as its recipe says it.
import Distillation
import Experiments

package struct ObjectiveRecipe: RecipeSection {
  package enum Objective: String, Codable, CaseIterable {
    case auto
    case forwardKL = "forward_kl"
    case reverseKL = "reverse_kl"
    case jsd
    case normalizedJSD = "normalized_jsd"
    case skewKL = "skew_kl"
    case skewReverseKL = "skew_reverse_kl"
    case totalVariation = "total_variation"
    case likelihood
  }

  @Key(
    """
    The divergence of the student from the teacher; forward_kl is KL(teacher || student). likelihood compares pieces of text and needs \
    no common tokenizer. auto is likelihood where the tokenizers differ, and forward_kl otherwise.
    """)
  package var objective = Objective.auto

  @Key("The weight of the teacher in the mixture of the JSD.", .share)
  package var beta = 0.5

  @Key(
    "The share of the other distribution in the mixture of the skew divergences.", .shareBelow1())
  package var skew = 0.1

  @Key(
    "The temperature of both distributions; the loss is multiplied by its square.",
    .from(0.01, to: 100))
  package var temperature = 1.0

  @Key("The weight of the labels' cross-entropy; the divergence has the rest.", .share)
  package var alpha = 0.1

  @Key("The matching of hidden states.")
  package var hidden = HiddenRecipe()

  @Key("The matching of relations between tokens.")
  package var relations = RelationRecipe()

  @Key("Rows that the student writes itself.")
  package var onPolicy = OnPolicyRecipe()

  @Key("Teachers besides the first, with the same tokenizer: [{path: DIR, weight: 1}].")
  package var moreTeachers: [FurtherTeacher] = []

  @Key("The folder of a teacher's cache: the teacher need not be in memory.")
  package var cache = ""

  package init() {}

  package var divergence: DivergenceLoss {
    DivergenceLoss(kind, temperature: Float(temperature), alpha: Float(alpha))
  }

  private var kind: DivergenceLoss.Kind {
    switch objective {
    // A likelihood has an objective of its own.
    case .auto, .forwardKL, .likelihood: .forwardKL
    case .reverseKL: .reverseKL
    case .jsd: .jensenShannon(beta: Float(beta), isNormalized: false)
    case .normalizedJSD: .jensenShannon(beta: Float(beta), isNormalized: true)
    case .skewKL: .skewKL(Float(skew))
    case .skewReverseKL: .skewReverseKL(Float(skew))
    case .totalVariation: .totalVariation
    }
  }

  /// The keys that are set and need the same tokens on both sides.
  private var keysOfCommonTokens: [String] {
    [
      ("cache", !cache.isEmpty), ("more_teachers", !moreTeachers.isEmpty),
      ("on_policy.lambda", onPolicy.lambda != 0), ("hidden.weight", hidden.weight != 0),
      ("relations.weight", relations.weight != 0),
    ].filter(\.1).map(\.0)
  }

  /// Whether teacher and student may have tokenizers of their own.
  package var mayBeLikelihood: Bool {
    [.auto, .likelihood].contains(objective) && keysOfCommonTokens.isEmpty
  }

  package func validate() throws {
    if objective == .likelihood {
      for key in keysOfCommonTokens + (temperature == 1 ? [] : ["temperature"]) {
        try require(
          false, "distillation.\(key)",
          "left out with the objective likelihood, which knows of none")
      }
    }
    try hidden.validate()
    try relations.validate()
    try require(
      cache.isEmpty || hidden.weight == 0 && relations.weight == 0,
      "distillation.hidden.weight and distillation.relations.weight",
      "0 with a cache, which has nothing of inner layers")
    try require(
      onPolicy.lambda == 0 || alpha == 0, "distillation.alpha",
      "0 with on_policy: what the student drew itself is no label")
    try require(
      onPolicy.lambda == 0 || cache.isEmpty, "distillation.cache",
      "empty with on_policy: only a teacher that is there can judge new texts")
    try require(
      moreTeachers.allSatisfy {
        $0.weight >= 0 && Float($0.weight).isFinite && Float($0.weight) >= .leastNormalMagnitude
      }, "distillation.more_teachers", "teachers with finite weights above 0")
  }
}

/// A teacher besides the first.
package struct FurtherTeacher: Codable {
  package var path: String
  /// The first teacher's weight is 1.
  package var weight: Double

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    path = try container.decode(String.self, forKey: .path)
    weight = try container.decodeIfPresent(Double.self, forKey: .weight) ?? 1
  }
}

/// Rows that the student writes itself.
package struct OnPolicyRecipe: RecipeSection {
  @Key("The probability of a row to be the student's; 0 for none. With it alpha must be 0.", .share)
  package var lambda = 0.0

  @Key("The temperature of the student's draws.", .from(0.01, to: 100))
  package var temperature = 1.0

  @Key("The share of a row of plain text that is the prompt.", .openShare)
  package var prompt = 0.25

  package init() {}
}
