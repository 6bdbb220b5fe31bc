// What a run is made of, as a YAML file says it.
import Distillation
import Foundation
import Models
import Training

/// What a run learns from.
struct DataRecipe: Codable {
  /// Texts, JSON, JSON lines, CSV or TSV, each perhaps packed with gzip, and folders of such files; `-` is standard
  /// input. None means Debian's `fortunes`. See `DataEntry` for what can be in them.
  var files: [String] = []
  /// The names of the files' fields, where they are not the usual ones.
  var fields = DataFields()
  /// A folder with the tokenizer of new models; empty takes one token per byte.
  var tokenizer = ""
  /// The share of entries that is held out.
  var heldOut = 0.1
  /// The share of entries that is kept apart to choose every model's best weights by; of a long text 64 rows are
  /// measured. 0 keeps the last weights.
  var validation = 0.01
  /// Of a longer held-out text about so many tokens, but at least 128 rows, are judged, chosen by entries; 0 judges all.
  var judgedTokens = 65_536
  var sequenceLength = 128
  /// Whether entries share rows, of which none sees another. Otherwise a text is a stream, and its rows are full.
  var packing = false

  /// How many held-out rows are judged where there are more.
  var judgedRows: Int { judgedTokens > 0 ? max(128, judgedTokens / sequenceLength) : .max }

  mutating func eachPath(_ body: (inout String) -> Void) {
    for index in files.indices where files[index] != "-" { body(&files[index]) }
    body(&tokenizer)
  }

  enum CodingKeys: String, CodingKey {
    case files, fields, tokenizer, validation, packing
    case heldOut = "held_out"
    case judgedTokens = "judged_tokens"
    case sequenceLength = "sequence_length"
  }
}

/// The loss of the student.
struct DistillationRecipe: Codable {
  enum Objective: String, Codable, CaseIterable {
    case forwardKL = "forward_kl"
    case reverseKL = "reverse_kl"
    case jsd
    case normalizedJSD = "normalized_jsd"
    case skewKL = "skew_kl"
    case skewReverseKL = "skew_reverse_kl"
    case totalVariation = "total_variation"
  }

  var objective = Objective.forwardKL
  /// The weight of the teacher in the mixture of the JSD.
  var beta = 0.5
  /// The share of the other distribution in the mixture of the skew divergences.
  var skew = 0.1
  var temperature = 1.0
  /// The weight of the labels' cross-entropy.
  var alpha = 0.1
  var hidden = HiddenRecipe()
  var relations = RelationRecipe()
  var onPolicy = OnPolicyRecipe()
  /// Teachers besides the first, with the same tokenizer.
  var moreTeachers: [FurtherTeacher] = []
  /// What makes a sentence encoder's vectors those of its teacher.
  var sentences = EmbeddingObjective.Kind.cosine
  /// A folder that `retort cache` made: the teacher need not be in memory.
  var cache = ""
  /// Which controls are trained.
  var controls = Controls.auto
  /// Why no control is trained; empty trains those of `controls`.
  var withoutControl = ""

  enum Controls: String, Codable, CaseIterable {
    /// Both where the second takes less than half of what the rest of the run takes.
    case auto
    case data, compute, both
  }

  /// What the run's controls answer.
  var questions: [Question] {
    guard withoutControl.isEmpty else { return [] }
    return Question.allCases.filter { controls == .both || controls.rawValue == $0.rawValue }
  }

  enum CodingKeys: String, CodingKey {
    case objective, beta, skew, temperature, alpha, hidden, relations, sentences, cache, controls
    case moreTeachers = "more_teachers"
    case onPolicy = "on_policy"
    case withoutControl = "without_control"
  }

  var kind: DistillationObjective.Kind {
    switch objective {
    case .forwardKL: .forwardKL
    case .reverseKL: .reverseKL
    case .jsd: .jensenShannon(beta: Float(beta), isNormalized: false)
    case .normalizedJSD: .jensenShannon(beta: Float(beta), isNormalized: true)
    case .skewKL: .skewKL(Float(skew))
    case .skewReverseKL: .skewReverseKL(Float(skew))
    case .totalVariation: .totalVariation
    }
  }
}

/// A teacher besides the first.
struct FurtherTeacher: Codable {
  var path: String
  /// The first teacher's weight is 1.
  var weight: Double

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    path = try container.decode(String.self, forKey: .path)
    weight = try container.decodeIfPresent(Double.self, forKey: .weight) ?? 1
  }
}

/// Rows that the student writes itself.
struct OnPolicyRecipe: Codable {
  /// The probability of a row to be the student's; 0 for none.
  var lambda = 0.0
  /// That of the draws.
  var temperature = 1.0
  /// The share of a row of plain text that is the prompt.
  var prompt = 0.25

  var options: OnPolicyData.Options {
    var options = OnPolicyData.Options()
    options.lambda = lambda
    options.temperature = Float(temperature)
    options.promptShare = prompt
    return options
  }
}

/// The matching of relations between tokens.
struct RelationRecipe: Codable {
  /// 0 matches none.
  var weight = 0.0
  /// Into how many parts the layers' vectors are cut.
  var heads = 8
  /// The student's and the teacher's layer, from 0; empty for the last of each.
  var layers: [Int] = []
}

/// The matching of hidden states.
struct HiddenRecipe: Codable {
  /// 0 matches none.
  var weight = 0.0
  /// Pairs of layers, [student's, teacher's], where 0 is the embedding; empty spreads the student's layers
  /// evenly over the teacher's.
  var layers: [[Int]] = []
}

/// How every model of a run is trained.
struct TrainingRecipe: Codable {
  /// How values are stored between kernels.
  var precision = Precision.fp32
  /// How the weights of finished models are written.
  var export = Precision.fp32
  var batchSize = 16
  var microBatches = 1
  var warmupSteps = 50
  var finalRateShare = 0.1
  var weightDecay = 0.1
  var beta1 = 0.9
  var beta2 = 0.95
  var epsilon = 1e-8
  var clipNorm = 1.0
  var logInterval = 10
  var checkpointInterval = 200
  /// Steps between measurements of the validation text; 0 measures at most twenty times.
  var validationInterval = 0
  /// How many measurements in a row may bring nothing better before a training ends; 0 never ends it early.
  var patience = 0

  enum CodingKeys: String, CodingKey {
    case precision, export, beta1, beta2, epsilon, patience
    case batchSize = "batch_size"
    case microBatches = "micro_batches"
    case warmupSteps = "warmup_steps"
    case finalRateShare = "final_rate_share"
    case weightDecay = "weight_decay"
    case clipNorm = "clip_norm"
    case logInterval = "log_interval"
    case checkpointInterval = "checkpoint_interval"
    case validationInterval = "validation_interval"
  }

  func options(for model: ModelRecipe, seed: UInt64) -> TrainingOptions {
    var options = TrainingOptions()
    options.stepCount = model.steps
    options.batchSize = batchSize
    options.microBatchCount = microBatches
    options.precision = precision
    options.seed = seed
    options.logInterval = logInterval
    options.checkpointInterval = checkpointInterval
    options.validationInterval =
      validationInterval > 0 ? validationInterval : (model.steps + 19) / 20
    options.patience = patience
    options.optimizer.learningRate = model.learningRate
    options.optimizer.warmupSteps = min(warmupSteps, model.steps / 2)
    options.optimizer.finalRateShare = finalRateShare
    options.optimizer.weightDecay = Float(weightDecay)
    options.optimizer.beta1 = Float(beta1)
    options.optimizer.beta2 = Float(beta2)
    options.optimizer.epsilon = Float(epsilon)
    options.optimizer.clipNorm = Float(clipNorm)
    return options
  }
}

/// What `retort distill` does.
struct DistillRecipe: Recipe {
  var data = DataRecipe()
  var teacher = ModelRecipe.teacher
  var student = ModelRecipe.student
  var distillation = DistillationRecipe()
  var training = TrainingRecipe()
  var seed: UInt64 = 1
  /// How many seeds student and controls are trained with; 0 takes three for small runs and one otherwise.
  var seeds = 0

  mutating func resolve() {
    teacher.resolve(rateOfNew: 3e-3)
    let isTaughtHere = teacher.path.isEmpty && distillation.cache.isEmpty
    student.resolve(rateOfNew: 4e-3, textShare: isTaughtHere ? 0.02 : 1)
  }

  mutating func eachPath(_ body: (inout String) -> Void) {
    data.eachPath(body)
    body(&teacher.path)
    body(&student.path)
    body(&distillation.cache)
    for index in distillation.moreTeachers.indices {
      body(&distillation.moreTeachers[index].path)
    }
  }
}

/// What `retort train` does.
struct TrainRecipe: Recipe {
  var data = DataRecipe()
  var model = ModelRecipe.student
  var training = TrainingRecipe()
  var seed: UInt64 = 1

  mutating func resolve() { model.resolve(rateOfNew: 4e-3) }

  mutating func eachPath(_ body: (inout String) -> Void) {
    data.eachPath(body)
    body(&model.path)
  }
}
