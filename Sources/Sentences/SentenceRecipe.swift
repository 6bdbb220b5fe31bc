// What sentence encoders add to a recipe.
import Experiments
import Text

/// By what sentence encoders are judged: a key that trainings of other models may name, too.
package struct JudgedPairsRecipe: RecipePart {
  @Key("What the models learn from.")
  package var data = PairsRecipe()

  package init() {}

  package mutating func eachPath(_ body: (inout String) -> Void) { body(&data.pairs) }
}

/// The keys of a distillation of sentence encoders.
package struct SentenceRecipe: RecipePart {
  @Key("The teacher.")
  package var teacher = EncoderRecipe()

  @Key("The student: a folder, or parts of the teacher. Controls are the same model.")
  package var student = EncoderStudentRecipe()

  @Key("The loss of the student, and what it is compared with.")
  package var distillation = EmbeddingRecipe()

  package init() {}

  // The teacher is a folder, so nobody trains it.
  package static var absentKeys: Set<String> {
    ["teacher.steps", "teacher.epochs", "teacher.learning_rate"]
  }

  // Both begin with weights that exist.
  package var startedSections: Set<String> { ["teacher", "student"] }

  package mutating func resolve() { if student.textShare == 0 { student.textShare = 1 } }

  package mutating func eachPath(_ body: (inout String) -> Void) {
    body(&teacher.path)
    body(&student.path)
  }

  package func validate() throws {
    try distillation.hidden.validate()
    try distillation.relations.validate()
    try require(
      student.path.isEmpty || !student.fromTeacher.isWanted, "student.path",
      "empty where student.from_teacher is given")
  }
}

/// By what sentence encoders are judged.
package struct PairsRecipe: RecipeSection {
  @Key(
    """
    A file of pairs with sentence1, sentence2 and score, by which models are judged. Empty judges by the halves of held-out \
    sentences.
    """)
  package var pairs = ""

  package init() {}
}

package struct EncoderRecipe: RecipeSection {
  @Key("The folder of a sentence encoder.")
  package var path = ""

  package init() {}
}

package struct EncoderStudentRecipe: RecipeSection {
  @Key("The folder of an encoder with the teacher's tokenizer.")
  package var path = ""

  @Key("Which parts of the teacher it begins with.")
  package var fromTeacher = ReductionRecipe()

  @Key("The share of the training text that the model reads. 0 takes all.", .share)
  package var textShare = 0.0

  package init() {}
}

package struct EmbeddingRecipe: RecipeSection {
  /// How vectors of sentences are compared; `EmbeddingObjective` defines each.
  package enum Matching: String, Codable, CaseIterable {
    case cosine, mse, margin
  }

  @Key("What makes a student's vectors those of its teacher.")
  package var sentences = Matching.cosine

  @Key("The matching of hidden states.")
  package var hidden = HiddenRecipe()

  @Key("The matching of relations between tokens.")
  package var relations = RelationRecipe()

  package init() {}
}

extension DistillRecipe {
  var sentences: SentenceRecipe { part(SentenceRecipe.self) }
  var pairs: String { part(JudgedPairsRecipe.self).data.pairs }
}
