// The models of a distillation, as options.
import ArgumentParser
import Foundation

/// `--teacher`, `--student`, `--cache` and what else names keys of a distillation's recipe.
struct DistillationOptions: ParsableArguments {
  @Option(help: "The folder of the teacher; given several times, all teach with equal weights.")
  var teacher: [String] = []

  @Option(help: "A folder, the sizes of a new model, or parts of the teacher.")
  var student: String?

  @Option(help: "The folder of a teacher's cache, in place of the teacher itself.")
  var cache: String?

  @Option(help: "How many seeds student and controls are trained with.")
  var seeds: Int?

  @Option(
    help:
      "Which controls are trained: data (the student's steps), compute (its arithmetic) or both.")
  var controls: String?

  @Option(help: "The divergence of the student from the teacher, such as forward_kl or jsd.")
  var objective: String?

  @Option(help: "The temperature of both distributions in that divergence.")
  var temperature: Double?

  @Option(help: "The weight of the labels' cross-entropy, from 0 to 1.")
  var alpha: Double?

  @OptionGroup var schedule: StepOptions

  @Option(help: "Train no control, for this reason, which the verdict repeats.")
  var withoutControl: String?

  /// Whether any is given that a run which goes on cannot take.
  var changeMoreThanSteps: Bool { areModelsGiven || schedule.changeMoreThanSteps }

  /// Whether any is given that only a distillation takes.
  var areModelsGiven: Bool { settings.count > schedule.settings(of: "student").count }

  /// The options as settings of the recipe.
  var settings: [String] {
    var settings = teacher.prefix(1).map { "teacher.path=\(quoted($0))" }
    if teacher.count > 1 {
      let others = teacher.dropFirst().map { "{path: \(quoted($0))}" }.joined(separator: ", ")
      settings.append("distillation.more_teachers=[\(others)]")
    }
    if let student {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: student, isDirectory: &isFolder), isFolder.boolValue
      {
        settings.append("student.path=\(quoted(student))")
      } else {
        settings.append("student={\(student.replacing("from-teacher:", with: "from_teacher:"))}")
      }
    }
    if let cache { settings.append("distillation.cache=\(quoted(cache))") }
    if let controls { settings.append("distillation.controls=\(quoted(controls))") }
    if let objective { settings.append("distillation.objective=\(quoted(objective))") }
    if let temperature { settings.append("distillation.temperature=\(temperature)") }
    if let alpha { settings.append("distillation.alpha=\(alpha)") }
    settings += schedule.settings(of: "student")
    if let seeds { settings.append("seeds=\(seeds)") }
    if let withoutControl {
      settings.append("distillation.without_control=\(quoted(withoutControl))")
    }
    return settings
  }
}
