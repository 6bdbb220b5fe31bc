// A distillation with a loss of one's own, and whether it helped: students learn from few pictures and a teacher, controls
// from the same pictures alone.
import DigitImages
import Retort

let images = try digitImages()
let (many, few) = (images.rows(0..<1200), images.rows(0..<60))
let heldOut = images.rows(1200..<images.count)
let device = try OpenCLDevice.best()

let teacher = Classifier(width: 128)
let lesson = try Trainer(
  LossFunction("-log softmax(z)[digit]") { Loss("ce", teacher.losses($0).sum()) },
  of: teacher, data: many, options: TrainingOptions(stepCount: 400, learningRate: 0.01),
  on: device)
try lesson.run()

/// Half of the loss is that of the labels. The other half is the squared distance of the student's logits from the teacher's,
/// each less their mean: the shape of an answer counts, and not its height.
func centredDistance(_ student: Classifier) -> LossFunction {
  func centred(_ logits: Tensor) -> Tensor {
    logits - logits.mean(axis: -1).reshaped(to: [logits.shape[0], 1])
  }
  return LossFunction("0.5 CE + 0.5 mean (centred z - centred teacher's z)^2") { inputs in
    let ce = student.losses(inputs).sum()
    let difference =
      centred(student.logits(inputs[.pixels]))
      - centred(teacher.logits(inputs[.pixels]).detached())
    let distance = (difference * difference).mean(axis: -1).sum()
    return Loss(
      total: 0.5 * ce + 0.5 * distance, logged: [("ce", ce), ("distance", distance)])
  }
}

/// The losses of held-out pictures after a training with some seed; `store` holds the teacher's weights.
func train(
  _ model: Classifier, _ loss: LossFunction, seed: UInt64, beside store: VariableStore
) throws -> RowEvidence {
  let trainer = try Trainer(
    loss, of: model, data: few,
    options: TrainingOptions(stepCount: 300, batchSize: 20, learningRate: 0.01, seed: seed),
    sharing: store, on: store.device)
  try trainer.run()
  return .losses(try heldOut.values(on: trainer.store, model.losses).floats.map(Double.init))
}

var pairs: [(student: RowEvidence, control: RowEvidence)] = []
for seed in 1...3 as ClosedRange<UInt64> {
  let (student, control) = (Classifier(width: 16), Classifier(width: 16))
  let alone = LossFunction("-log softmax(z)[digit]") { Loss("ce", control.losses($0).sum()) }
  pairs.append(
    (
      student: try train(student, centredDistance(student), seed: seed, beside: lesson.store),
      control: try train(control, alone, seed: seed, beside: lesson.store)
    ))
}
print(Verdict(pairs))
