// How every model of a run is trained, as its recipe says it.
import Training

struct TrainingRecipe: RecipeSection {
  @Key("How values are stored between kernels; weights and moments stay in fp32.")
  var precision = Precision.fp32

  @Key("How the weights of finished models are written.")
  var export = Precision.fp32

  @Key("Rows per micro-batch.", .from(1, to: 65_536))
  var batchSize = 16

  @Key("Micro-batches per step, whose gradients are added up.", .from(1, to: 65_536))
  var microBatches = 1

  @Key(
    "Steps in which the learning rate rises to its highest, at most half of all.", .notNegative)
  var warmupSteps = 50

  @Key("The learning rate at the end, as a share of the highest; it falls as a cosine.", .share)
  var finalRateShare = 0.1

  @Key("The decoupled weight decay of AdamW (Loshchilov and Hutter, arXiv 1711.05101).", .share)
  var weightDecay = 0.1

  @Key("How slowly AdamW's first moment changes.", .shareBelow1(isSingle: true))
  var beta1 = 0.9

  @Key("How slowly AdamW's second moment changes.", .shareBelow1(isSingle: true))
  var beta2 = 0.95

  @Key("What AdamW adds to the root of the second moment.", .divisor)
  var epsilon = 1e-8

  @Key("The greatest norm of a step's gradients, which are scaled down to it. 0 does not clip.")
  var clipNorm = 1.0

  @Key(
    """
    A time for the whole run, such as 90s, 3m or 1h: the device is measured, and steps are cut so that all fits. What \
    was chosen stands in the run's recipe. Empty takes the steps as they are.
    """)
  var budget = ""

  @Key("Steps between lines of metrics.", .from(1, to: 1_000_000_000))
  var logInterval = 10

  @Key("Steps between checkpoints.", .from(1, to: 1_000_000_000))
  var checkpointInterval = 200

  @Key(
    "Steps between measurements of the validation text. 0 measures about twenty times.",
    .from(0, to: 1_000_000_000))
  var validationInterval = 0

  @Key(
    """
    How many measurements in a row may bring nothing better before a training ends. 0 never ends it early; \
    distillations take no other.
    """, .from(0, to: 1_000_000))
  var patience = 0

  /// Rows that a step of the optimizer learns from.
  var rowsPerStep: Int { batchSize * microBatches }

  func validate() throws {
    try require(
      budget.isEmpty || TimeSpan(budget) != nil, "training.budget",
      "a time such as 90s, 3m or 1h30m"
    )
    try require(
      clipNorm == 0 || Float(clipNorm) >= .leastNormalMagnitude && Float(clipNorm).isFinite,
      "training.clip_norm", "0, which does not clip, or above it and finite in single precision")
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
