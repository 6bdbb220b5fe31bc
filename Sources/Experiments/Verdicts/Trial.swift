// One seed of a distillation: a student and its controls.

/// What a control, the same model without the teacher, has as much of as the student.
package enum Question: String, CaseIterable, Codable {
  /// The same batches: did the teacher add something to the text?
  case data
  /// The same floating-point operations, the teacher's passes among them: were they well spent?
  case compute

  /// The arm that answers it.
  package var arm: String {
    switch self {
    case .data: "control"
    case .compute: "control-compute"
    }
  }

  /// An arm's name for a person.
  package static func title(ofArm arm: String) -> String {
    let kind = Trial.kind(ofArm: arm)
    let name = allCases.first { $0.arm == kind }.map { "control, equal \($0.rawValue)" } ?? kind
    return kind == arm ? name : "\(name), seed \(arm.dropFirst(kind.count + 1))"
  }

  /// The key of its answer in `verdict.json`.
  package var key: String { "equal_\(rawValue)" }
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
      Trial(
        seed: recipe.seed &+ UInt64(index), student: try make(name("student", index)),
        controls: try recipe.distillation.questions.map {
          Control(question: $0, arm: try make(name($0.arm, index)))
        })
    }
  }

  /// What an arm of a kind is called in the trial of an index.
  static func name(_ kind: String, _ index: Int) -> String {
    index == 0 ? kind : "\(kind)-\(index + 1)"
  }

  /// An arm's name without the number of its trial.
  static func kind(ofArm name: String) -> String { name.replacing(/-\d+$/, with: "") }

  /// Whether a run has an arm of this name, beside the teacher.
  static func isArm(_ name: String) -> Bool {
    (["student"] + Question.allCases.map(\.arm)).contains(kind(ofArm: name))
  }
}
