// How layers turn and see, as `config.json` says it of several families.
import Layers
import Storage

extension ConfigurationFile {
  /// Which of so many layers see a window; nil where the file does not say.
  func slidingLayers(count: Int) throws -> [Bool]? {
    guard let types = try texts("layer_types") else { return nil }
    guard types.count == count else {
      throw failure("layer_types", "must name \(count) layers")
    }
    return try types.map { type in
      switch type {
      case "sliding_attention": return true
      case "full_attention": return false
      default: throw failure("layer_types", "names \(type), which is not known")
      }
    }
  }

  /// Throws unless all numbers of a head are turned.
  func requireWholeHeads() throws {
    if let share = try optionalNumber("partial_rotary_factor"), share != 1 {
      throw failure(
        "partial_rotary_factor", "is \(share), which is not built: only whole heads are turned")
    }
  }
}

extension RotaryScaling {
  /// Reads the object `rope_scaling`, or since version 5 of `transformers` `rope_parameters`; nil where angles are as they are.
  init?(_ scaling: ConfigurationFile, contextLength: Int) throws {
    try scaling.requireWholeHeads()
    let type = try scaling.text("rope_type") ?? scaling.text("type") ?? "default"
    func originalLength() throws -> Int {
      try scaling.count("original_max_position_embeddings", default: contextLength)
    }
    switch type {
    case "default": return nil
    case "linear": self = .linear(factor: try scaling.number("factor"))
    case "llama3":
      self = .llama3(
        factor: try scaling.number("factor"), lowFactor: try scaling.number("low_freq_factor"),
        highFactor: try scaling.number("high_freq_factor"), originalLength: try originalLength())
    case "yarn":
      let length = try originalLength()
      let ratio = Double(contextLength) / Double(length)
      let factor = try scaling.number("factor", default: ratio)
      var yarn = RotaryScaling.Yarn(factor: factor, originalLength: length)
      yarn.fastRotations = try scaling.number("beta_fast", default: 32)
      yarn.slowRotations = try scaling.number("beta_slow", default: 1)
      yarn.roundsRamp = try scaling.flag("truncate", default: true)
      if let magnitude = try scaling.optionalNumber("attention_factor") {
        yarn.magnitude = magnitude
      } else if let some = try scaling.optionalNumber("mscale"),
        let all = try scaling.optionalNumber("mscale_all_dim")
      {
        yarn.magnitude =
          RotaryScaling.Yarn.magnitude(factor, some) / RotaryScaling.Yarn.magnitude(factor, all)
      }
      self = .yarn(yarn)
    default:
      throw scaling.failure("rope_type", "is \(type); default, linear, llama3 and yarn are built")
    }
  }

  /// The object `rope_scaling`.
  var json: JSON {
    var object = JSON.Object()
    switch self {
    case .linear(let factor):
      object["rope_type"] = .string("linear")
      object["factor"] = JSON(factor)
    case .llama3(let factor, let low, let high, let length):
      object["rope_type"] = .string("llama3")
      object["factor"] = JSON(factor)
      object["low_freq_factor"] = JSON(low)
      object["high_freq_factor"] = JSON(high)
      object["original_max_position_embeddings"] = JSON(length)
    case .yarn(let yarn):
      object["rope_type"] = .string("yarn")
      object["factor"] = JSON(yarn.factor)
      object["original_max_position_embeddings"] = JSON(yarn.originalLength)
      object["beta_fast"] = JSON(yarn.fastRotations)
      object["beta_slow"] = JSON(yarn.slowRotations)
      object["attention_factor"] = JSON(yarn.magnitude)
      object["truncate"] = .bool(yarn.roundsRamp)
    }
    return .object(object)
  }
}
