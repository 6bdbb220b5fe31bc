// The folders that a run leaves for others to load.
import Foundation
import Models
import Storage
import Tensors
import Training

/// How finished models are written.
public struct ModelExport {
  /// The files of the tokenizer of new models; none where every model keeps the files of the one it comes from.
  package let files: [(name: String, text: String)]
  /// What configurations of new models hold besides sizes, such as the token that ends a text.
  package let fields: [(key: String, value: JSON)]
  package let precision: Precision
  package let use: ModelUse

  /// Weights in a precision, with a card that says what the models are for.
  public init(precision: Precision = .fp32, use: ModelUse = ModelUse()) {
    self.init(files: [], fields: [], precision: precision, use: use)
  }

  package init(
    files: [(name: String, text: String)], fields: [(key: String, value: JSON)],
    precision: Precision, use: ModelUse
  ) {
    (self.files, self.fields, self.precision, self.use) = (files, fields, precision, use)
  }

  /// Keeps the other files of the folder that a model was before; one that was cut from a teacher has the teacher's special
  /// tokens, and a sentence encoder names the width of its vectors.
  package func options(for arm: Arm, card: String) throws -> ModelDirectory.Export {
    let source = arm.keptFolder
    var export = ModelDirectory.Export()
    export.elementType = precision.storage
    export.source = source
    export.card = card
    if source == nil {
      export.files = files
      if let teacher = arm.cutFrom {
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
        export.fields = fields
      }
    }
    let pooling = "1_Pooling/config.json"
    if let width = (arm.model as? any Encoder)?.width,
      let url = source?.url.appending(path: pooling),
      FileManager.default.fileExists(atPath: url.path),
      var fields = try JSON(contentsOf: url).object, fields["word_embedding_dimension"] != nil
    {
      fields["word_embedding_dimension"] = JSON(width)
      export.files.append((pooling, JSON.object(fields).text))
    }
    return export
  }
}
