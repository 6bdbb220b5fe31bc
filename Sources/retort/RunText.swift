// The text of a run, as windows of tokens.
import Foundation
import Storage
import Tokenizers
import Training

/// What a run trains on and what it is judged by.
struct RunText {
  let training: TokenWindows
  let heldOut: TokenWindows
  /// The start of a held-out entry, which every model continues.
  let prompt: String
  /// Bytes of held-out text per token; an entry's end counts as one byte.
  let bytesPerToken: Double
  let description: String

  init(_ recipe: DataRecipe, _ tokenizer: RunTokenizer, seed: UInt64) throws {
    let files = try Self.files(recipe)
    let corpus = try Corpus(files: files, heldOutShare: recipe.heldOut, seed: seed)
    func windows(_ entries: [String]) -> TokenWindows {
      TokenWindows(
        Corpus.tokens(entries, endOfText: tokenizer.endOfText) { tokenizer.tokenizer.encode($0) },
        length: recipe.sequenceLength)
    }
    training = windows(corpus.training)
    heldOut = windows(corpus.heldOut)
    for (name, part) in [("training", training), ("held-out", heldOut)] where part.count == 0 {
      throw StorageError(
        "The \(name) text is smaller than one sequence: it has \(part.tokens.count) tokens, one "
          + "sequence needs \(recipe.sequenceLength + 1). Give more text or set "
          + "data.sequence_length lower.")
    }
    bytesPerToken = Corpus.bytesPerToken(corpus.heldOut, heldOut.tokens)
    let longEnough = corpus.heldOut.first { $0.utf8.count > 60 } ?? corpus.heldOut[0]
    prompt = longEnough.split(separator: " ").prefix(4).joined(separator: " ")
    description =
      "\(grouped(corpus.training.count)) entries (\(grouped(training.tokens.count)) tokens) to train "
      + "on, \(grouped(corpus.heldOut.count)) (\(grouped(heldOut.tokens.count))) held out"
  }

  private static let fortunes = "/usr/share/games/fortunes"

  private static func files(_ recipe: DataRecipe) throws -> [URL] {
    if !recipe.text.isEmpty { return recipe.text.map { URL(fileURLWithPath: $0) } }
    let folder = URL(fileURLWithPath: fortunes)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: fortunes)) ?? []
    // Beside each text lies an index, and a link under a second name.
    let texts = names.filter { !$0.contains(".") && $0 != "off" }.sorted()
    guard !texts.isEmpty else {
      throw StorageError(
        "No text was given, and the default text is not installed: name files in data.text, or "
          + "run `apt-get install fortunes`.")
    }
    return texts.map { folder.appending(path: $0) }
  }
}
