// The text of a run, as rows of tokens.
import Base
import Experiments
import Foundation
import Storage
import Tensors
import Tokenizers
import Training

/// What a run trains on, chooses weights by and is judged by.
package struct RunText: CustomStringConvertible {
  /// What is trained on, with what is known of a teacher's side.
  package private(set) var learnt: LearntRows
  package var training: any TokenData { learnt.data }
  /// Few rows, by which every arm's best weights are chosen; nil where the text has none to spare.
  package let validation: (any TokenData)?
  package private(set) var heldOut: any TokenData
  /// The start of a held-out text, which every model continues.
  package let prompt: String
  package private(set) var promptTokens: [Int32]
  /// Bytes of held-out text per token; the end of a text counts as one byte.
  package private(set) var bytesPerToken: Double
  /// The prompt in the tokens of a teacher that has others.
  private var promptOfTeacher: [Int32] = []
  package private(set) var description: String
  /// The hosted models whose answers are among the entries, with their terms.
  private(set) var answersFrom = AnswerOrigins([])
  /// An entry as it stands in its file, for a person to look at.
  package private(set) var firstEntry: DataEntry?
  /// Rows of a share of the entries that are trained on.
  private let rows: (_ share: Double) throws -> LearntRows
  /// The held-out rows in two tokenizations, where a teacher has another one.
  private let judged: AlignedRows?

  /// At most so many rows are measured for validation: they are measured again and again.
  private static let validationRows = 64

  /// What tells these data from others.
  package var fingerprint: String {
    training.fingerprint + heldOut.fingerprint + (validation?.fingerprint ?? "")
  }

  /// The same with a share of what is trained on, chosen by entries.
  package func slice(_ share: Double) throws -> RunText {
    guard share < 1 else { return self }
    var slice = self
    slice.learnt = try rows(share)
    guard slice.training.count > 0 else {
      throw UserError(
        "A share of \(share) of the training text is smaller than one sequence of \(training.length) tokens. Give "
          + "more text, or set text_share higher.")
    }
    slice.description += "; a share of \(share) is read, \(counted(slice.training.count, "row"))"
    return slice
  }

  /// The same text in the tokens of a teacher that has others; nil where it has not.
  package var ofTeacher: RunText? {
    guard let training = learnt.aligned, let judged else { return nil }
    var text = self
    (text.learnt, text.heldOut) = (LearntRows(training.teacher), judged.teacher)
    text.bytesPerToken = judged.bytesPerTarget(of: judged.teacher)
    text.promptTokens = promptOfTeacher
    return text
  }

  /// Reads a recipe's files. Plain texts are a stream of tokens, cut into rows; where an entry is an object, or rows
  /// are packed, every entry has a row of its own. Ids from `classCount` on are in no table of the models. Without
  /// `shifts` the rows of every pass are the same. A `teacher` has other tokens, and rows are aligned with its own; of one that is
  /// not here, `readsRecords` takes what was recorded beside its answers.
  package init(
    _ recipe: DataRecipe, _ tokenizer: RunTokenizer, packs: Bool, classCount: Int, seed: UInt64,
    shifts: Bool = true, teacher: TeacherTokens? = nil, readsRecords: Bool = false
  ) throws {
    let aligner = teacher.map {
      TextAligner(
        student: tokenizer, teacher: $0, length: recipe.sequenceLength, classCount: classCount)
    }
    let entries = try recipe.entries()
    let texts = packs ? [] : entries.compactMap(\.plainText)
    let isStream = texts.count == entries.count
    guard !isStream || !readsRecords else {
      throw UserError(
        "The objective likelihood without a teacher learns from the log-probabilities beside collected answers, and these are "
          + "plain texts. Name a teacher, or give such answers (JSON Lines).")
    }
    self =
      isStream
      ? try RunText(
        stream: texts, recipe, tokenizer, aligner, classCount: classCount, seed: seed,
        shifts: shifts)
      : try RunText(
        entries: entries, recipe, tokenizer, aligner, readsRecords: readsRecords, packs: packs,
        classCount: classCount, seed: seed)
    (firstEntry, answersFrom) = (entries.first, AnswerOrigins(entries))
    promptOfTeacher = try teacher?.tokenizer.beginning(prompt) ?? []
    for (name, part) in [("training", training), ("held-out", heldOut)] where part.count == 0 {
      throw UserError(
        isStream
          ? "The \(name) text is smaller than one sequence of \(recipe.sequenceLength) tokens. Give more text, set "
            + "data.sequence_length lower, or change the shares that are kept apart, data.held_out "
            + "(\(recipe.heldOut)) and data.validation (\(recipe.validation))."
          : "No text is left for the \(name) part: of few entries, data.held_out (\(recipe.heldOut)) takes none or "
            + "all. Give more entries, or set data.held_out to 0.5.")
    }
    try tokenizer.tokenizer.require(promptTokens, below: classCount)
  }

  private init(
    stream texts: [String], _ recipe: DataRecipe, _ tokenizer: RunTokenizer,
    _ aligner: TextAligner?, classCount: Int, seed: UInt64, shifts: Bool
  ) throws {
    let corpus = Corpus(
      texts, heldOutShare: recipe.heldOut, validationShare: recipe.validation, seed: seed)
    func windows(_ entries: [String], atMost limit: Int = .max) throws -> TokenWindows {
      let tokens = try Corpus.tokens(entries, endOfText: tokenizer.endOfText) {
        try tokenizer.tokenizer.encode($0)
      }
      try tokenizer.tokenizer.require(tokens, below: classCount)
      let length = recipe.sequenceLength
      let used = limit < .max ? Array(tokens.prefix(limit * length + 1)) : tokens
      return TokenWindows(used, length: length, shifts: shifts)
    }
    func learnt(_ entries: [String]) throws -> LearntRows {
      try aligner.map { LearntRows(try $0.rows(stream: entries)) } ?? LearntRows(windows(entries))
    }
    let training = try learnt(corpus.training)
    /// Entries from all over some, for about so many rows.
    func entries(of all: [String], rows: Int) throws -> [String] {
      let count = max(1, try windows(all).count)
      return Parts.slice(all, share: Double(rows) / Double(count), seed: seed)
    }
    let judged = try entries(of: corpus.heldOut, rows: recipe.judgedRows)
    let judgedRows = try learnt(judged)
    let heldOut = judgedRows.data
    let validation = try windows(
      entries(of: corpus.validation, rows: Self.validationRows), atMost: Self.validationRows)
    (self.learnt, self.heldOut, self.judged) = (training, heldOut, judgedRows.aligned)
    self.validation = validation.count > 0 ? validation : nil
    rows = { try learnt(Parts.slice(corpus.training, share: $0, seed: seed)) }
    let judgedTokens = (heldOut as? TokenWindows)?.tokens.count ?? heldOut.targetCount
    bytesPerToken =
      judgedRows.aligned?.bytesPerTarget(of: heldOut) ?? Corpus.bytesPerToken(judged, judgedTokens)
    let longEnough = corpus.heldOut.first { $0.utf8.count > 60 } ?? corpus.heldOut.first ?? ""
    prompt = longEnough.split(separator: " ").prefix(4).joined(separator: " ")
    promptTokens = try tokenizer.beginning(prompt)
    let read = (training.data as? TokenWindows)?.tokens.count ?? training.data.targetCount
    description =
      "\(counted(corpus.training.count, "entry", "entries")) (\(counted(read, "token"))) to train "
      + "on, \(counted(validation.targetCount, "token")) to choose weights by, "
      + "\(counted(corpus.heldOut.count, "entry", "entries")) held out, of which \(grouped(judged.count)) (\(counted(judgedTokens, "token"))) "
      + "are judged"
  }

  private init(
    entries: [DataEntry], _ recipe: DataRecipe, _ tokenizer: RunTokenizer,
    _ aligner: TextAligner?, readsRecords: Bool, packs: Bool, classCount: Int, seed: UInt64
  ) throws {
    let reader = EntryExamples(tokenizer)
    let examples = try entries.map { (entry: $0, examples: try reader.examples($0)) }
    let all = examples.flatMap(\.examples)
    let split = Parts(
      of: all.count, heldOutShare: recipe.heldOut, validationShare: recipe.validation, seed: seed)
    let parts = split.split(all)
    // Earlier answers of a conversation have no numbers.
    let records = split.split(
      examples.flatMap { item in item.examples.map { _ in item.entry } })
    let others = try aligner.map { split.split(try $0.examples(entries, count: all.count)) }
    func rows(_ examples: [TokenExamples.Example], packs: Bool) -> TokenExamples {
      TokenExamples(examples, length: recipe.sequenceLength, packs: packs)
    }
    /// Rows of a share of what is trained on.
    func learnt(_ share: Double) throws -> LearntRows {
      func slice<Element>(_ items: [Element]) -> [Element] {
        share < 1 ? Parts.slice(items, share: share, seed: seed) : items
      }
      let own = slice(parts.training)
      if readsRecords {
        return LearntRows(
          try RecordedRows(
            own, slice(records.training), tokenizer, length: recipe.sequenceLength))
      }
      return try aligner.flatMap { aligner in
        try others.map { LearntRows(try aligner.rows(own, slice($0.training))) }
      } ?? LearntRows(rows(own, packs: packs))
    }
    let training = rows(parts.training, packs: packs)
    // Objectives that read segments read them here too.
    let validation = rows(
      Parts.sample(parts.validation, atMost: Self.validationRows, seed: seed), packs: packs
    )
    let judged = Parts.sample(parts.heldOut, atMost: recipe.judgedRows, seed: seed)
    let heldOut = rows(judged, packs: false)
    self.rows = learnt
    for example in training.examples + validation.examples + heldOut.examples {
      try tokenizer.tokenizer.require(example.tokens, below: classCount)
    }
    let alignedHeldOut = try others.flatMap {
      try aligner?.rows(
        judged, Parts.sample($0.heldOut, atMost: recipe.judgedRows, seed: seed))
    }
    (self.learnt, self.heldOut) = (try learnt(1), alignedHeldOut?.student ?? heldOut)
    self.judged = alignedHeldOut
    self.validation = validation.count > 0 ? validation : nil
    bytesPerToken =
      alignedHeldOut.map { $0.bytesPerTarget(of: $0.student) }
      ?? heldOut.bytesPerTarget { tokenizer.tokenizer.decode($0) }
    let first = heldOut.examples.first
    let given = first?.isTarget.prefix { !$0 }.count ?? 0
    promptTokens = Array((first?.tokens ?? [tokenizer.endOfText]).prefix(given > 0 ? given : 6))
    prompt = tokenizer.tokenizer.decode(promptTokens)
    let lost = training.droppedCount + heldOut.droppedCount
    guard training.count > 0 || training.droppedCount == 0 else {
      throw UserError(
        "No completion begins within \(recipe.sequenceLength) tokens: nothing would be learnt. Set "
          + "data.sequence_length higher.")
    }
    let cut = training.cutCount + heldOut.cutCount
    description =
      "\(counted(training.examples.count, "text")) (\(counted(training.targetCount, "token")) that are learnt"
      + (packs ? ", in \(counted(training.count, "row"))" : "")
      + ") to train on, \(counted(validation.targetCount, "token")) to choose weights by, \(counted(heldOut.count, "text")) "
      + "(\(grouped(heldOut.targetCount))) held out"
      + (judged.count < parts.heldOut.count
        ? " and judged, of \(grouped(parts.heldOut.count)) that are held out" : "")
      + (cut > 0 ? "; \(grouped(cut)) are longer than a sequence and lose their end" : "")
      + (lost > 0 ? "; \(grouped(lost)) are left out, as no completion is in what fits" : "")
  }
}
