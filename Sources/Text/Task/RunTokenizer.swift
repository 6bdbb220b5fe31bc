// The tokenizer of a run.
import Base
import Experiments
import Foundation
import Models
import Storage
import Tokenizers

/// A tokenizer with the token that ends a text: that of all models of a run, but for a teacher that has its own.
package struct RunTokenizer {
  package let tokenizer: Tokenizer
  package let endOfText: Int32
  /// What it consists of in a model's folder.
  package let files: [(name: String, text: String)]
  /// The folder it came from; nil for bytes.
  package let directory: TokenizerDirectory?

  /// The tokenizer of a folder: a model's, or one that `retort tokenizer train` wrote.
  package init(folder path: String) throws {
    let directory = try TokenizerDirectory(URL(fileURLWithPath: path))
    guard let end = directory.endOfText else {
      throw UserError(
        "\(path) does not say which token ends a text: name it as `eos_token` in its "
          + "tokenizer_config.json.")
    }
    tokenizer = directory.tokenizer
    endOfText = end
    files = directory.files
    self.directory = directory
  }

  /// A tokenizer that is in no folder.
  init(_ tokenizer: Tokenizer, endOfText: Int32, files: [(name: String, text: String)] = []) {
    (self.tokenizer, self.endOfText, self.files) = (tokenizer, endOfText, files)
    directory = nil
  }

  /// One token per byte.
  package init(contextLength: Int) throws {
    let bytes = try Tokenizer(ByteLevelFile.bytes)
    self.init(
      bytes, endOfText: Int32(bytes.vocabularySize - 1),
      files: ByteLevelFile.files(ByteLevelFile.bytes, contextLength: contextLength))
  }

  /// That of the model which the run starts from, else that of the folder which the recipe names, else bytes.
  package init(_ folder: String, model path: String, contextLength: Int) throws {
    guard path.isEmpty || folder.isEmpty else {
      throw RecipeError("data.tokenizer must be empty: the tokenizer of \(path) is used.")
    }
    if !path.isEmpty {
      // A folder that is no model's, or holds an encoder, says so first.
      _ = try ModelDirectory(URL(fileURLWithPath: path)).languageModel()
      self = try RunTokenizer(folder: path)
    } else {
      self =
        folder.isEmpty
        ? try RunTokenizer(contextLength: contextLength) : try RunTokenizer(folder: folder)
    }
  }

  /// A text that goes on, behind the end of another one.
  func beginning(_ text: String) throws -> [Int32] {
    [endOfText] + (try tokenizer.encode(text, endsText: false))
  }

  /// Whether another one gives the same ids.
  func isSame(as other: RunTokenizer) -> Bool {
    other.files.first?.text == files.first?.text || other.tokenizer.hasSameTokens(as: tokenizer)
  }

  /// Throws unless a folder's tokenizer gives the same ids.
  func requireSame(as path: String, mayBeLikelihood: Bool = false) throws {
    guard isSame(as: try RunTokenizer(folder: path)) else {
      throw UserError(
        "\(path) has another tokenizer than the teacher, so their tokens cannot be compared"
          + (mayBeLikelihood ? "; the objective likelihood compares pieces of text." : "."),
        remedy: .learnTexts(student: path))
    }
  }
}
