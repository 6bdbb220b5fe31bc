// A new kind of model in a whole experiment: teacher, students, controls of both kinds, three seeds, verdict and report.
import Retort

let recipe = try DistillRecipe(
  for: DigitTask.self, "student.width=16", "teacher.steps=400", "student.steps=300", "seeds=3",
  "distillation.controls=both",
  "teacher.learning_rate=0.01", "student.learning_rate=0.01",
  "training.batch_size=20", "training.log_interval=100")
let folder = RunFolder(CommandLine.arguments.dropFirst().first ?? "runs/digits")
var experiment = Experiment(recipe, try DigitTask(recipe, in: folder), in: folder)
let outcome = try experiment.run(on: OpenCLDevice.best()) { event in
  if let text = event.text { print(text) }
}
for arm in ["teacher", "student", "control"] {
  print(arm, "reads", outcome[arm, "accuracy"] ?? .nan, "of the held-out pictures rightly")
}
print("The report is \(folder.url.path)/report.html.")
