// Where the values of a recipe must lie.

/// Throws unless a value of a recipe lies where it must.
private func require(_ holds: Bool, _ key: String, _ range: String) throws {
  if !holds { throw RecipeError("\(key) must be \(range).", key: key) }
}

extension DataRecipe {
  func validate() throws {
    try require(heldOut > 0 && heldOut < 1, "data.held_out", "above 0 and below 1")
    try require(
      validation >= 0 && heldOut + validation < 1, "data.validation",
      "at least 0, and below 1 with data.held_out")
    try require(judgedTokens >= 0, "data.judged_tokens", "at least 0")
    try require(
      (1...65_536).contains(sequenceLength), "data.sequence_length", "from 1 to 65536")
  }
}

extension ModelRecipe {
  func validate(_ section: String) throws {
    try require((1...200).contains(layers), "\(section).layers", "from 1 to 200")
    try require((1...32_768).contains(width), "\(section).width", "from 1 to 32768")
    try require(
      heads > 0 && width % heads == 0 && width / heads % 2 == 0 && width / heads <= 128,
      "\(section).heads",
      "a divisor of the width (\(width)) with an even quotient of at most 128")
    try require(
      keyValueHeads > 0 && heads % keyValueHeads == 0, "\(section).key_value_heads",
      "a divisor of the number of heads (\(heads))")
    try require((1...131_072).contains(mlpWidth), "\(section).mlp_width", "from 1 to 131072")
    try require((1...100_000_000).contains(steps), "\(section).steps", "from 1 to 100000000")
    try require(epochs >= 0 && epochs <= 100_000, "\(section).epochs", "from 0 to 100000")
    try require(textShare > 0 && textShare <= 1, "\(section).text_share", "above 0 and at most 1")
    try require(
      Float(learningRate) >= .leastNormalMagnitude && learningRate <= 1, "\(section).learning_rate",
      "above 0 and at most 1")
  }
}

extension TrainingRecipe {
  func validate() throws {
    try require((1...65_536).contains(batchSize), "training.batch_size", "from 1 to 65536")
    try require((1...65_536).contains(microBatches), "training.micro_batches", "from 1 to 65536")
    try require(warmupSteps >= 0, "training.warmup_steps", "at least 0")
    try require(
      finalRateShare >= 0 && finalRateShare <= 1, "training.final_rate_share", "between 0 and 1")
    try require(weightDecay >= 0 && weightDecay <= 1, "training.weight_decay", "between 0 and 1")
    // Kernels compute with these in single precision, in which they must still be what they are.
    let single = "in single precision"
    try require(
      beta1 >= 0 && Float(beta1) < 1, "training.beta1", "at least 0 and below 1 \(single)")
    try require(
      beta2 >= 0 && Float(beta2) < 1, "training.beta2", "at least 0 and below 1 \(single)")
    try require(
      Float(epsilon) >= .leastNormalMagnitude && Float(epsilon).isFinite, "training.epsilon",
      "at least 1.2e-38 and finite \(single)")
    try require(
      clipNorm == 0 || Float(clipNorm) >= .leastNormalMagnitude && Float(clipNorm).isFinite,
      "training.clip_norm", "0, which does not clip, or above it and finite \(single)")
    let steps = 1...1_000_000_000
    try require(steps.contains(logInterval), "training.log_interval", "from 1 to 1000000000")
    try require(
      steps.contains(checkpointInterval), "training.checkpoint_interval", "from 1 to 1000000000")
    try require(
      validationInterval == 0 || steps.contains(validationInterval), "training.validation_interval",
      "from 0 to 1000000000")
    try require((0...1_000_000).contains(patience), "training.patience", "from 0 to 1000000")
  }
}

extension DistillRecipe {
  func validate() throws {
    try data.validate()
    try training.validate()
    try teacher.validate("teacher")
    try student.validate("student")
    try require(!teacher.fromTeacher.isWanted, "teacher.from_teacher", "left out")
    try require(teacher.textShare == 1, "teacher.text_share", "1: a teacher reads all of the text")
    try require(
      training.patience == 0, "training.patience",
      "0 in a distillation: arms that end early have no equal budget (the best weights are kept all the same)"
    )
    try require(
      student.path.isEmpty || !student.fromTeacher.isWanted, "student.path",
      "empty where student.from_teacher is given")
    try require(
      distillation.beta >= 0 && distillation.beta <= 1, "distillation.beta", "between 0 and 1")
    try require(
      distillation.skew >= 0 && distillation.skew < 1, "distillation.skew",
      "at least 0 and below 1")
    func isWeight(_ number: Double) -> Bool { number >= 0 && Float(number).isFinite }
    try require(
      isWeight(distillation.hidden.weight), "distillation.hidden.weight",
      "at least 0 and finite in single precision")
    try require(
      distillation.hidden.layers.allSatisfy { $0.count == 2 }, "distillation.hidden.layers",
      "pairs of layers")
    try require(
      distillation.cache.isEmpty
        || distillation.hidden.weight == 0 && distillation.relations.weight == 0,
      "distillation.hidden.weight and distillation.relations.weight",
      "0 with a cache, which has nothing of inner layers")
    try require(
      !data.packing || distillation.cache.isEmpty && distillation.onPolicy.lambda == 0,
      "data.packing", "false with a cache or on-policy rows, which hold one text each")
    try require(
      isWeight(distillation.relations.weight) && (1...4096).contains(distillation.relations.heads)
        && [0, 2].contains(distillation.relations.layers.count), "distillation.relations",
      "a weight of at least 0, a number of heads and two layers, or none")
    let onPolicy = distillation.onPolicy
    try require(
      onPolicy.lambda >= 0 && onPolicy.lambda <= 1, "distillation.on_policy.lambda",
      "between 0 and 1")
    try require(
      onPolicy.temperature >= 0.01 && onPolicy.temperature <= 100,
      "distillation.on_policy.temperature", "from 0.01 to 100")
    try require(
      onPolicy.prompt > 0 && onPolicy.prompt < 1, "distillation.on_policy.prompt",
      "above 0 and below 1")
    try require(
      onPolicy.lambda == 0 || distillation.alpha == 0, "distillation.alpha",
      "0 with on_policy: what the student drew itself is no label")
    try require(
      onPolicy.lambda == 0 || distillation.cache.isEmpty, "distillation.cache",
      "empty with on_policy: only a teacher that is there can judge new texts")
    try require(
      distillation.moreTeachers.allSatisfy {
        isWeight($0.weight) && Float($0.weight) >= .leastNormalMagnitude
      }, "distillation.more_teachers", "teachers with finite weights above 0")
    try require((0...1000).contains(seeds), "seeds", "from 1 to 1000, or 0 to leave it open")
    try require(
      seed <= UInt64.max - UInt64(seeds), "seed", "at most 2^64 less the number of seeds")
    try require(
      distillation.temperature >= 0.01 && distillation.temperature <= 100,
      "distillation.temperature", "from 0.01 to 100")
    try require(
      distillation.alpha >= 0 && distillation.alpha <= 1, "distillation.alpha", "between 0 and 1")
  }
}

extension TrainRecipe {
  func validate() throws {
    try data.validate()
    try training.validate()
    try model.validate("model")
    try require(!model.fromTeacher.isWanted, "model.from_teacher", "left out: there is no teacher")
  }
}
