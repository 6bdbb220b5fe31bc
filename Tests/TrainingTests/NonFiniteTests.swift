// Losses that stop being numbers: the step, the op and the way back are named.
import Base
import Checks
import Foundation
import Models
import Storage
import Tensors
import Testing
import Text
import Training

@Suite struct NonFiniteTests {
  /// A text whose rows hold a token from some step on whose embedding is infinite.
  private struct PoisonedText: TokenData {
    let fingerprint = "made for a test"
    let base = InvarianceTests.text
    let step: Int
    var length: Int { base.length }
    var count: Int { base.count }
    var targetCount: Int { base.targetCount }

    func batch(of rows: [Int?]) -> Batch { base.batch(of: rows) }

    func batch(at place: TrainingPlace) throws -> Batch {
      let batch = try base.batch(at: place)
      func changed(_ data: TensorData) -> TensorData {
        TensorData(data.shape, data.integers.map { $0 == 22 ? 21 : $0 })
      }
      var tokens = changed(batch[.tokens]).integers
      if place.step >= step { tokens[5] = 22 }
      return Batch(
        tokens: TensorData(batch[.tokens].shape, tokens), labels: changed(batch[.labels]))
    }
  }

  private func message(poisonedFrom step: Int, checkpointInterval: Int) throws -> String {
    let folder = try TemporaryFolder()
    let store = VariableStore(on: ReferenceDevice(), seed: 3)
    let model = Llama(InvarianceTests.configuration)
    try model.declare(in: store, prefix: "student")
    // The token is in no other row, so that nothing else sees it.
    let table = try #require(store.entry(named: "student.model.embed_tokens.weight"))
    var numbers = try table.buffer.read(as: table.tensor.type).floats
    numbers[22 * 16] = .infinity
    try table.buffer.write(TensorData(table.tensor.shape, numbers))
    var options = TrainingOptions()
    options.stepCount = 40
    options.batchSize = 2
    options.logInterval = 10
    options.checkpointInterval = checkpointInterval
    options.optimizer.rule = AdamW(decay: 0)
    let trainer = try Trainer(
      // The head that is tied to the table would see it everywhere: only other classes count.
      NextTokenObjective(model, classCount: 22), parameters: model.parameters(prefix: "student"),
      data: PoisonedText(step: step), options: options, store: store)
    let error = #expect(throws: UserError.self) {
      _ = try trainer.run(checkpoint: folder.url.appending(path: "c.safetensors")) { _ in }
    }
    return error?.description ?? ""
  }

  @Test func theStepAndTheOpAreNamed() throws {
    let told = try message(poisonedFrom: 16, checkpointInterval: 6)
    #expect(told.contains("no longer a number at step 17: "), "\(told)")
    #expect(
      told.contains("Gather") && told.contains("student.model.embed_tokens.weight"), "\(told)")
    #expect(told.contains("The checkpoint of step 12"), "\(told)")
  }

  @Test func withoutACheckpointTheStepIsTold() throws {
    let told = try message(poisonedFrom: 3, checkpointInterval: 100)
    #expect(told.contains("at step 10. No checkpoint"), "\(told)")
  }
}
