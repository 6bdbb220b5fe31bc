// The sentences of a run, as rows of tokens.
import Base
import Experiments
import Foundation
import Models
import Storage
import Text
import Tokenizers
import Training

/// Sentences to learn from, to choose weights by and to be judged by.
struct RunSentences: CustomStringConvertible {
  let training: SentenceData
  /// nil where the text has none to spare.
  let validation: SentenceData?
  let heldOut: SentenceData
  /// An entry as it stands in its file, for a person to look at.
  let firstEntry: DataEntry?

  /// At most so many sentences are measured for validation: they are measured again and again.
  private static let validationRows = 128

  /// What tells these sentences from others.
  var fingerprint: String {
    training.fingerprint + heldOut.fingerprint + (validation?.fingerprint ?? "")
  }

  /// A share of the text is trained on. Ids from `classCount` on are in no table of the models.
  init(
    _ recipe: DataRecipe, share: Double, _ tokenizer: Tokenizer, _ encoder: SentenceEncoder,
    classCount: Int, seed: UInt64
  ) throws {
    let entries = try recipe.entries()
    firstEntry = entries.first
    let corpus = Corpus(
      try DataEntry.texts(entries), heldOutShare: recipe.heldOut,
      validationShare: recipe.validation, seed: seed)
    func sentences(_ entries: [String]) throws -> SentenceData {
      SentenceData(
        try entries.map {
          try SentenceEmbedder.ids($0, tokenizer, encoder, maximumLength: recipe.sequenceLength)
        }.filter { !$0.isEmpty }, length: recipe.sequenceLength)
    }
    training = try sentences(Parts.slice(corpus.training, share: share, seed: seed))
    let validation = try sentences(
      Parts.sample(corpus.validation, atMost: Self.validationRows, seed: seed))
    // A control tells the halves of sentences apart, which takes two of them.
    self.validation = validation.count > 1 ? validation : nil
    heldOut = try sentences(
      Parts.sample(corpus.heldOut, atMost: recipe.judgedRows, seed: seed))
    guard training.count > 0, heldOut.count > 1 else {
      throw UserError(
        "The text has too few entries: \(training.count) to train on and \(heldOut.count) held out. Give more "
          + "text, or change data.held_out (\(recipe.heldOut)).")
    }
    for data in [training, validation, heldOut] {
      for ids in data.sentences { try tokenizer.require(ids, below: classCount) }
    }
  }

  var description: String {
    "\(counted(training.count, "sentence")) to train on, \(grouped(validation?.count ?? 0)) to choose weights by, "
      + "\(grouped(heldOut.count)) held out and judged"
  }
}
