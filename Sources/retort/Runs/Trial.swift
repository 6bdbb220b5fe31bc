// One seed of a distillation: a student and its controls.
import Distillation

/// What a control, the same model without the teacher, has as much of as the student.
enum Question: String, CaseIterable, Codable {
  /// The same batches: did the teacher add something to the text?
  case data
  /// The same floating-point operations, the teacher's passes among them: were they well spent?
  case compute

  /// The arm that answers it.
  var arm: String {
    switch self {
    case .data: "control"
    case .compute: "control-compute"
    }
  }

  /// An arm's name for a person.
  static func title(ofArm arm: String) -> String {
    let kind = arm.replacing(/-\d+$/, with: "")
    let name = allCases.first { $0.arm == kind }.map { "control, equal \($0.rawValue)" } ?? kind
    return kind == arm ? name : "\(name), seed \(arm.dropFirst(kind.count + 1))"
  }

  /// The key of its answer in `verdict.json`.
  var key: String { "equal_\(rawValue)" }
}

/// A student and its controls, which begin with the same numbers: those of one seed.
struct Trial {
  struct Control {
    let question: Question
    let arm: Arm
  }

  let seed: UInt64
  let student: Arm
  let controls: [Control]

  func control(_ question: Question) -> Arm? { controls.first { $0.question == question }?.arm }

  /// The trials of a recipe; `make` gives the arm of a name.
  static func all(of recipe: DistillRecipe, make: (String) throws -> Arm) rethrows -> [Trial] {
    try (0..<recipe.seeds).map { index in
      let end = index == 0 ? "" : "-\(index + 1)"
      return Trial(
        seed: recipe.seed &+ UInt64(index), student: try make("student\(end)"),
        controls: try recipe.distillation.questions.map {
          Control(question: $0, arm: try make($0.arm + end))
        })
    }
  }

  /// Whether a run has an arm of this name, beside the teacher.
  static func isArm(_ name: String) -> Bool {
    (["student"] + Question.allCases.map(\.arm)).contains { arm in
      guard name.hasPrefix(arm) else { return false }
      let end = name.dropFirst(arm.count)
      return end.isEmpty || end.wholeMatch(of: /-\d+/) != nil
    }
  }
}
