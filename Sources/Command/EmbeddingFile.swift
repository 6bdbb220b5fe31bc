// Vectors of sentences in a file that grows.
import Base
import Foundation
import Models
import Storage
import Tensors

/// The output of `retort embed`: lines of JSON where it ends in `.jsonl`, else a safetensors file with `embeddings`
/// float32 [N, C].
struct EmbeddingFile {
  private let file: ResumableFile
  private let isLines: Bool
  /// How many vectors are there already.
  let rowCount: Int

  /// The file for some sentences, which are appended in parts of `part`.
  init(
    _ url: URL, _ sentences: [String], part: Int, width: Int, job: JSON, overwrite: Bool
  ) throws {
    let count = sentences.count
    let isLines = url.pathExtension == "jsonl"
    self.isLines = isLines
    file = try ResumableFile(url, job: job, overwrite: overwrite) { url in
      isLines
        ? JSONLinesFile.begins(url, with: ["text", "embedding"]) : Self.isOwnTensors(url)
    }
    if isLines {
      rowCount = try file.keepLines(of: count, inParts: part) { row, line in
        guard let json = try? JSON(parsing: Data(line.utf8)) else { return false }
        return json["text"]?.string == sentences[row] && json["embedding"]?.array?.count == width
      }
    } else {
      let beginning = try Safetensors.beginning(
        [("embeddings", TensorType([count, width]))], metadata: writer("embed"))
      guard file.existing.starts(with: beginning) else {
        // The header may have been cut off.
        guard beginning.starts(with: file.existing) else { throw file.foreign }
        rowCount = 0
        try file.keep(0)
        try file.append(beginning)
        return
      }
      rowCount = ResumableFile.wholeParts(
        (file.existing.count - beginning.count) / (4 * width), of: count, inParts: part)
      try file.keep(beginning.count + rowCount * 4 * width)
    }
  }

  /// Appends sentences with their vectors.
  func append(_ rows: some Sequence<(String, [Float])>) throws {
    var data = Data()
    for (sentence, vector) in rows {
      guard vector.allSatisfy(\.isFinite) else {
        throw UserError.notFinite(
          "Numbers of the vector of \(String(sentence.prefix(60)).json)")
      }
      if isLines {
        let line = JSONObject([("text", sentence), ("embedding", vector.map(Double.init))])
        data += Data((line.json + "\n").utf8)
      } else {
        vector.withUnsafeBytes { data.append(contentsOf: $0) }
      }
    }
    try file.append(data)
  }

  func finish() throws { try file.finish() }

  private static func isOwnTensors(_ url: URL) -> Bool {
    (try? Safetensors(contentsOf: url))?.metadata["retort.writer"] == "embed"
  }
}
