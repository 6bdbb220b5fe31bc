// How every model of a run is trained, as its recipe says it.
import Tensors
import Training

package struct TrainingRecipe: RecipeSection {
  package enum OptimizerWord: String, Codable, CaseIterable {
    case adamw, adamw8, sgd, adafactor, muon

    /// What suitable learning rates of adamw are multiplied by.
    var rateFactor: Double { self == .sgd ? 100 : 1 }
  }

  @Key("How values are stored between kernels; weights and moments stay in fp32.")
  package var precision = Precision.fp32

  @Key("How the weights of finished models are written.")
  package var export = Precision.fp32

  @Key("Rows per micro-batch.", .from(1, to: 65_536))
  package var batchSize = 16

  @Key("Micro-batches per step, whose gradients are added up.", .from(1, to: 65_536))
  package var microBatches = 1

  @Key(
    "Steps in which the learning rate rises to its highest, at most half of all.", .notNegative)
  package var warmupSteps = 50

  @Key("The learning rate at the end, as a share of the highest; it falls as a cosine.", .share)
  package var finalRateShare = 0.1

  @Key(
    """
    How weights are moved. adamw keeps two numbers of 32 bits beside each weight; adamw8 two of 8 bits; sgd, gradient descent with \
    momentum, one; adafactor one for each row and column of a matrix; muon one for matrices of layers, which it makes nearly orthogonal.
    """)
  package var optimizer = OptimizerWord.adamw

  @Key(
    """
    The decoupled weight decay of all optimizers (Loshchilov and Hutter, arXiv 1711.05101). sgd takes a hundredth of it, as \
    its learning rates, with which it is multiplied, are a hundred times as high.
    """, .share)
  package var weightDecay = 0.1

  @Key("How slowly the velocity of sgd and muon changes.", .shareBelow1(isSingle: true))
  package var momentum = 0.9

  @Key("How slowly AdamW's first moment changes.", .shareBelow1(isSingle: true))
  package var beta1 = 0.9

  @Key("How slowly AdamW's second moment changes.", .shareBelow1(isSingle: true))
  package var beta2 = 0.95

  @Key("What AdamW adds to the root of the second moment.", .divisor)
  package var epsilon = 1e-8

  @Key("The greatest norm of a step's gradients, which are scaled down to it. 0 does not clip.")
  package var clipNorm = 1.0

  @Key(
    """
    How much of the forward pass is computed again for the backward pass, in place of being kept in memory; the bits are the same. none \
    keeps all; layers computes every block again; a number so many blocks (attention and the perceptron of a layer are two); auto \
    as little as fits the device.
    """)
  package var recompute = "auto"

  @Key(
    """
    A time for the whole run, such as 90s, 3m or 1h: the device is measured, and steps are cut so that all fits. What \
    was chosen stands in the run's recipe. Empty takes the steps as they are.
    """)
  package var budget = ""

  @Key("Steps between lines of metrics.", .from(1, to: 1_000_000_000))
  package var logInterval = 10

  @Key("Steps between checkpoints.", .from(1, to: 1_000_000_000))
  package var checkpointInterval = 200

  @Key(
    "Steps between measurements of the validation rows. 0 measures about twenty times.",
    .from(0, to: 1_000_000_000))
  package var validationInterval = 0

  @Key(
    """
    How many measurements in a row may bring nothing better before a training ends. 0 never ends it early; \
    distillations take no other.
    """, .from(0, to: 1_000_000))
  package var patience = 0

  package init() {}

  /// Rows that a step of the optimizer learns from.
  package var rowsPerStep: Int { batchSize * microBatches }

  private var recomputation: Recomputation? {
    switch recompute {
    case "auto": .auto
    case "none": Recomputation.none
    case "layers": .all
    default: Int(recompute).flatMap { $0 >= 0 ? .parts($0) : nil }
    }
  }

  func validate() throws {
    try require(
      recomputation != nil, "training.recompute", "auto, none, layers or a number of blocks")
    try require(
      budget.isEmpty || TimeSpan(budget) != nil, "training.budget",
      "a time such as 90s, 3m or 1h30m"
    )
    try require(
      clipNorm == 0 || Float(clipNorm) >= .leastNormalMagnitude && Float(clipNorm).isFinite,
      "training.clip_norm", "0, which does not clip, or above it and finite in single precision")
  }

  package func options(for arm: ArmRecipe, seed: UInt64) -> TrainingOptions {
    var options = TrainingOptions()
    options.stepCount = arm.steps
    options.batchSize = batchSize
    options.microBatchCount = microBatches
    options.precision = precision
    options.recomputation = recomputation ?? .auto
    options.seed = seed
    options.logInterval = logInterval
    options.checkpointInterval = checkpointInterval
    options.validationInterval =
      validationInterval > 0 ? validationInterval : (arm.steps + 19) / 20
    options.patience = patience
    options.optimizer.learningRate = arm.learningRate
    options.optimizer.warmupSteps = warmupSteps
    options.optimizer.finalRateShare = finalRateShare
    let adam = AdamW(
      beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon), decay: Float(weightDecay))
    options.optimizer.rule =
      switch optimizer {
      case .adamw: adam
      case .adamw8: AdamW8(adam)
      case .sgd: SGD(momentum: Float(momentum), decay: Float(weightDecay / optimizer.rateFactor))
      case .adafactor: Adafactor(decay: Float(weightDecay))
      case .muon: Muon(momentum: Float(momentum), others: adam)
      }
    options.optimizer.clipNorm = Float(clipNorm)
    return options
  }
}
