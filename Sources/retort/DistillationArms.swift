import Foundation
// The models of a distillation.
import Models

/// Teacher, student and control, with the tokenizer that they share.
struct DistillationArms {
  let tokenizer: RunTokenizer
  let teacher: Arm
  let student: Arm
  let control: Arm

  init(_ recipe: DistillRecipe, folder: RunFolder) throws {
    let path = recipe.teacher.path
    tokenizer = try RunTokenizer.of(recipe.data, model: path)
    var source: ModelDirectory?
    if path.isEmpty {
      teacher = try Arm(
        "teacher", recipe.teacher, vocabularySize: tokenizer.tokenizer.vocabularySize,
        sequenceLength: recipe.data.sequenceLength, folder: folder)
    } else {
      teacher = try Arm("teacher", finished: path)
      source = teacher.directory
    }
    if !recipe.student.path.isEmpty { try tokenizer.requireSame(as: recipe.student.path) }
    // A table of tokens is as long as the teacher's, padding and all.
    let (size, length) = (teacher.model.vocabularySize, recipe.data.sequenceLength)
    func arm(_ name: String) throws -> Arm {
      try Arm(
        name, recipe.student, teacher: source, vocabularySize: size, sequenceLength: length,
        folder: folder)
    }
    (student, control) = (try arm("student"), try arm("control"))
  }
}
