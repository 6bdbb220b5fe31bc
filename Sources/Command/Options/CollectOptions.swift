// How a hosted model is asked, what that may cost, and which answers are kept.
#if Network
  import ArgumentParser
  import Base
  import Collecting
  import Foundation
  import Storage
  import Text

  /// How answers are drawn.
  struct AnswerOptions: ParsableArguments {
    @Option(help: "How many answers each prompt gets.")
    var samples = 1

    @Option(help: "The most tokens of an answer, its reasoning included.")
    var maxTokens = 1024

    @Option(help: "0 takes the likeliest token; 1 draws from the model's own distribution.")
    var temperature = 1.0

    @Option(help: "Draw from the likeliest tokens that together have this probability.")
    var topP = 1.0

    @Option(
      help: "The seed of each prompt's first answer; further answers take the numbers behind it.")
    var seed = 1

    @Option(help: "End before this text; may be given several times.")
    var stop: [String] = []

    @Option(
      help: ArgumentHelp(
        "Keep the log-probability of every token, with so many alternatives.",
        discussion:
          "They teach a student with any tokenizer (`distillation.objective: likelihood`)."))
    var logprobs: Int?

    @Option(
      help: ArgumentHelp(
        "Members that every request has besides, as JSON; null leaves one out.",
        discussion: "Such as '{\"reasoning_effort\": \"low\", \"seed\": null}'.", valueName: "json")
    )
    var extra: String?

    @Flag(help: "Take answers whole, from servers that do not stream.")
    var noStream = false

    func validate() throws {
      try requireCount(samples, "samples", to: 10_000)
      try requireCount(maxTokens, "max-tokens", to: 1 << 24)
      try requireCount(logprobs, "logprobs", from: 0, to: 100)
      try requireCount(stop.count, "stop", from: 0, to: 16)
      guard temperature >= 0, temperature <= 10 else {
        throw ValidationError("--temperature must be from 0 to 10.")
      }
      guard topP > 0, topP <= 1 else {
        throw ValidationError("--top-p must be above 0 and at most 1.")
      }
      guard seed >= 0, seed < 1 << 31 else {
        throw ValidationError("--seed must be from 0 to 2147483647.")
      }
    }

    func sampling() throws -> AnswerSampling {
      var sampling = AnswerSampling()
      sampling.temperature = temperature
      sampling.topP = topP
      sampling.maxTokens = maxTokens
      sampling.seed = seed
      sampling.stops = stop
      sampling.topLogProbabilities = logprobs
      guard let extra else { return sampling }
      guard let object = (try? JSON(parsing: Data(extra.utf8)))?.object else {
        throw ValidationError(
          "--extra must be an object of JSON, such as '{\"reasoning_effort\": \"low\"}'.")
      }
      let own = ["model", "messages", "prompt", "stream", "stream_options", "n", "best_of"]
      if let taken = object.members.first(where: { own.contains($0.key) }) {
        throw ValidationError(
          "--extra must not have '\(taken.key)', which the command sets itself.")
      }
      // The cost of an answer has a bound because its length has one.
      let limits = CollectedRequest.limits
      guard
        limits.contains(where: { object[$0]?.int != nil })
          || !limits.contains(where: { object[$0]?.isNull == true })
      else {
        throw ValidationError(
          "--extra must leave a limit of tokens: max_tokens or max_completion_tokens.")
      }
      sampling.extra = object
      return sampling
    }
  }

  /// What answers may cost.
  struct CollectionLimits: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "Dollars for a million tokens, read and written.", discussion: "Such as 0.15,0.60.",
        valueName: "in,out"))
    var price: String?

    @Option(help: "The most dollars that may be spent; needs --price.")
    var maxCost: Double?

    @Option(help: "The most tokens that may be spent, read and written.")
    var maxTokensTotal: Int?

    @Option(
      help:
        "The most requests under way at once; the command finds by itself what the server bears.")
    var concurrency = 64

    @Option(
      help:
        "After so many seconds without a byte an answer counts as broken; models that reason in silence take long."
    )
    var silence = 120

    func validate() throws {
      try requireCount(concurrency, "concurrency", to: 4096)
      try requireCount(silence, "silence", to: 86_400)
      try requireCount(maxTokensTotal, "max-tokens-total", to: 1 << 40)
      _ = try prices()
      guard let maxCost else { return }
      guard maxCost > 0, maxCost <= 1e6 else {
        throw ValidationError("--max-cost must be above 0 and at most a million.")
      }
      guard price != nil else {
        throw ValidationError("--max-cost needs --price, such as --price 0.15,0.60.")
      }
    }

    private func prices() throws -> TokenPrice? {
      guard let price else { return nil }
      let numbers = price.split(separator: ",", omittingEmptySubsequences: false).map {
        Double($0.trimmingCharacters(in: .whitespaces)) ?? -1
      }
      guard numbers.count == 2, numbers.allSatisfy({ $0 >= 0 && $0 <= 1e5 }) else {
        throw ValidationError(
          "--price must be two numbers, such as 0.15,0.60: dollars for a million tokens read and written."
        )
      }
      return TokenPrice(input: numbers[0], output: numbers[1])
    }

    var settings: Collection.Settings {
      var settings = Collection.Settings()
      settings.price = try? prices()
      settings.mostMoney = maxCost.map(Money.init(dollars:))
      settings.mostTokens = maxTokensTotal
      settings.mostAtOnce = concurrency
      return settings
    }

    /// What is about to be sent, and what it can cost at most.
    /// What some requests take at most; `total` counts those that are answered already too.
    func plan(_ requests: [CollectedRequest], of total: Int) -> String {
      let most = requests.reduce(TokenCount.zero) { $0 + $1.bound }
      let cost =
        settings.price.map {
          ", $\(fixed($0.cost(most).dollars, $0.cost(most).dollars < 1 ? 4 : 2))"
        } ?? ""
      let before =
        requests.count < total
        ? " Of \(grouped(total)) the others are answered already." : ""
      return
        "\(counted(requests.count, "request")), at most \(counted(most.total, "token"))\(cost).\(before)"
    }
  }

  /// Which answers are kept.
  struct FilterOptions: ParsableArguments {
    @Option(help: "The fewest bytes of an answer.")
    var minBytes = 1

    @Option(help: "The most bytes of an answer.")
    var maxBytes = 1 << 30

    @Option(
      help:
        "Nine in ten letters of an answer are of this script, such as Latin; may be given several times."
    )
    var script: [String] = []

    @Option(help: "A regular expression that is found in an answer.")
    var match: String?

    @Option(help: "A regular expression that is not found in an answer.")
    var reject: String?

    @Option(
      help: ArgumentHelp(
        "Files that are judged on: prompts and answers that share eight words in a row with them are left out.",
        valueName: "file"))
    var heldOut: [String] = []

    func validate() throws {
      try requireCount(minBytes, "min-bytes", to: 1 << 30)
      try requireCount(maxBytes, "max-bytes", to: 1 << 30)
    }

    func heldOutWords() throws -> SharedWords {
      guard !heldOut.isEmpty else { return SharedWords([]) }
      return SharedWords(
        try DataEntry.read(try DataFiles.expanded(heldOut)).flatMap { try $0.words() })
    }

    func filters(_ heldOut: SharedWords) throws -> AnswerFilters {
      var filters = AnswerFilters()
      (filters.fewestBytes, filters.mostBytes) = (minBytes, maxBytes)
      (filters.scripts, filters.mustMatch, filters.mustNotMatch) = (script, match, reject)
      filters.heldOut = heldOut
      try filters.validate()
      return filters
    }
  }
#endif
