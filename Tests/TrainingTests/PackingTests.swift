// Texts that share rows: nothing changes but the number of rows.
import Checks
import Models
import Tensors
import Testing
import Training

@testable import Distillation

@Suite struct PackingTests {
  private let texts: [TokenExamples.Example] = {
    var random = RandomData(seed: 31)
    return (0..<11).map { index in
      let count = 2 + random.integer(below: 6)
      return .init(
        tokens: random.integers([count], below: 23).integers,
        // The first half of some is a prompt.
        isTarget: (0..<count).map { index % 3 > 0 || $0 > count / 2 || $0 == count - 1 })
    }
  }()

  @Test func everyTextIsThereOnceAndRowsAreFull() {
    let data = TokenExamples(texts, length: 12, packs: true)
    let apart = TokenExamples(texts, length: 12)
    #expect(data.isPacked && !apart.isPacked && apart.batch([0]).spans == nil)
    #expect(data.targetCount == apart.targetCount && data.count < apart.count / 2 + 1)
    let batch = data.batch((0..<data.count).map { $0 } + [nil])
    let spans = batch.spans?.integers ?? []
    var found: [[Int32]] = []
    for (number, row) in batch.rows.enumerated() {
      var place = 0
      while place < 12 {
        let index = 2 * (number * 12 + place)
        let (first, last) = (Int(spans[index]), Int(spans[index + 1]))
        #expect(first == place && last >= first && last < 12)
        let labels = batch.labels.integers[number * 12 + first...number * 12 + last]
        if labels.contains(where: { $0 >= 0 }) {
          found.append(Array(row[row.startIndex + first...row.startIndex + last]))
        }
        place = last + 1
      }
    }
    func sorted(_ x: [[Int32]]) -> [[Int32]] { x.sorted { $0.lexicographicallyPrecedes($1) } }
    #expect(sorted(found) == sorted(texts.map { Array($0.tokens.dropLast()) }))
  }

  @Test(arguments: ["apart", "packed", "sentences"])
  func targetsAreCountedWithoutMakingTheBatch(kind: String) throws {
    let data: any TextRows =
      kind == "sentences"
      ? SentenceData(texts.map(\.tokens), length: 12)
      : TokenExamples(texts, length: 12, packs: kind == "packed")
    for step in 0..<7 {
      for micro in 0..<2 {
        let batch = try data.trainingBatch(
          step: step, micro: micro, microCount: 2, size: 3, seed: 5)
        let count = try data.trainingTargetCount(
          step: step, micro: micro, microCount: 2, size: 3, seed: 5)
        #expect(count > 0 && count == batch.targetCount)
      }
    }
    let pass = data.evaluationBatches(size: 4).reduce(0) { $0 + $1.targetCount }
    #expect(data.targetCount == pass)
  }

  /// Loss, logged sums and gradients over all texts.
  private func values(
    _ objective: any Objective, _ student: any LanguageModel, _ store: VariableStore
  ) throws -> [TensorData] {
    for (name, tensor) in objective.parameters { try store.declare(name, tensor) }
    let data = TokenExamples(texts, length: 12, packs: objective.readsSpans)
    let batch = data.batch((0..<data.count).map { $0 })
    let (tokens, labels) = (
      Tensor.input("tokens", batch.tokens.type), Tensor.input("labels", batch.labels.type)
    )
    let loss = objective.loss(tokens: tokens, labels: labels)
    let outputs =
      [loss.total] + loss.logged.map(\.sum)
      + gradients(of: loss.total, withRespectTo: student.parameters().map(\.tensor))
    let executor = try GraphExecutor(Graph(outputs: outputs), on: store)
    try executor.set(tokens, to: batch.tokens)
    try executor.set(labels, to: batch.labels)
    for input in loss.inputs { try executor.set(input.tensor, to: input.value(batch)) }
    try executor.run()
    return try outputs.map { try executor.value(of: $0) }
  }

  /// Learned positions, and turned ones with a window.
  @Test(arguments: ["gpt2-tied", "mistral-window", "qwen2-tied"])
  func sharingRowsChangesNoLossAndNoGradient(family: String) throws {
    let directory = ModelDirectory(goldenFolder("models/\(family)"))
    let student = try directory.languageModel()
    let teacher = Llama(
      LlamaConfiguration(
        vocabularySize: student.vocabularySize, width: 16, intermediateWidth: 24, layerCount: 1,
        headCount: 2, keyValueHeadCount: 2, contextLength: 12))
    let width = try #require((student as? any ReducibleModel)?.width)
    let all = try [false, true].map { packs in
      let store = VariableStore(on: ReferenceDevice(), seed: 3)
      try directory.load(student, into: store, prefix: "student")
      try teacher.declare(in: store, prefix: "teacher")
      let objective = DistillationObjective(
        student: student, teacher: .model(teacher), .forwardKL, temperature: 2, alpha: 0.3,
        matching: InnerMatching(
          hidden: HiddenMatching(weight: 0.5, pairs: [(1, 1)], widths: (width, 16)),
          relations: RelationMatching(weight: 1, headCount: 2, layers: (0, 0))),
        readsSpans: packs)
      return try values(objective, student, store)
    }
    for (together, apart) in zip(all[1], all[0]) {
      #expect(relativeError(together, apart) < 1e-4, "\(apart.shape)")
    }
    #expect(all[0][0].floats[0] > 0)
  }
}
