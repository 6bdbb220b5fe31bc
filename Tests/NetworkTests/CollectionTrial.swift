// What tests of collections share.
import Base
import Checks
import Foundation
import Storage
import Text

@testable import Collecting

/// What a test collects.
struct Trial {
  static let key = "sk-test-0123456789abcdef"
  let folder: TemporaryFolder
  var settings = Collection.Settings()
  var sampling = AnswerSampling()
  var samples = 1
  var streams = true
  var silence = Duration.seconds(5)
  private let server: ScriptedServer

  init(_ server: ScriptedServer, folder: TemporaryFolder? = nil) throws {
    self.server = server
    self.folder = try folder ?? TemporaryFolder()
    settings.pace.backoff = .milliseconds(5)
    settings.pace.longestBackoff = .milliseconds(40)
    settings.pace.halving = .milliseconds(20)
    sampling.maxTokens = 32
    sampling.topLogProbabilities = 2
  }

  var output: URL { folder.url.appending(path: "answers.jsonl") }

  /// Asks so many questions, or those of a file that is here.
  func run(
    _ count: Int, observer: @escaping @Sendable (Collection.Progress) -> Void = { _ in }
  ) async throws -> CollectionSummary {
    try folder.write(
      (0..<count).map { "Question number \($0)" }.joined(separator: "\n"), to: "prompts.txt")
    let endpoint = try Endpoint(server.address, environment: ["RETORT_API_KEY": Self.key])
    let prompts = try CollectedPrompt.read(
      folder.url.appending(path: "prompts.txt").path, fields: DataFields(), asTexts: false)
    let requests = prompts.flatMap { prompt in
      (0..<samples).map {
        CollectedRequest(
          prompt, sample: $0, endpoint: endpoint, model: "m", sampling: sampling, streams: streams)
      }
    }
    let about = Provenance(endpoint: endpoint, model: "m", terms: .null)
    let files = try AnswerFiles(output, overwrite: false, key: endpoint.key)
    let model = HostedModel(
      endpoint, streams: streams, silence: silence, connections: settings.mostAtOnce)
    let collection = Collection(
      requests, about: about, model: model,
      files: files,
      settings: settings, observer: observer, isInterrupted: { false })
    let summary = try await collection.run()
    try await collection.finish(sorting: true)
    return summary
  }

  func records(_ place: AnswerRecord.Place = .answers) throws -> [JSON.Object] {
    let url = AnswerFiles.url(place, beside: output)
    guard FileManager.default.fileExists(atPath: url.path) else { return [] }
    return try JSONLinesFile(try Data(contentsOf: url), named: "records").objects.map(\.object)
  }

  /// Everything that was written.
  func everything() throws -> String {
    try FileManager.default.contentsOfDirectory(at: folder.url, includingPropertiesForKeys: nil)
      .map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }.joined()
  }
}
