// The models of a distillation of language models.
import Base
import Distillation
import Experiments
import Foundation
import Models
import Storage
import Tensors

/// Teacher, students and controls, with the tokenizer of all of them or of students and controls alone.
package struct LanguageArms {
  package let tokenizer: RunTokenizer
  /// The teacher's tokens, where students are taught by the likelihood of pieces of text.
  package let teacherTokens: TeacherTokens?
  /// Whether a teacher that is not here taught by what was recorded beside its answers.
  package let readsRecords: Bool
  /// nil where a cache stands for it.
  package let teacher: Arm?
  /// Whether the teacher exists before the run.
  private let isTeacherGiven: Bool
  /// What tells the folder of a teacher from others for which a cache stands while students are trained.
  private let fingerprintBesideCache: String?
  package let cache: TeacherCache?
  /// Teachers besides the first, with their weights.
  package let others: [(arm: Arm, weight: Float)]
  /// The first student, which shows what all students and controls are.
  package let student: Arm
  /// A student or control of some name.
  package let arm: (String) throws -> Arm
  /// Rows of models' tables beyond these are padding.
  package let classCount: Int

  /// `folder` is that of the run, where there is one.
  package init(_ recipe: DistillRecipe, folder: RunFolder) throws {
    let own = recipe.language
    let (path, length) = (own.teacher.path, recipe.text.data.sequenceLength)
    isTeacherGiven = !path.isEmpty
    readsRecords = path.isEmpty && own.distillation.objective == .likelihood
    let cacheFolder = own.distillation.cache
    var (cache, expected): (TeacherCache?, String?) = (nil, nil)
    if !cacheFolder.isEmpty {
      expected =
        path.isEmpty
        ? nil
        : try ModelDirectory(URL(fileURLWithPath: path), storage: own.teacher.storage).fingerprint()
      let opened = try TeacherCache(URL(fileURLWithPath: cacheFolder), expecting: expected)
      guard opened.description.length == length else {
        throw RecipeError(
          "data.sequence_length must be \(opened.description.length), that of the cache.")
      }
      try opened.require(temperature: own.distillation.temperature)
      cache = opened
    }
    self.cache = cache
    fingerprintBesideCache = expected
    let other: RunTokenizer?
    (tokenizer, other) = try Self.tokenizers(own, contextLength: length)
    let size = tokenizer.tokenizer.vocabularySize
    var source: ModelDirectory?
    if !path.isEmpty {
      let arm = try Arm("teacher", finished: path, storage: own.teacher.storage)
      source = arm.directory
      teacher = arm
    } else if cache == nil, !readsRecords {
      teacher = try Arm(
        "teacher", own.teacher, vocabularySize: size, sequenceLength: length, in: folder)
    } else {
      teacher = nil
    }
    let shared = tokenizer
    others = try own.distillation.moreTeachers.enumerated().map { index, other in
      try shared.requireSame(as: other.path)
      let arm = try Arm("teacher-\(index + 2)", finished: other.path)
      guard length <= (try arm.languageModel()).contextLength else {
        throw RecipeError(
          "data.sequence_length must be at most \(arm.model.tokenLimit), the context of \(other.path)."
        )
      }
      return (arm, Float(other.weight))
    }
    if !own.student.path.isEmpty {
      // A folder that is no language model's says so first.
      _ = try ModelDirectory(URL(fileURLWithPath: own.student.path)).languageModel()
      if other == nil {
        try tokenizer.requireSame(as: own.student.path, mayBeLikelihood: !path.isEmpty)
      }
    }
    arm = { [source] name in
      var arm = try Arm(
        name, own.student, teacher: source, vocabularySize: size, sequenceLength: length, in: folder
      )
      arm.beginsRandom = recipe.distillation.beginsRandom(name)
      return arm
    }
    student = try arm("student")
    let models = [other == nil ? teacher?.model : nil, student.model] + others.map(\.arm.model)
    let tables = models.compactMap { $0?.tokenRows }
    classCount = min(size, tables.min() ?? size, cache?.description.classCount ?? size)
    if let other, let teacher {
      teacherTokens = TeacherTokens(
        tokenizer: other, contextLength: teacher.model.tokenLimit,
        classCount: min(other.tokenizer.vocabularySize, teacher.model.tokenRows))
    } else {
      teacherTokens = nil
    }
    // Tokens that a table has not may be there, as long as no text holds them.
    try tokenizer.directory?.requireSpecialTokens(below: classCount)
    if let arm = teacher, other == nil, !path.isEmpty, length > arm.model.tokenLimit {
      throw RecipeError(
        "data.sequence_length must be at most \(arm.model.tokenLimit), the context of the teacher."
      )
    }
  }

  /// The tokenizer of students and controls, and the teacher's, where it is another one or its likelihoods are to be learnt from.
  private static func tokenizers(_ recipe: LanguageDistillRecipe, contextLength: Int) throws -> (
    own: RunTokenizer, teacher: RunTokenizer?
  ) {
    let (teacher, student, cache) = (
      recipe.teacher.path, recipe.student.path, recipe.distillation.cache
    )
    // A cache has its teacher's tokenizer with it.
    if !cache.isEmpty, teacher.isEmpty { return (try RunTokenizer(folder: cache), nil) }
    let (folder, wanted) = (recipe.data.tokenizer, recipe.distillation.objective == .likelihood)
    guard !teacher.isEmpty, recipe.distillation.mayBeLikelihood, !recipe.data.packing else {
      let model = wanted ? student : teacher
      return (try RunTokenizer(folder, model: model, contextLength: contextLength), nil)
    }
    // Parts of a teacher have its tokens.
    guard !recipe.student.fromTeacher.isWanted else {
      let given = try RunTokenizer(folder, model: teacher, contextLength: contextLength)
      return (given, wanted ? given : nil)
    }
    let given = try RunTokenizer("", model: teacher, contextLength: contextLength)
    guard !student.isEmpty || !folder.isEmpty || wanted else { return (given, nil) }
    let own = try RunTokenizer(folder, model: student, contextLength: contextLength)
    return wanted || !own.isSame(as: given) ? (own, given) : (given, nil)
  }

  /// The folders of all teachers with their shares, that of a cache's teacher among them.
  package var teacherFolders: [(folder: ModelDirectory, share: Double)] {
    let first =
      teacher?.directory
      ?? cache.map { ModelDirectory(URL(fileURLWithPath: $0.description.teacherPath)) }
    guard let first else { return [] }
    let sum = others.reduce(1) { $0 + $1.weight }
    return [(first, Double(1 / sum))] + others.map { ($0.arm.directory, Double($0.weight / sum)) }
  }

  /// The teacher whose tokens are others, as it is asked.
  package func otherTeacher() throws -> OtherTeacher? {
    guard let teacherTokens, let teacher else { return nil }
    return OtherTeacher(
      try teacher.languageModel(), teacherTokens.tokenizer,
      classCount: teacherTokens.classCount)
  }

  /// What a student learns of a teacher whose tokens are others.
  func likelihood(_ recipe: ObjectiveRecipe, student: Arm) throws -> LikelihoodObjective {
    LikelihoodObjective(
      student: try student.languageModel(), LikelihoodLoss(alpha: Float(recipe.alpha)),
      classCount: classCount)
  }

  /// What a language model learns from text alone.
  func nextToken(_ arm: Arm) throws -> NextTokenObjective {
    NextTokenObjective(try arm.languageModel(), classCount: classCount)
  }

  /// Reads every teacher that exists before the run, and what a cache has of one.
  package func readTeachers(on device: any Device) throws -> FrozenWeights {
    let weights = FrozenWeights(on: device)
    if let teacher, isTeacherGiven, cache == nil { try teacher.load(into: weights) }
    for other in others { try other.arm.load(into: weights) }
    try cache?.declare(in: weights.store)
    return weights
  }

  /// Declares all teachers in the store of a plan, where it does not know them.
  package func planTeachers(in store: VariableStore) throws {
    for other in others { try other.arm.planFinished(in: store) }
    if let cache { return try cache.declare(in: store) }
    try teacher?.planFinished(in: store)
  }

  /// Whether students are taught by the likelihood of pieces of text.
  package var comparesPieces: Bool { teacherTokens != nil || readsRecords }

  /// The first teacher's side of a loss; nil where it has other tokens.
  func teacherToCompare() throws -> Teacher? { comparesPieces ? nil : try teacherOfLoss() }

  private func teacherOfLoss() throws -> Teacher {
    if let cache { return .cache(cache) }
    guard let teacher else { fatal("there is a teacher or its cache") }
    return .model(try teacher.languageModel())
  }

  /// What these models start from.
  package func addOrigins(
    _ recipe: DistillRecipe, _ weights: FrozenWeights, to origins: inout RunOrigins
  ) throws {
    if let fingerprintBesideCache {
      origins.add("the teacher", fingerprintBesideCache)
    } else if isTeacherGiven, let teacher {
      origins.add("the teacher", try teacher.load(into: weights))
    }
    for other in others { origins.add("the \(other.arm.name)", try other.arm.load(into: weights)) }
    try origins.add("the student's folder", folder: recipe.language.student.path)
    if let cache { origins.add("the cache", cache.fingerprint) }
  }

  /// The student's objective, whose teachers need not be loaded as far as its graph goes.
  package func objective(_ recipe: ObjectiveRecipe, student: Arm) throws -> DistillationObjective {
    let more = try others.map {
      (teacher: Teacher.model(try $0.arm.languageModel()), weight: $0.weight)
    }
    return DistillationObjective(
      student: try student.languageModel(), teachers: [(try teacherOfLoss(), 1)] + more,
      recipe.divergence, classCount: classCount,
      matching: try FeatureMatching(
        recipe.hidden, recipe.relations, student: student, teacher: teacher))
  }
}
