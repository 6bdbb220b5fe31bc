// Texts that share rows: nothing changes but the number of rows.
import Checks
import Models
import Tensors
import Testing
import Training

@testable import Distillation
@testable import Sentences
@testable import Text

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
    #expect(data.isPacked && !apart.isPacked && apart.batch(of: [0]).values[.segments] == nil)
    #expect(data.targetCount == apart.targetCount && data.count < apart.count / 2 + 1)
    let batch = data.batch(of: (0..<data.count).map { $0 } + [nil])
    let (segments, positions) = (batch[.segments].integers, batch[.positions].integers)
    var found: [[Int32]] = []
    for (number, row) in batch.rows.enumerated() {
      var place = 0
      while place < 12 {
        let index = 2 * (number * 12 + place)
        let (first, last) = (Int(segments[index]), Int(segments[index + 1]))
        #expect(first == place && last >= first && last < 12)
        #expect(
          positions[number * 12 + first...number * 12 + last]
            .elementsEqual(0...Int32(last - first)))
        let labels = batch[.labels].integers[number * 12 + first...number * 12 + last]
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
    let data: any Dataset =
      kind == "sentences"
      ? SentenceData(texts.map(\.tokens), length: 12)
      : TokenExamples(texts, length: 12, packs: kind == "packed")
    for step in 0..<7 {
      for micro in 0..<2 {
        let place = TrainingPlace(
          step: step, microBatch: micro, of: 2, rowCount: 3, seed: 5)
        let count = try data.weight(at: place)
        #expect(try count > 0 && count == data.batch(at: place).weight)
      }
    }
    var pass = 0
    try data.batches(of: 4).each { pass += $0.weight }
    #expect(try data.weight(of: Array(0..<data.count)) == pass)
  }

  /// Loss, logged sums and gradients over all texts.
  private func values(
    _ objective: any Objective, _ student: any LanguageModel, _ store: VariableStore, packs: Bool
  ) throws -> [TensorData] {
    let data = TokenExamples(texts, length: 12, packs: packs)
    let values = try lossValues(
      objective, on: data.batch(of: Array(0..<data.count)), store: store,
      gradientsFor: student.parameters().map(\.tensor))
    return ([values.total] + values.sums.map(\.value)).map { TensorData($0) } + values.slopes
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
        student: student, teacher: .model(teacher),
        DivergenceLoss(.forwardKL, temperature: 2, alpha: 0.3),
        matching: FeatureMatching(
          hidden: HiddenMatching(weight: 0.5, pairs: [(1, 1)], widths: (width, 16)),
          relations: RelationMatching(weight: 1, headCount: 2, layers: (0, 0))))
      return try values(objective, student, store, packs: packs)
    }
    for (together, apart) in zip(all[1], all[0]) {
      #expect(relativeError(together, apart) < 1e-4, "\(apart.shape)")
    }
    #expect(all[0][0].floats[0] > 0)
  }
}
