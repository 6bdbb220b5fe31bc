// What holds how likely a student finds pieces of a text against how likely its teacher found them.
import Tensors
import Training

/// The divergence of likelihoods of whole pieces, for students whose classes are not the teacher's.
///
/// With u = -log P of a piece by the teacher and v = -log Q by the student, both in nats: I(u, v) = u ln(u/v) - u + v, the limit of
/// temperature * KL between the events "this piece" and "another" as the temperature grows (Minixhofer et al., arXiv 2503.20083, have
/// that KL at a finite one). It is 0 where u = v; its slope in v is 1 - u/v.
public struct LikelihoodLoss: Sendable, Hashable {
  /// The weight of the labels' cross-entropy; the divergence has the rest.
  public let alpha: Float

  /// `alpha` in [0, 1] is the share of the labels' cross-entropy.
  public init(alpha: Float) { self.alpha = alpha }

  /// Neither side's nats are below this.
  package static let floor: Float = 1e-6
  /// Where a student is surer than its teacher by more than so many times, the loss goes on as a straight line of this slope.
  package static let steepest: Float = 20

  /// The formula as a run prints it.
  public var formula: String {
    "\(alpha) CE + \(1 - alpha) * (u ln(u/v) - u + v), u and v the teacher's and the student's -log of a piece's likelihood; CE alone "
      + "where the teacher's is not known"
  }

  /// I(u, v) of each piece, in nats, for tensors of one shape; and 1 where the slope was bounded, else 0. No gradient flows to
  /// the teacher.
  package static func divergence(teacher: Tensor, student: Tensor) -> (
    loss: Tensor, bounded: Tensor
  ) {
    let u = teacher.detached().maximum(.constant(floor))
    let v = student.maximum(.constant(floor))
    let least = u * (1 / (1 + steepest))
    let near = v.maximum(least)
    let loss = u * (u.log() - near.log()) - u + near - (v - near) * steepest
    return (loss, least.isGreater(than: v))
  }

  /// The mixture, from sums over the targets and the pieces of a batch; `covered` is the cross-entropy of targets in pieces. The
  /// others have no divergence, and cross-entropy has their whole weight.
  package func combined(
    crossEntropy: Tensor, covered: Tensor, divergence: Tensor, bounded: Tensor
  ) -> Loss {
    Loss(
      total: crossEntropy + (divergence - covered) * (1 - alpha),
      logged: [("ce", crossEntropy), ("likelihood", divergence), ("bounded", bounded)])
  }
}
