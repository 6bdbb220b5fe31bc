// `retort collect`
#if Network
  import ArgumentParser
  import Base
  import Collecting
  import Foundation
  import Storage
  import Terms
  import Text

  struct Collect: TalkativeCommand {
    static let configuration = CommandConfiguration(
      abstract: "Collect answers of a hosted model, to learn from.",
      discussion: """
        retort collect --endpoint https://HOST/v1 --model NAME --input prompts.jsonl --output answers.jsonl

        The endpoint speaks OpenAI's form (vLLM, llama.cpp, Ollama, most providers). Its key is read from RETORT_API_KEY, or from \
        OPENAI_API_KEY, DEEPSEEK_API_KEY, OPENROUTER_API_KEY or MISTRAL_API_KEY by host. IN holds prompts as for \
        `retort generate`. OUT is what `retort train` and `retort distill` read as --data. Beside answers.jsonl stand answers.filtered.jsonl, \
        answers.refused.jsonl and answers.failed.jsonl, where there are such, and .retort-collect.answers.jsonl, which counts what was spent. A \
        student that reads bytes has no conversations: take --completions for it. The same command goes on after an interruption, and asks again for what failed. \
        --max-cost and --max-tokens-total count all its runs.
        """)

    @Option(help: "The address of the endpoint, such as https://host/v1.")
    var endpoint: String

    @Option(help: "The name of the model there.")
    var model: String

    @Option(help: "A file of prompts or messages, or - for standard input.")
    var input: String

    @OptionGroup var fields: FieldOptions

    @Option(help: "The file for the answers.")
    var output: String

    @Flag(help: "Replace the output and the files beside it, whatever they hold.")
    var overwrite = false

    @Flag(help: "Continue prompts as texts (the route completions), in place of answering them.")
    var completions = false

    @OptionGroup var answers: AnswerOptions
    @OptionGroup var limits: CollectionLimits
    @OptionGroup var filters: FilterOptions

    @Option(
      name: .customLong("accept-terms"),
      help:
        "Accept the terms of this name, which the command has shown; may be given several times.")
    var acceptedTerms: [String] = []

    @Option(help: "Why the terms are accepted; goes into every record.")
    var because: String?

    @Flag(name: .customLong("insecure-http"), help: "Allow plain HTTP to another machine.")
    var insecureHTTP = false

    @Flag(
      inversion: .prefixedNo,
      help: "OpenRouter: only models whose authors allow training on outputs.")
    var distillableOnly = true

    @Flag(help: "At the end, put answers in the order of their prompts.")
    var sort = false

    @Flag(help: "Say what would be sent and what it could cost, and send nothing.")
    var dryRun = false

    @OptionGroup var messages: MessageOptions
    @OptionGroup var results: ResultOptions

    func run() throws {
      Interrupt.install()
      let endpoint = try Endpoint(
        endpoint, environment: ProcessInfo.processInfo.environment, allowsPlainHTTP: insecureHTTP)
      let place = URL(fileURLWithPath: output)
      guard place.resolved != URL(fileURLWithPath: input).resolved else {
        throw UserError("--output is the file of prompts itself. Name another one.")
      }
      let terms = try terms(of: endpoint)
      var sampling = try answers.sampling()
      if distillableOnly, endpoint.host.hasSuffix("openrouter.ai"),
        sampling.extra["provider"] == nil
      {
        sampling.extra["provider"] = .object(
          JSON.Object([("enforce_distillable_text", .bool(true))]))
      }
      let heldOut = try filters.heldOutWords()
      let (prompts, left) = try prompts(heldOut)
      if !left.isEmpty { note(left) }
      let requests = prompts.flatMap { prompt in
        (0..<answers.samples).map {
          CollectedRequest(
            prompt, sample: $0, endpoint: endpoint, model: model, sampling: sampling,
            streams: !answers.noStream)
        }
      }
      var settings = limits.settings
      settings.filters = try filters.filters(heldOut)
      let known = overwrite ? [] : AnswerFiles.hashes(beside: place)
      note(limits.plan(requests.filter { !known.contains($0.hash) }, of: requests.count))
      guard !dryRun, let terms else { return }

      let files = try AnswerFiles(
        URL(fileURLWithPath: output), overwrite: overwrite, key: endpoint.key)
      let about = Provenance(
        endpoint: endpoint, model: model, terms: terms.record)
      let hosted = HostedModel(
        endpoint, streams: !answers.noStream, silence: .seconds(limits.silence),
        connections: limits.concurrency)
      let summary = try collect(requests, about, hosted, files, settings)
      try results.json ? tell(json: summary.json) : CollectionReport(summary, limits).tell(output)
      switch summary.end {
      case .interrupted: throw ExitCode(130)
      case .refused(let why):
        let asksForTexts = why.lowercased().contains("chat template") && !completions
        throw UserError(
          "\(why.hasSuffix(".") ? why : why + ".") What was answered is kept, and the same command goes on.",
          remedy: asksForTexts ? .askForTexts : nil)
      case .complete, .limit: if summary.failedCount > 0 { throw ExitCode(1) }
      }
    }

    /// What was decided of the terms, which a person is told. Whoever only looks has nothing to accept, and gets nil.
    private func terms(of endpoint: Endpoint) throws -> TermsDecision? {
      do {
        let terms = try TermsDecision(
          host: endpoint.host, model: model, accepted: acceptedTerms, because: because,
          by: NSUserName(), on: Date())
        for line in terms.lines(on: Date()) { note(line) }
        note("This is information, and no legal advice.")
        return terms
      } catch let error as UserError where dryRun {
        note("Before anything is sent: \(error)")
        return nil
      }
    }

    /// The prompts that are asked, and a sentence on those that are not.
    private func prompts(_ heldOut: SharedWords) throws -> (asked: [CollectedPrompt], left: String)
    {
      let all = try CollectedPrompt.read(input, fields: fields.names(), asTexts: completions)
      let clean = all.filter { !heldOut.isShared(by: $0.words) }
      let distinct = CollectedPrompt.distinct(clean)
      guard !distinct.isEmpty else { throw UserError("No prompt is left to ask.") }
      let parts = [
        (
          all.count - clean.count, "shares words with held-out texts",
          "share words with held-out texts"
        ),
        (clean.count - distinct.count, "repeats another", "repeat others"),
      ].filter { $0.0 > 0 }
      let words = parts.map { "\(grouped($0.0)) \($0.0 == 1 ? $0.1 : $0.2)" }.joined(
        separator: ", ")
      return (
        distinct,
        words.isEmpty ? "" : "Of \(counted(all.count, "prompt")) some are not asked: \(words)."
      )
    }

    private func collect(
      _ requests: [CollectedRequest], _ about: Provenance, _ hosted: HostedModel,
      _ files: sending AnswerFiles,
      _ settings: Collection.Settings
    ) throws -> CollectionSummary {
      let display = CollectionDisplay(isPriced: settings.price != nil)
      let collection = Collection(
        requests, about: about, model: hosted, files: files, settings: settings,
        observer: { display.show($0) }, isInterrupted: { Interrupt.wasRequested })
      let sorts = sort
      return try wait {
        do {
          let summary = try await collection.run()
          try await collection.finish(sorting: sorts)
          display.end()
          return summary
        } catch {
          try? await collection.finish(sorting: false)
          throw error
        }
      }
    }
  }
#endif
