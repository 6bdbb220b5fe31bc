// A language model distilled into a smaller one, with controls and a verdict, in about a minute.
import Retort

// Texts to learn from: files, folders or patterns.
let files = CommandLine.arguments.count > 1 ? CommandLine.arguments.dropFirst() : ["../*.md"]
let recipe = try DistillRecipe(
  for: LanguageTask.self, "data.files=[\(files.joined(separator: ", "))]",
  "data.sequence_length=64",
  "teacher.width=96", "teacher.steps=300", "student.steps=150", "student.text_share=0.2",
  "training.budget=90s", "training.log_interval=50")

let folder = RunFolder("runs/first")
var experiment = Experiment(recipe, try LanguageTask(recipe, in: folder), in: folder)
let outcome = try experiment.run(on: OpenCLDevice.best()) { event in
  if let text = event.text { print(text) }
}
if let verdict = outcome.equalData, verdict.outcome == .beats {
  print("The teacher was worth \(verdict.difference) nats a token.")
}
