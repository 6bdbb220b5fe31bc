// Models written as GGUF files, as llama.cpp and what is built on it read them.
import Base
import Foundation
import Layers
import Storage
import Tensors

/// How the matrices of a GGUF file are stored; vectors are float32, and matrices whose rows are no whole blocks float16.
package enum GGUFForm: String, Sendable, CaseIterable {
  case f32, f16, bf16
  case q80 = "q8_0"
  case q40 = "q4_0"
  case q41 = "q4_1"
  case q50 = "q5_0"
  case q51 = "q5_1"

  fileprivate var elementType: ElementType {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    case .q80, .q40, .q41, .q50, .q51:
      Quantization(rawValue: rawValue).map { .quantized($0) } ?? .float32
    }
  }

  /// `general.file_type` (`llama.h`, `llama_ftype`).
  fileprivate var code: Int {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q40: 2
    case .q41: 3
    case .q80: 7
    case .q50: 8
    case .q51: 9
    case .bf16: 32
    }
  }
}

extension ModelDirectory {
  /// Writes a model, whose numbers `store` holds under `prefix`, as a GGUF file in place of a folder. `tokenizer` is what
  /// the file says of it.
  package func saveGGUF(
    _ model: some PretrainedModel, from store: VariableStore, prefix: String, as form: GGUFForm,
    name: String, tokenizer: [(key: String, value: GGUF.Value)]
  ) throws {
    let export = try GGUFExport(model)
    var tensors: [(name: String, type: TensorType)] = []
    var parameters: [String: (own: String, entry: VariableStore.Entry)] = [:]
    for (own, tensor) in model.parameters() {
      guard let gguf = export.names.gguf(own) else {
        throw UserError("GGUF has no name for \(own) of \(export.names.architecture).")
      }
      guard let entry = store.entry(named: "\(prefix).\(own)") else {
        fatal("\(own) is not declared in the store")
      }
      let shape = export.names.change(own).shape(tensor.shape)
      tensors.append((gguf, TensorType(shape, Self.type(shape, form))))
      parameters[gguf] = (own, entry)
    }
    if let factors = export.angleFactors { tensors.append((export.factorsName, factors.type)) }
    try GGUF.write(
      tensors,
      metadata: export.metadata(name: name, fileType: form.code) + tokenizer, to: url
    ) { gguf in
      guard let (own, entry) = parameters[gguf] else {
        guard let factors = export.angleFactors else { fatal("\(gguf) was not asked for") }
        return factors
      }
      let value = try entry.value()
      guard value.firstNotFinite == nil else {
        throw UserError("The weight \(own) is not finite, so the model is not written.")
      }
      let changed = export.names.change(own).applied(value, heads: export.heads, backwards: true)
      let stored = changed.stored(as: Self.type(changed.shape, form))
      guard stored.firstNotFinite == nil else {
        throw UserError(
          "The weight \(own) holds numbers that \(form.rawValue) cannot: choose another form.")
      }
      return stored
    }
  }

  private static func type(_ shape: Shape, _ form: GGUFForm) -> ElementType {
    guard shape.rank > 1 else { return .float32 }
    if case .quantized(let quantization) = form.elementType, !quantization.fits(shape) {
      return .float16
    }
    return form.elementType
  }
}

/// What a file says of a model, from the fields of its `config.json`.
private struct GGUFExport {
  let names: GGUFNames
  let heads: (query: Int, key: Int)
  private let fields: JSON.Object
  /// What Llama 3.1's scaling divides angles by, [D / 2].
  let angleFactors: TensorData?
  let factorsName = "rope_freqs.weight"

  private static let architectures = [
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gpt2": "gpt2",
    "gemma2": "gemma2", "gemma3_text": "gemma3",
  ]

  init(_ model: some PretrainedModel) throws {
    guard let names = Self.architectures[model.modelType].flatMap(GGUFNames.of) else {
      throw UserError(
        "A \(model.modelType) is not written as GGUF; \(Self.architectures.keys.sorted().joined(separator: ", ")) are."
      )
    }
    self.names = names
    fields = JSON.Object(model.configurationFields)
    let query = fields["num_attention_heads"]?.int ?? fields["n_head"]?.int ?? 1
    heads = (query, fields["num_key_value_heads"]?.int ?? query)
    func refuse(_ what: String) -> UserError {
      UserError("\(what), which GGUF has no word for: the model cannot be written so.")
    }
    if let gemma = (model as? Gemma)?.configuration {
      let divisor = names.scoreDivisor(
        layers: gemma.numHiddenLayers, width: gemma.hiddenSize, heads: gemma.numAttentionHeads,
        headSize: gemma.headSize)
      guard gemma.queryPreAttnScalar == divisor else {
        throw refuse(
          "Scores are divided by the root of \(gemma.queryPreAttnScalar), not of \(divisor)")
      }
      let period = names.architecture == "gemma3" ? 6 : 2
      guard gemma.slidingLayers == (1...gemma.numHiddenLayers).map({ $0 % period != 0 }) else {
        throw refuse("Other layers slide than every one but each \(period)th")
      }
      guard names.architecture == "gemma2" || gemma.slidingRopeTheta == 10_000 else {
        throw refuse("Sliding layers turn by the base \(gemma.slidingRopeTheta)")
      }
    }
    if let llama = (model as? Llama)?.configuration, llama.family != .mistral,
      llama.slidingWindow != nil
    {
      throw refuse("Layers of a \(model.modelType) slide")
    }
    guard
      let scaling = (model as? Llama)?.configuration.ropeScaling, case .llama3 = scaling,
      let size = fields["head_dim"]?.int
    else {
      angleFactors = nil
      return
    }
    let divisors = GGUFNames.divisors(
      scaling, headSize: size, base: fields["rope_theta"]?.double ?? 10_000)
    angleFactors = TensorData([size / 2], divisors.map { Float($0) })
  }

  func metadata(name: String, fileType: Int) -> [(key: String, value: GGUF.Value)] {
    let own = names.architecture
    func count(_ key: String, _ fields: [String]) -> [(key: String, value: GGUF.Value)] {
      fields.compactMap { self.fields[$0]?.int }.prefix(1).map { ("\(own).\(key)", .uint32($0)) }
    }
    func number(_ key: String, _ field: String) -> [(key: String, value: GGUF.Value)] {
      fields[field]?.double.map { [("\(own).\(key)", .float32(Float($0)))] } ?? []
    }
    var values: [(key: String, value: GGUF.Value)] = [
      ("general.architecture", .string(own)), ("general.name", .string(name)),
      ("general.file_type", .uint32(fileType)), ("general.quantization_version", .uint32(2)),
    ]
    values += count("context_length", ["max_position_embeddings", "n_positions"])
    values += count("embedding_length", ["hidden_size", "n_embd"])
    values += count("block_count", ["num_hidden_layers", "n_layer"])
    values += count("feed_forward_length", ["intermediate_size", "n_inner"])
    values += count("vocab_size", ["vocab_size"])
    values.append(("\(own).attention.head_count", .uint32(heads.query)))
    values.append(("\(own).attention.head_count_kv", .uint32(heads.key)))
    values += count("attention.key_length", ["head_dim"])
    values += count("attention.value_length", ["head_dim"])
    values += count("rope.dimension_count", ["head_dim"])
    values += count("attention.sliding_window", ["sliding_window"])
    values += number("attention.layer_norm_rms_epsilon", "rms_norm_eps")
    values += number("attention.layer_norm_epsilon", "layer_norm_epsilon")
    values += number("rope.freq_base", "rope_theta")
    values += number("attn_logit_softcapping", "attn_logit_softcapping")
    values += number("final_logit_softcapping", "final_logit_softcapping")
    if let scaling = fields["rope_scaling"], let type = scaling["rope_type"]?.string,
      type != "llama3"
    {
      values.append(("\(own).rope.scaling.type", .string(type)))
      values.append(
        ("\(own).rope.scaling.factor", .float32(Float(scaling["factor"]?.double ?? 1))))
      if let length = scaling["original_max_position_embeddings"]?.int {
        values.append(("\(own).rope.scaling.original_context_length", .uint32(length)))
      }
    }
    return values
  }
}
