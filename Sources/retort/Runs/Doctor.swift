// What would spoil a distillation silently, found before it begins.
import Distillation
import Foundation
import Models
import OpenCLBackend
import Storage
import Tensors
import Tokenizers
import Training

/// Something that was looked at before a run.
struct Finding {
  enum Level: String {
    case fine = "ok"
    case warning = "warning"
    /// The run is refused, unless it is forced.
    case refusal = "refused"
  }

  let level: Level
  let text: String

  static func fine(_ text: String) -> Finding { Finding(level: .fine, text: text) }
  static func warning(_ text: String) -> Finding { Finding(level: .warning, text: text) }
  static func refusal(_ text: String) -> Finding { Finding(level: .refusal, text: text) }

  var line: String { "\(level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)) \(text)" }
}

/// Looks at a distillation of language models before it begins.
struct Doctor {
  let arms: DistillationArms
  let text: RunText
  let recipe: DistillRecipe
  let device: any Device

  func findings() throws -> [Finding] {
    try vocabulary() + conversations() + targets() + rowsOfCache() + teacherOnText() + plan()
  }

  private func vocabulary() throws -> [Finding] {
    let student = arms.pairs[0].student.model
    let rows = [arms.teacher?.model.vocabularySize, student.vocabularySize].compactMap { $0 }
    let padded = rows.contains { $0 > arms.classCount }
    var findings = [
      Finding.fine(
        "one tokenizer of \(grouped(arms.classCount)) tokens for all models"
          + (padded
            ? "; tables have \(rows.map(grouped).joined(separator: " and ")) rows, the rest is padding"
            : ""))
    ]
    let unknown = Set(unusable(text.training) + unusable(text.heldOut)).sorted()
    if !unknown.isEmpty {
      findings.append(
        .refusal("the data hold the ids \(list(unknown.map(String.init))), which are no tokens"))
    }
    return findings
  }

  private func unusable(_ data: any TokenData) -> [Int32] {
    data.evaluationBatches(size: 64).flatMap { batch in
      batch.tokens.integers.filter { Int($0) >= arms.classCount }
    }
  }

  /// Whether teacher and student write conversations alike.
  private func conversations() throws -> [Finding] {
    guard !recipe.data.completions.isEmpty, let own = arms.tokenizer.directory else { return [] }
    let sample = [
      ChatMessage(role: "user", content: "One?"), ChatMessage(role: "assistant", content: "Two."),
    ]
    guard let mine = try? own.chatTemplate().render(sample, startsAnswer: false) else { return [] }
    guard !recipe.student.path.isEmpty else {
      return [.fine("conversations are written as \(mine.json)")]
    }
    let other = try TokenizerDirectory(URL(fileURLWithPath: recipe.student.path))
    let theirs = (try? other.chatTemplate().render(sample, startsAnswer: false)) ?? "nothing"
    return mine == theirs
      ? [.fine("teacher and student write conversations as \(mine.json)")]
      : [
        .refusal(
          "the teacher writes a conversation as \(mine.json), the student as \(theirs.json): use one "
            + "chat template for both")
      ]
  }

  private func targets() -> [Finding] {
    let (targets, positions) = (
      text.training.targetCount, text.training.count * text.training.length
    )
    let share = Double(targets) / Double(max(1, positions))
    let sentence =
      "\(fixed(100 * share, 1)) % of positions carry loss (\(grouped(targets)) of \(grouped(positions)))"
    let steps = recipe.student.steps * recipe.training.batchSize * recipe.training.microBatches
    let passes = Double(steps) / Double(max(1, text.training.count))
    let passed = "the student sees the data \(fixed(passes, 1)) times"
    return [
      share < 0.05
        ? .warning(
          sentence + ": most of each step is spent on padding or prompts; shorter sequences help")
        : .fine(sentence),
      passes > 20 ? .warning(passed + ": it may learn them by heart") : .fine(passed),
    ]
  }

  private func rowsOfCache() -> [Finding] {
    guard let cache = arms.cache else { return [] }
    let missing = [text.training, text.heldOut].reduce(0) { sum, data in
      sum + data.evaluationBatches(size: 1).count { !cache.holds($0) }
    }
    let all = text.training.count + text.heldOut.count
    return [
      missing == 0
        ? .fine("the cache (\(cache.description.codec)) holds all \(grouped(all)) rows")
        : .refusal(
          "the cache lacks \(grouped(missing)) of \(grouped(all)) rows: it was made from other data, another "
            + "seed or another length; `retort cache` adds them")
    ]
  }

  /// The teacher's loss on some held-out rows, beside that of guessing by frequency.
  private func teacherOnText() throws -> [Finding] {
    guard let teacher = arms.teacher, !recipe.teacher.path.isEmpty else { return [] }
    let store = VariableStore(on: device, seed: recipe.seed)
    try teacher.load(into: store)
    let size = max(1, min(recipe.training.batchSize, 2048 / text.heldOut.length))
    let some = Array(text.heldOut.evaluationBatches(size: size).prefix(4))
    let result = try evaluate(
      try teacher.languageModel(), teacher: nil, on: some, classCount: arms.classCount, store: store
    )
    let guess = Self.frequencyLoss(text.training)
    let sentence =
      "the teacher's perplexity on this text is \(fixed(exp(result.natsPerToken), 1)), guessing by frequency "
      + "has \(fixed(exp(guess), 1))"
    guard result.natsPerToken.isFinite else {
      return [.refusal("the teacher's loss on this text is not a number: its logits are not")]
    }
    return [
      result.natsPerToken < guess
        ? .fine(sentence)
        : .refusal(sentence + ": the teacher knows nothing of this text, and would teach that")
    ]
  }

  /// The entropy of targets by their frequency, in nats.
  private static func frequencyLoss(_ data: any TokenData) -> Double {
    var counts: [Int32: Int] = [:]
    for batch in data.evaluationBatches(size: 64) {
      for label in batch.labels.integers where label >= 0 { counts[label, default: 0] += 1 }
    }
    let total = Double(max(1, counts.values.reduce(0, +)))
    return counts.values.reduce(0) { $0 - Double($1) / total * log(Double($1) / total) }
  }

  /// Memory and time of the student's steps.
  private func plan() throws -> [Finding] {
    let student = arms.pairs[0].student
    let type = TensorType(
      [recipe.training.batchSize, recipe.data.sequenceLength], .int32)
    let teacher: Teacher =
      try arms.cache.map { .cache($0) }
      ?? .model(try (arms.teacher ?? student).languageModel())
    let objective = try arms.objective(recipe.distillation, student: student, teacher: teacher)
    let loss = objective.loss(
      tokens: .input("tokens", type), labels: .input("labels", type)
    ).total
    let parameters = student.model.parameters().map(\.tensor)
    let graph = Graph(outputs: [loss] + gradients(of: loss, withRespectTo: parameters))
    let teachers = (arms.cache == nil ? [arms.teacher?.model] : []) + arms.others.map(\.arm.model)
    let given = teachers.reduce(0) { $0 + ($1?.parameterCount ?? 0) }
    let weights = 4 * (3 * student.model.parameterCount + given)
    let need = try weights + GraphExecutor.byteCount(of: graph, on: device)
    let memory = device.traits.memoryBytes
    func mebibytes(_ bytes: Int) -> String { "\(grouped(bytes >> 20)) MiB" }
    let flops = graph.rewritten().applications.reduce(0.0) {
      $0 + $1.op.flopCount($1.operands.map(\.type))
    }
    let peak = try (device as? OpenCLDevice)?.measurePeaks().flopsPerSecond
    let steps = Double(recipe.student.steps * recipe.training.microBatches * recipe.seeds)
    let time =
      peak.map { ", about \(duration(flops * steps / $0 / 0.5)) at half of the device's peak" }
      ?? ""
    let sentence = "the student's step needs \(mebibytes(need)) of memory\(time)"
    return [
      need <= memory
        ? .fine(sentence)
        : .refusal(
          "\(sentence), but the device has \(mebibytes(memory)): use smaller or more micro-batches")
    ]
  }
}
