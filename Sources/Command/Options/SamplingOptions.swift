// How tokens are drawn, as options.
import ArgumentParser
import Text

/// `--temperature` and what else says which tokens a model takes.
struct SamplingOptions: ParsableArguments {
  @Option(help: "0 takes the likeliest token; higher is more varied.")
  var temperature: Float = 0.7

  @Option(help: "Draw from the K likeliest tokens only; 0 for all.")
  var topK = 0

  @Option(help: "Draw from the likeliest tokens that together have this probability.")
  var topP: Float = 1

  @Option(help: "Draw from tokens with at least this share of the likeliest one's probability.")
  var minP: Float = 0

  @Option(help: "Make tokens that the text has already less likely by this factor; 1 does not.")
  var repetitionPenalty: Float = 1

  @Option(help: "The seed of the draws.")
  var seed: UInt32 = 1

  func validate() throws {
    guard temperature >= 0, temperature.isFinite else {
      throw ValidationError("--temperature must be a finite number of at least 0.")
    }
    guard topK >= 0 else { throw ValidationError("--top-k must be at least 0.") }
    guard topP > 0, topP <= 1 else {
      throw ValidationError("--top-p must be above 0 and at most 1.")
    }
    guard minP >= 0, minP <= 1 else { throw ValidationError("--min-p must be between 0 and 1.") }
    guard repetitionPenalty > 0, repetitionPenalty.isFinite else {
      throw ValidationError("--repetition-penalty must be a finite number above 0.")
    }
  }

  var sampling: Sampling {
    var sampling = Sampling()
    sampling.temperature = temperature
    sampling.topK = topK
    sampling.topP = topP
    sampling.minP = minP
    sampling.repetitionPenalty = repetitionPenalty
    sampling.seed = seed
    return sampling
  }
}
