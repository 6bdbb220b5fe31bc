// What the tensors of GGUF files are called, and how they lie there.
import Base
import Layers
import Storage
import Tensors

/// How models of one architecture are written in GGUF: the names of llama.cpp's `gguf-py/gguf/constants.py`, and what its
/// `convert_hf_to_gguf.py` does to the numbers.
struct GGUFNames: Sendable {
  /// `general.architecture`.
  let architecture: String
  /// GGUF's names and those of `transformers`, of tensors outside layers and inside.
  private let outer: [(gguf: String, own: String)]
  private let inner: [(gguf: String, own: String)]
  /// What stands before a layer's number in `transformers`.
  private let layer: String
  /// How the numbers of a tensor differ from those of `transformers`.
  let change: @Sendable (_ own: String) -> Change

  /// What the converter does to a tensor.
  enum Change: Sendable {
    case none
    /// Rows and columns are exchanged.
    case transposed
    /// In each head the rows of the first half and of the second alternate; by whether keys' heads are meant.
    case interleaved(isKey: Bool)
    /// 1 is added to every number.
    case plusOne
  }

  /// GGUF's name of a parameter; nil where it has none.
  func gguf(_ own: String) -> String? {
    if let pair = outer.first(where: { $0.own == own }) { return pair.gguf }
    guard own.hasPrefix(layer + ".") else { return nil }
    let parts = own.dropFirst(layer.count + 1).split(separator: ".", maxSplits: 1)
    guard parts.count == 2, let number = Int(parts[0]) else { return nil }
    return inner.first { parts[1] == $0.own }.map { "blk.\(number).\($0.gguf)" }
  }

  /// The parameter that a name of GGUF's stands for; nil for one that no parameter has.
  func own(_ gguf: String) -> String? {
    if let pair = outer.first(where: { $0.gguf == gguf }) { return pair.own }
    let parts = gguf.split(separator: ".", maxSplits: 2)
    guard parts.count == 3, parts[0] == "blk", let number = Int(parts[1]) else { return nil }
    return inner.first { parts[2] == $0.gguf }.map { "\(layer).\(number).\($0.own)" }
  }

  static func of(_ architecture: String) -> GGUFNames? {
    switch architecture {
    case "llama", "qwen2", "qwen3": llama(architecture)
    case "gemma2", "gemma3": gemma(architecture)
    case "gpt2": gpt2
    default: nil
    }
  }

  static let architectures = ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2"]

  /// Weights and biases of layers under both names.
  private static func layers(_ pairs: KeyValuePairs<String, String>) -> [(
    gguf: String, own: String
  )] {
    pairs.flatMap { gguf, own in
      ["weight", "bias"].map { ("\(gguf).\($0)", "\(own).\($0)") }
    }
  }

  private static let attention: KeyValuePairs = [
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "attn_norm": "input_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
  ]
  private static let outside: [(gguf: String, own: String)] = [
    ("token_embd.weight", "model.embed_tokens.weight"), ("output_norm.weight", "model.norm.weight"),
    ("output.weight", "lm_head.weight"),
  ]

  private static func llama(_ architecture: String) -> GGUFNames {
    GGUFNames(
      architecture: architecture, outer: outside,
      inner: layers(attention) + layers(["ffn_norm": "post_attention_layernorm"]),
      layer: "model.layers"
    ) { own in
      guard architecture == "llama" else { return .none }
      for (part, isKey) in [(".q_proj.", false), (".k_proj.", true)] where own.contains(part) {
        return .interleaved(isKey: isKey)
      }
      return .none
    }
  }

  private static func gemma(_ architecture: String) -> GGUFNames {
    GGUFNames(
      architecture: architecture, outer: outside,
      inner: layers(attention)
        + layers([
          "post_attention_norm": "post_attention_layernorm",
          "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
        ]), layer: "model.layers"
    ) { $0.hasSuffix("norm.weight") ? .plusOne : .none }
  }

  private static let gpt2 = GGUFNames(
    architecture: "gpt2",
    outer: [
      ("token_embd.weight", "transformer.wte.weight"),
      ("position_embd.weight", "transformer.wpe.weight"), ("output.weight", "lm_head.weight"),
    ] + layers(["output_norm": "transformer.ln_f"]),
    inner: layers([
      "attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj",
      "ffn_norm": "ln_2", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
    ]), layer: "transformer.h"
  ) { own in
    own.contains(".c_") && own.hasSuffix(".weight") ? .transposed : .none
  }
}

extension GGUFNames {
  /// What scores of a Gemma are divided by the root of: llama.cpp knows by the number of layers which models, the largest, take
  /// another number than a head's size.
  func scoreDivisor(layers: Int, width: Int, heads: Int, headSize: Int) -> Int {
    layers == (architecture == "gemma3" ? 62 : 46) ? width / heads : headSize
  }

  /// What scaling divides the angles of a head by, [D / 2].
  static func divisors(_ scaling: RotaryScaling, headSize: Int, base: Double) -> [Double] {
    let plain = RotaryEmbedding(headSize: headSize, base: base).frequencies
    let scaled = RotaryEmbedding(headSize: headSize, base: base, scaling: scaling).frequencies
    return zip(plain, scaled).map { $0 / $1 }
  }
}

extension GGUFNames.Change {
  /// The shape in `transformers` of a tensor of GGUF's; the same the other way round.
  func shape(_ shape: Shape) -> Shape {
    if case .transposed = self, shape.rank == 2 { Shape([shape[1], shape[0]]) } else { shape }
  }

  /// Whether blocks of a row stay as they are.
  var keepsRows: Bool {
    switch self {
    case .none, .interleaved: true
    case .transposed, .plusOne: false
    }
  }

  /// The numbers in `transformers` of a tensor of GGUF's, or back. `heads` are those of queries and of keys.
  func applied(
    _ data: TensorData, heads: (query: Int, key: Int), backwards: Bool = false
  ) -> TensorData {
    switch self {
    case .none: return data
    case .plusOne:
      return TensorData(data.shape, data.floats.map { backwards ? $0 + 1 : $0 - 1 })
    case .transposed:
      let (rows, columns) = (data.shape[0], data.shape[1])
      let numbers = data.floats
      return TensorData(
        [columns, rows],
        [Float](unsafeUninitializedCapacity: numbers.count) { to, count in
          for row in 0..<rows {
            for column in 0..<columns { to[column * rows + row] = numbers[row * columns + column] }
          }
          count = numbers.count
        })
    case .interleaved(let isKey):
      let size = data.shape[0] / (isKey ? heads.key : heads.query)
      // Row 2 i of a head is row i of its first half, row 2 i + 1 of its second.
      let order = (0..<data.shape[0]).map { row -> Int in
        let (head, place) = (row / size * size, row % size)
        return head
          + (backwards
            ? place % 2 * size / 2 + place / 2 : place % (size / 2) * 2 + place / (size / 2))
      }
      return data.rows(in: order)
    }
  }
}
