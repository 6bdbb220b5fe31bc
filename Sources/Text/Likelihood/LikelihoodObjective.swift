// The objective of a student whose tokens are not its teacher's.
import Distillation
import Models
import Tensors
import Training

/// Pieces of text as likely to the student as to its teacher, whatever tokens either cuts them into.
public struct LikelihoodObjective: Objective {
  let student: any LanguageModel
  /// The divergence and its share.
  public let loss: LikelihoodLoss
  private let classCount: Int?

  /// Rows of the model's table beyond `classCount` are padding.
  public init(student: any LanguageModel, _ loss: LikelihoodLoss, classCount: Int? = nil) {
    (self.student, self.loss, self.classCount) = (student, loss, classCount)
  }

  public var formula: String { loss.formula }

  public func loss(_ inputs: Inputs) -> Loss {
    let ce = LinearLoss.crossEntropy(
      hidden: inputs.hidden(student), head: student.head, labels: inputs[.labels],
      classCount: classCount)
    let nats = ce.segmentSums(inputs[.pieces])
    let (loss, bounded) = LikelihoodLoss.divergence(teacher: inputs[.pieceNats], student: nats)
    return self.loss.combined(
      crossEntropy: ce.sum(), covered: nats.sum(), divergence: loss.sum(), bounded: bounded.sum())
  }

  public func validationLoss(_ inputs: Inputs) -> Loss {
    NextTokenObjective(student, classCount: classCount).loss(inputs)
  }
}
