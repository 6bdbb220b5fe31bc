// A language model of a run, as its recipe says it.
import Experiments
import Models

/// A model: a folder to load it from, parts of a teacher, or the sizes of a new one; and what it reads.
package struct ModelRecipe: RecipeSection {
  @Key("A folder with config.json and weights; empty makes a new model of the sizes below.")
  package var path = ""

  @Key("Which parts of the teacher it begins with, in place of sizes; for students only.")
  package var fromTeacher = ReductionRecipe()

  @Key(
    """
    How the matrices of its linear layers lie in memory, of a teacher in a folder: as the file has them, or in fewer bits (int8: 8; \
    nf4: 4.1; q8_0 and others as GGUF has them). The doctor says what it changes.
    """)
  package var storage = FrozenStorage.file

  @Key("Small additions that are trained in place of the weights of a model in a folder.")
  package var adapter = AdapterRecipe()

  @Key("Layers of a new model, which is of Llama's family.", .from(1, to: 200))
  package var layers = 2

  @Key("The width of its hidden states.", .from(1, to: 32_768))
  package var width = 64

  @Key("Its attention heads: a divisor of the width with an even quotient of at most 128.")
  package var heads = 2

  @Key("Its heads of keys and values: a divisor of the number of heads.")
  package var keyValueHeads = 2

  @Key("The width inside its feed-forward layers.", .from(1, to: 131_072))
  package var mlpWidth = 172

  @Key(
    """
    The share of the training text that the model reads. 0 takes little (0.02) for the student of a teacher that the \
    run trains, and all otherwise.
    """, .share)
  package var textShare = 0.0

  package init() {}

  static var teacher: ModelRecipe {
    var teacher = ModelRecipe()
    (teacher.layers, teacher.width, teacher.mlpWidth) = (3, 128, 344)
    return teacher
  }

  /// The sizes of a new model.
  struct Sizes: Equatable {
    let (layers, width, heads, keyValueHeads, mlpWidth): (Int, Int, Int, Int, Int)
  }

  var sizes: Sizes {
    get {
      Sizes(
        layers: layers, width: width, heads: heads, keyValueHeads: keyValueHeads,
        mlpWidth: mlpWidth)
    }
    set {
      (layers, width, heads) = (newValue.layers, newValue.width, newValue.heads)
      (keyValueHeads, mlpWidth) = (newValue.keyValueHeads, newValue.mlpWidth)
    }
  }

  func validate(_ section: String) throws {
    try require(
      heads > 0 && width % heads == 0 && width / heads % 2 == 0 && width / heads <= 128,
      "\(section).heads",
      "a divisor of the width (\(width)) with an even quotient of at most 128")
    try require(
      !adapter.isWanted || !path.isEmpty, "\(section).adapter.rank",
      "0 without \(section).path: additions are to a model that exists")
    try require(
      storage == .file || !path.isEmpty, "\(section).storage",
      "file without \(section).path: a model that is trained first lies in single precision")
    try require(
      adapter.base == .file || adapter.isWanted, "\(section).adapter.base",
      "file without \(section).adapter.rank: weights that are trained lie in single precision")
    try require(
      keyValueHeads > 0 && heads % keyValueHeads == 0, "\(section).key_value_heads",
      "a divisor of the number of heads (\(heads))")
  }

  /// Whether its weights exist before the run.
  var isStarted: Bool { !path.isEmpty || fromTeacher.isWanted }

  fileprivate func configuration(vocabularySize: Int, contextLength: Int) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabularySize: vocabularySize, width: width, intermediateWidth: mlpWidth,
      layerCount: layers, headCount: heads, keyValueHeadCount: keyValueHeads,
      contextLength: contextLength)
  }
}

extension Arm {
  /// A language model that the run trains: from a folder, from parts of a teacher, or new. New ones have a token for each of
  /// `vocabularySize` ids.
  package init(
    _ name: String, _ recipe: ModelRecipe, teacher: ModelDirectory? = nil, vocabularySize: Int,
    sequenceLength: Int, in folder: RunFolder
  ) throws {
    if !recipe.path.isEmpty {
      try self.init(name, startingFrom: recipe.path, in: folder)
      if recipe.adapter.isWanted { self = try adapted(by: recipe.adapter) }
    } else if recipe.fromTeacher.isWanted {
      try self.init(name, recipe.fromTeacher, of: teacher, in: folder)
    } else {
      self.init(
        name,
        new: Llama(
          recipe.configuration(vocabularySize: vocabularySize, contextLength: sequenceLength)),
        in: folder)
    }
    try require(contextOf: sequenceLength)
  }

  /// Throws unless the model reads rows of so many tokens.
  package func require(contextOf sequenceLength: Int) throws {
    guard sequenceLength <= model.tokenLimit else {
      throw RecipeError(
        "data.sequence_length must be at most \(model.tokenLimit), the context of the \(name).")
    }
  }
}
