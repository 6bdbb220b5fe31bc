// The loss of a distillation's student, as its recipe says it.
import Distillation
import Training

package struct DistillationRecipe: RecipeSection {
  package enum Objective: String, RecipeWord {
    case forwardKL = "forward_kl"
    case reverseKL = "reverse_kl"
    case jsd
    case normalizedJSD = "normalized_jsd"
    case skewKL = "skew_kl"
    case skewReverseKL = "skew_reverse_kl"
    case totalVariation = "total_variation"
  }

  package enum Controls: String, RecipeWord {
    /// Both where the second takes less than half of what the rest of the run takes.
    case auto
    case data, compute, both
  }

  /// How vectors of sentences are compared; the objective of the wing defines each.
  package enum VectorMatching: String, RecipeWord {
    case cosine, mse, margin
  }

  package enum ControlWeights: String, RecipeWord {
    case student, random
  }

  @Key("The divergence of the student from the teacher; forward_kl is KL(teacher || student).")
  package var objective = Objective.forwardKL

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

  @Key("What makes a sentence encoder's vectors those of its teacher.")
  package var sentences = VectorMatching.cosine

  @Key("The folder of a teacher's cache: the teacher need not be in memory.")
  package var cache = ""

  @Key(
    """
    Which controls are trained: data (the student's steps), compute (its arithmetic) or both. auto takes both where \
    the second costs less than half of what the rest of the run does.
    """)
  package var controls = Controls.auto

  @Key(
    """
    What controls begin with: student, as the student does (with parts of the teacher where it is cut from it), or random.
    """)
  package var controlWeights = ControlWeights.student

  @Key(
    "The highest learning rate of controls. 0 takes the student's, or 0.001 for those that begin with random weights.",
    .share)
  package var controlLearningRate = 0.0

  @Key("Why no control is trained; empty trains those of `controls`.")
  package var withoutControl = ""

  package init() {}

  /// What the run's controls answer.
  package var questions: [Question] {
    guard withoutControl.isEmpty else { return [] }
    return Question.allCases.filter { controls == .both || controls.rawValue == $0.rawValue }
  }

  /// Whether an arm of this name begins with random weights, whatever the student does.
  package func beginsRandom(_ arm: String) -> Bool {
    controlWeights == .random && arm.hasPrefix("control")
  }

  package var divergence: DivergenceLoss {
    DivergenceLoss(kind, temperature: Float(temperature), alpha: Float(alpha))
  }

  private var kind: DivergenceLoss.Kind {
    switch objective {
    case .forwardKL: .forwardKL
    case .reverseKL: .reverseKL
    case .jsd: .jensenShannon(beta: Float(beta), isNormalized: false)
    case .normalizedJSD: .jensenShannon(beta: Float(beta), isNormalized: true)
    case .skewKL: .skewKL(Float(skew))
    case .skewReverseKL: .skewReverseKL(Float(skew))
    case .totalVariation: .totalVariation
    }
  }

  package func validate() throws {
    try require(
      hidden.layers.allSatisfy { $0.count == 2 }, "distillation.hidden.layers", "pairs of layers")
    try require(
      cache.isEmpty || hidden.weight == 0 && relations.weight == 0,
      "distillation.hidden.weight and distillation.relations.weight",
      "0 with a cache, which has nothing of inner layers")
    try require(
      [0, 2].contains(relations.layers.count), "distillation.relations.layers",
      "two layers, or none")
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

/// The matching of relations between tokens.
package struct RelationRecipe: RecipeSection {
  @Key("The weight in the loss; 0 matches none.", .weight)
  package var weight = 0.0

  @Key("Into how many parts the layers' vectors are cut.", .from(1, to: 4096))
  package var heads = 8

  @Key("The student's and the teacher's layer, from 0; empty for the last of each.")
  package var layers: [Int] = []

  package init() {}
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
}
