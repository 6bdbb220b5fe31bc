// The folders that a run leaves for others to load.
import Models
import Storage
import Tensors
import Training

/// How finished models are written.
struct ModelExport {
  /// nil where every model keeps the files of the one it comes from.
  let tokenizer: RunTokenizer?
  let precision: Precision

  /// `source` is the folder that the model was before, whose other files are kept.
  func options(source: ModelDirectory?, card: String) -> ModelDirectory.Export {
    var export = ModelDirectory.Export()
    export.elementType = precision.storage
    export.source = source
    export.card = card
    if source == nil, let tokenizer {
      export.files = tokenizer.files
      export.fields = ["bos_token_id", "eos_token_id"].map { ($0, JSON(Int(tokenizer.endOfText))) }
    }
    return export
  }
}

/// `README.md` of a model's folder: how it was made (https://huggingface.co/docs/hub/model-cards).
struct ModelCard {
  let arm: String
  let origin: String
  let formula: String
  let options: TrainingOptions
  let parameterCount: Int
  let sequenceLength: Int
  let isSentenceEncoder: Bool

  var markdown: String {
    let tokens = options.stepCount * options.batchSize * options.microBatchCount * sequenceLength
    return """
      ---
      library_name: \(isSentenceEncoder ? "sentence-transformers" : "transformers")
      pipeline_tag: \(isSentenceEncoder ? "sentence-similarity" : "text-generation")
      tags: [retort\(arm == "student" ? ", distillation" : "")]
      ---
      # \(arm.prefix(1).uppercased() + arm.dropFirst())

      Made with Retort \(Retort.version).

      | | |
      |---|---|
      | parameters | \(grouped(parameterCount)) |
      | weights before training | \(origin) |
      | loss | \(formula) |
      | steps | \(grouped(options.stepCount)) of \(options.batchSize * options.microBatchCount) sequences \
      of \(sequenceLength) tokens: \(grouped(tokens)) tokens |
      | optimizer | AdamW, learning rate \(options.optimizer.learningRate), weight decay \
      \(options.optimizer.weightDecay) |
      | precision | \(options.precision.rawValue) between kernels, float32 weights |
      | seed | \(options.seed) |

      The recipe that made it is `recipe.yaml` in the run's folder.

      """
  }
}
