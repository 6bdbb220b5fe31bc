// The models of a distillation.
import Distillation
import Foundation
import Layers
import Models
import Storage
import Tensors

/// Teacher, students and controls, with the tokenizer that they share.
struct DistillationArms {
  /// A student with its control, and the seed of both.
  struct Pair {
    let student: Arm
    let control: Arm
    let seed: UInt64
  }

  let tokenizer: RunTokenizer
  /// nil where a cache stands for it.
  let teacher: Arm?
  let cache: TeacherCache?
  /// Teachers besides the first, with their weights.
  let others: [(arm: Arm, weight: Float)]
  let pairs: [Pair]
  /// Rows of models' tables beyond these are padding.
  let classCount: Int

  init(_ recipe: DistillRecipe, folder: RunFolder) throws {
    let (path, length) = (recipe.teacher.path, recipe.data.sequenceLength)
    let cacheFolder = recipe.distillation.cache
    var cache: TeacherCache?
    if !cacheFolder.isEmpty {
      let expected =
        path.isEmpty ? nil : try ModelDirectory(URL(fileURLWithPath: path)).fingerprint()
      let opened = try TeacherCache(URL(fileURLWithPath: cacheFolder), expecting: expected)
      guard opened.description.length == length else {
        throw RecipeError(
          "data.sequence_length must be \(opened.description.length), that of the cache.")
      }
      try opened.require(temperature: recipe.distillation.temperature)
      cache = opened
    }
    self.cache = cache
    // A cache has its teacher's tokenizer with it.
    tokenizer =
      cache != nil && path.isEmpty
      ? try RunTokenizer(folder: cacheFolder) : try RunTokenizer.of(recipe.data, model: path)
    let size = tokenizer.tokenizer.vocabularySize
    var source: ModelDirectory?
    if !path.isEmpty {
      let arm = try Arm("teacher", finished: path)
      source = arm.directory
      teacher = arm
    } else if cache == nil {
      teacher = try Arm(
        "teacher", recipe.teacher, vocabularySize: size, sequenceLength: length, folder: folder)
    } else {
      teacher = nil
    }
    let shared = tokenizer
    others = try recipe.distillation.moreTeachers.enumerated().map { index, other in
      try shared.requireSame(as: other.path)
      let arm = try Arm("teacher-\(index + 2)", finished: other.path)
      guard length <= (try arm.languageModel()).contextLength else {
        throw RecipeError(
          "data.sequence_length must be at most \(arm.model.contextLength), the context of \(other.path)."
        )
      }
      return (arm, Float(other.weight))
    }
    if !recipe.student.path.isEmpty { try tokenizer.requireSame(as: recipe.student.path) }
    func arm(_ name: String) throws -> Arm {
      try Arm(
        name, recipe.student, teacher: source, vocabularySize: size, sequenceLength: length,
        folder: folder)
    }
    pairs = try (0..<recipe.seeds).map { index in
      let end = index == 0 ? "" : "-\(index + 1)"
      return Pair(
        student: try arm("student\(end)"), control: try arm("control\(end)"),
        seed: recipe.seed + UInt64(index))
    }
    let models = [teacher?.model, pairs[0].student.model] + others.map(\.arm.model)
    let tables = models.compactMap { $0?.vocabularySize }
    classCount = min(size, tables.min() ?? size, cache?.description.classCount ?? size)
    guard classCount == size else {
      throw StorageError(
        "A model or cache has only \(classCount) classes for the \(size) tokens of the tokenizer.")
    }
    if let arm = teacher, !path.isEmpty, length > arm.model.contextLength {
      throw RecipeError(
        "data.sequence_length must be at most \(arm.model.contextLength), the context of the teacher."
      )
    }
  }

  /// The teacher's side of the loss, its variables declared in `store`.
  func loadTeacher(into store: VariableStore) throws -> Teacher {
    if let cache {
      try cache.declare(in: store)
      return .cache(cache)
    }
    guard let teacher else { preconditionFailure("there is a teacher or its cache") }
    try teacher.load(into: store)
    return .model(try teacher.languageModel())
  }

  /// The student's objective, its teachers' variables declared in `store`.
  func objective(_ recipe: DistillationRecipe, student: Arm, store: VariableStore) throws
    -> DistillationObjective
  {
    let first = try loadTeacher(into: store)
    for other in others { try other.arm.load(into: store) }
    return try objective(recipe, student: student, teacher: first)
  }

  /// The same for a first teacher that need not be loaded, as far as its graph goes.
  func objective(_ recipe: DistillationRecipe, student: Arm, teacher: Teacher) throws
    -> DistillationObjective
  {
    let more = try others.map {
      (teacher: Teacher.model(try $0.arm.languageModel()), weight: $0.weight)
    }
    return DistillationObjective(
      student: try student.languageModel(), teachers: [(teacher, 1)] + more, recipe.kind,
      temperature: Float(recipe.temperature), alpha: Float(recipe.alpha), classCount: classCount,
      matching: try matching(recipe.hidden, student: student),
      relations: try relations(recipe.relations, student: student))
  }

  /// The numbers of layers of a student and of the teacher.
  private func layerCounts(_ student: Arm, _ key: String) throws -> (
    student: any ReducibleModel, teacher: any ReducibleModel
  ) {
    guard let own = student.model as? any ReducibleModel,
      let other = teacher?.model as? any ReducibleModel
    else { throw RecipeError("\(key) needs a teacher that is loaded.") }
    return (own, other)
  }

  private func relations(_ recipe: RelationRecipe, student: Arm) throws -> RelationMatching? {
    guard recipe.weight > 0 else { return nil }
    let key = "distillation.relations"
    let (own, other) = try layerCounts(student, key)
    let layers =
      recipe.layers.isEmpty ? [own.layerCount - 1, other.layerCount - 1] : recipe.layers
    guard (0..<own.layerCount).contains(layers[0]), (0..<other.layerCount).contains(layers[1])
    else {
      throw RecipeError(
        "\(key).layers must be numbers up to \(own.layerCount - 1) and \(other.layerCount - 1).")
    }
    let matching = RelationMatching(
      weight: Float(recipe.weight), headCount: recipe.heads, layers: (layers[0], layers[1]))
    let tokens = Tensor.input("tokens", TensorType([1, 2], .int32))
    for (arm, layer) in [(student, layers[0]), (teacher ?? student, layers[1])] {
      let context = AttentionContext(wholeSequences: tokens)
      _ = try arm.languageModel().hiddenStates(tokens, context)
      guard matching.fits(context.heads[layer]) else {
        throw RecipeError(
          "\(key).heads must divide the widths of queries, keys and values of the \(arm.name).")
      }
    }
    return matching
  }

  private func matching(_ recipe: HiddenRecipe, student: Arm) throws -> HiddenMatching? {
    guard recipe.weight > 0 else { return nil }
    let (own, other) = try layerCounts(student, "distillation.hidden")
    var pairs = recipe.layers.map { (student: $0[0], teacher: $0[1]) }
    if pairs.isEmpty {
      pairs = (0...own.layerCount).map { ($0, $0 * other.layerCount / own.layerCount) }
    }
    guard
      pairs.allSatisfy({
        (0...own.layerCount).contains($0.student) && (0...other.layerCount).contains($0.teacher)
      })
    else {
      throw RecipeError(
        "distillation.hidden.layers must pair 0 to \(own.layerCount) with 0 to \(other.layerCount)."
      )
    }
    return HiddenMatching(
      weight: Float(recipe.weight), pairs: pairs, widths: (own.width, other.width))
  }
}
