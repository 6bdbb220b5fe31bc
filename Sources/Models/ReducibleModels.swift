// How each family is made smaller.
import Base
import Storage

/// Sizes that shrink in proportion to a model's width.
private struct Proportion {
  let old: Int
  let new: Int

  /// A count that stays whole.
  func scaled(_ count: Int, _ what: String) throws -> Int {
    guard count * new % old == 0, count * new / old > 0 else {
      let widths = (1...count).map { old * $0 / count }.filter { count * $0 % old == 0 }
      throw UserError(
        "A width of \(new) does not leave a whole number of the \(count) \(what); possible are "
          + "\(widths.map(String.init).joined(separator: ", ")).")
    }
    return count * new / old
  }

  /// A number of key heads: a single one, whose size does not follow from the width, stays with all of its queries.
  func keyHeads(_ count: Int) throws -> Int { count == 1 ? 1 : try scaled(count, "key heads") }

  /// A count that is rounded.
  func rounded(_ count: Int) -> Int { max(1, (count * new + old / 2) / old) }
}

/// The axes of the parameter whose name ends so.
private func axes(_ name: String, _ table: [(end: String, axes: [ParameterAxis])])
  -> [ParameterAxis]
{
  guard let found = table.first(where: { name.hasSuffix($0.end) }) else {
    fatal("the axes of \(name) are not known")
  }
  return found.axes
}

extension Llama: ReducibleModel {
  package var layerCount: Int { configuration.numHiddenLayers }
  public var layerPrefix: String { "model.layers." }
  package var width: Int { configuration.hiddenSize }

  package func resized(layers: [Int], width: Int) throws -> any ReducibleModel {
    var c = configuration
    let ratio = Proportion(old: c.hiddenSize, new: width)
    let queriesPerKey = c.numAttentionHeads / c.numKeyValueHeads
    c.numHiddenLayers = layers.count
    c.slidingLayers = c.slidingLayers.map { sliding in layers.map { sliding[$0] } }
    c.numKeyValueHeads = try ratio.keyHeads(c.numKeyValueHeads)
    c.numAttentionHeads = c.numKeyValueHeads * queriesPerKey
    c.intermediateSize = ratio.rounded(c.intermediateSize)
    c.hiddenSize = width
    return Llama(c)
  }

  package func axes(of parameter: String) -> [ParameterAxis] {
    let c = configuration
    return groupedAxes(
      parameter, headSize: c.headSize, queriesPerKey: c.numAttentionHeads / c.numKeyValueHeads)
  }
}

/// The axes of a parameter of families with grouped queries and Llama's names.
private func groupedAxes(_ parameter: String, headSize: Int, queriesPerKey: Int)
  -> [ParameterAxis]
{
  let keys = ParameterAxis.heads(unit: headSize)
  let queries = ParameterAxis.heads(unit: headSize * queriesPerKey)
  return axes(
    parameter,
    [
      ("embed_tokens.weight", [.fixed, .width]), ("lm_head.weight", [.fixed, .width]),
      ("q_norm.weight", [.fixed]), ("k_norm.weight", [.fixed]), ("layernorm.weight", [.width]),
      ("norm.weight", [.width]),
      ("q_proj.weight", [queries, .width]), ("q_proj.bias", [queries]),
      ("k_proj.weight", [keys, .width]), ("k_proj.bias", [keys]),
      ("v_proj.weight", [keys, .width]), ("v_proj.bias", [keys]),
      ("o_proj.weight", [.width, queries]), ("o_proj.bias", [.width]),
      ("down_proj.weight", [.width, .mlp]), ("down_proj.bias", [.width]),
      ("_proj.weight", [.mlp, .width]), ("_proj.bias", [.mlp]),
    ])
}

extension Gemma: ReducibleModel {
  package var layerCount: Int { configuration.numHiddenLayers }
  package var layerPrefix: String { "model.layers." }
  package var width: Int { configuration.hiddenSize }

  package func resized(layers: [Int], width: Int) throws -> any ReducibleModel {
    var c = configuration
    let ratio = Proportion(old: c.hiddenSize, new: width)
    let queriesPerKey = c.numAttentionHeads / c.numKeyValueHeads
    c.numHiddenLayers = layers.count
    c.slidingLayers = layers.map { c.slidingLayers[$0] }
    c.numKeyValueHeads = try ratio.keyHeads(c.numKeyValueHeads)
    c.numAttentionHeads = c.numKeyValueHeads * queriesPerKey
    c.intermediateSize = ratio.rounded(c.intermediateSize)
    c.hiddenSize = width
    return Gemma(c)
  }

  package func axes(of parameter: String) -> [ParameterAxis] {
    let c = configuration
    return groupedAxes(
      parameter, headSize: c.headSize, queriesPerKey: c.numAttentionHeads / c.numKeyValueHeads)
  }
}

extension GPT2: ReducibleModel {
  package var layerCount: Int { configuration.nLayer }
  package var layerPrefix: String { "transformer.h." }
  package var width: Int { configuration.nEmbd }

  package func resized(layers: [Int], width: Int) throws -> any ReducibleModel {
    var c = configuration
    let ratio = Proportion(old: c.nEmbd, new: width)
    c.nLayer = layers.count
    c.nHead = try ratio.scaled(c.nHead, "heads")
    c.nInner = ratio.rounded(c.nInner)
    c.nEmbd = width
    return GPT2(c)
  }

  package func axes(of parameter: String) -> [ParameterAxis] {
    let size = configuration.nEmbd / configuration.nHead
    let heads = ParameterAxis.heads(unit: size)
    let all = ParameterAxis.heads(unit: size, copies: 3)
    return Models.axes(
      parameter,
      [
        ("wte.weight", [.fixed, .width]), ("wpe.weight", [.fixed, .width]),
        ("lm_head.weight", [.fixed, .width]), ("attn.c_attn.weight", [.width, all]),
        ("attn.c_attn.bias", [all]), ("attn.c_proj.weight", [heads, .width]),
        ("mlp.c_fc.weight", [.width, .mlp]), ("mlp.c_fc.bias", [.mlp]),
        ("mlp.c_proj.weight", [.mlp, .width]), ("", [.width]),
      ])
  }
}

extension BERT: ReducibleModel {
  package var layerCount: Int { configuration.numHiddenLayers }
  package var layerPrefix: String { "bert.encoder.layer." }

  package func resized(layers: [Int], width: Int) throws -> any ReducibleModel {
    var c = configuration
    let ratio = Proportion(old: c.hiddenSize, new: width)
    c.numHiddenLayers = layers.count
    c.numAttentionHeads = try ratio.scaled(c.numAttentionHeads, "heads")
    c.intermediateSize = ratio.rounded(c.intermediateSize)
    c.hiddenSize = width
    return BERT(c)
  }

  package func axes(of parameter: String) -> [ParameterAxis] {
    let heads = ParameterAxis.heads(
      unit: configuration.hiddenSize / configuration.numAttentionHeads)
    let projections = ["query", "key", "value"].flatMap { name in
      [(".\(name).weight", [heads, .width]), (".\(name).bias", [heads])]
    }
    return Models.axes(
      parameter,
      projections + [
        ("predictions.bias", [.fixed]), ("embeddings.weight", [.fixed, .width]),
        ("attention.output.dense.weight", [.width, heads]),
        ("intermediate.dense.weight", [.mlp, .width]), ("intermediate.dense.bias", [.mlp]),
        ("output.dense.weight", [.width, .mlp]), ("dense.weight", [.width, .width]),
        ("", [.width]),
      ])
  }
}

extension DistilBERT: ReducibleModel {
  package var layerCount: Int { configuration.nLayers }
  package var layerPrefix: String { "distilbert.transformer.layer." }

  package func resized(layers: [Int], width: Int) throws -> any ReducibleModel {
    var c = configuration
    let ratio = Proportion(old: c.dim, new: width)
    c.nLayers = layers.count
    c.nHeads = try ratio.scaled(c.nHeads, "heads")
    c.hiddenDim = ratio.rounded(c.hiddenDim)
    c.dim = width
    return DistilBERT(c)
  }

  package func axes(of parameter: String) -> [ParameterAxis] {
    let heads = ParameterAxis.heads(unit: configuration.dim / configuration.nHeads)
    let projections = ["q_lin", "k_lin", "v_lin"].flatMap { name in
      [("\(name).weight", [heads, .width]), ("\(name).bias", [heads])]
    }
    return Models.axes(
      parameter,
      projections + [
        ("vocab_projector.bias", [.fixed]), ("embeddings.weight", [.fixed, .width]),
        ("out_lin.weight", [.width, heads]), ("lin1.weight", [.mlp, .width]),
        ("lin1.bias", [.mlp]), ("lin2.weight", [.width, .mlp]),
        ("vocab_transform.weight", [.width, .width]), ("", [.width]),
      ])
  }
}
