// The folders that a run leaves for others to load.
import Foundation
import Models
import Storage
import Tensors
import Training

/// How finished models are written.
struct ModelExport {
  /// nil where every model keeps the files of the one it comes from.
  let tokenizer: RunTokenizer?
  let precision: Precision
  let use: ModelUse

  /// `source` is the folder that the model was before, whose other files are kept; `teacher` is that of which it was
  /// cut, whose special tokens it has; `width` is that of a sentence encoder's vectors, which its files name.
  func options(source: ModelDirectory?, teacher: ModelDirectory?, card: String, width: Int?) throws
    -> ModelDirectory.Export
  {
    var export = ModelDirectory.Export()
    export.elementType = precision.storage
    export.source = source
    export.card = card
    if source == nil, let tokenizer {
      export.files = tokenizer.files
      if let teacher {
        let fields = try teacher.configurationFile.fields
        export.fields = ["bos_token_id", "eos_token_id", "pad_token_id"].compactMap { key in
          fields[key].map { (key, $0) }
        }
        let generation = "generation_config.json"
        let file = teacher.url.appending(path: generation)
        if FileManager.default.fileExists(atPath: file.path) {
          export.files.append((generation, try String(contentsOfText: file)))
        }
      } else {
        export.fields = ["bos_token_id", "eos_token_id"].map {
          ($0, JSON(Int(tokenizer.endOfText)))
        }
      }
    }
    let pooling = "1_Pooling/config.json"
    if let width, let url = source?.url.appending(path: pooling),
      FileManager.default.fileExists(atPath: url.path),
      var fields = try JSON(contentsOf: url).object, fields["word_embedding_dimension"] != nil
    {
      fields["word_embedding_dimension"] = JSON(width)
      export.files.append((pooling, JSON.object(fields).text))
    }
    return export
  }
}
