// What the student of a distillation is compared with, as its recipe says it.

package struct ControlsRecipe: RecipeSection {
  package enum Controls: String, Codable, CaseIterable {
    /// Both where the second takes less than half of what the rest of the run takes.
    case auto
    case data, compute, both
  }

  package enum Weights: String, Codable, CaseIterable {
    case student, random
  }

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
  package var controlWeights = Weights.student

  @Key(
    """
    The highest learning rate of controls. 0 takes the student's, or 0.001 for those that begin with random weights (0.1 with \
    sgd).
    """, .share)
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
}
