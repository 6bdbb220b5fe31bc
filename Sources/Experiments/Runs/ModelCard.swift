// `README.md` of a model's folder: how it was made, and what was found of it.
import Base
import Foundation
import Models
import Storage
import Training

/// What a kind of model is to those who load it.
public struct ModelUse: Sendable {
  /// The library that loads it, and what the Hub calls its task.
  public let library: String
  /// What the Hub calls its task, such as "text-generation".
  public let pipelineTag: String
  /// Lines of Python that use a model in their folder; empty where nothing but Retort does.
  public let snippet: String
  /// What a row of its training is, in the plural, such as "sequences of 128 tokens".
  public let rows: String
  /// How many of what a row has.
  public let unitsPerRow: Int
  /// What is counted in a row, in the plural.
  public let unit: String

  /// What a card says of a kind of model; by default of one for Retort alone.
  public init(
    library: String = "retort", pipelineTag: String = "other", snippet: String = "",
    rows: String = "rows", unitsPerRow: Int = 1, unit: String = "rows"
  ) {
    (self.library, self.pipelineTag, self.snippet) = (library, pipelineTag, snippet)
    (self.rows, self.unitsPerRow, self.unit) = (rows, unitsPerRow, unit)
  }
}

/// A model card as the Hub shows it (https://huggingface.co/docs/hub/model-cards).
package struct ModelCard {
  let arm: String
  /// What the weights were before training, in words.
  let origin: String
  /// The models that it comes from: what it was cut from or trained further, and its teacher.
  let bases: [ModelOrigin]
  let lineage: Lineage
  let formula: String
  let options: TrainingOptions
  /// Steps that were done, and the one whose weights the model has.
  let stepCount: Int
  let keptStep: Int
  let parameterCount: Int
  /// What was trained in place of the weights; nil where these were.
  let adapter: Adapter?
  let use: ModelUse

  /// A text that says the same in a cell of Markdown, whatever is in it.
  private static func plain(_ text: String) -> String {
    visible(text).replacing("\n", with: " ").replacing("&", with: "&amp;")
      .replacing("<", with: "&lt;").replacing("|", with: "&#124;").replacing("`", with: "&#96;")
  }

  /// What the Hub reads of a card before its text.
  private var frontMatter: String {
    let names = bases.compactMap(\.name)
    let licences = Set(bases.flatMap(\.licences))
    return [
      "library_name: \(adapter == nil ? use.library : "peft")",
      "pipeline_tag: \(use.pipelineTag)",
      names.isEmpty ? nil : "base_model: [\(names.joined(separator: ", "))]",
      adapter == nil || names.isEmpty ? nil : "base_model_relation: adapter",
      licences.count == 1
        ? licences.first.map { licence in
          bases.contains(where: \.hasNamedLicence)
            ? "license: other\nlicense_name: \(licence)" : "license: \(licence)"
        } : nil,
      "tags: [retort\(arm == "student" ? ", distillation" : "")]",
      teachers.isEmpty ? nil : "teacher_models:\n" + teachers.joined(separator: "\n"),
    ].compactMap { $0 }.joined(separator: "\n")
  }

  /// Models whose outputs were learnt, as lines of YAML. The Hub's `base_model_relation` has no word for them.
  private var teachers: [String] {
    lineage.sources.filter { $0.role != .base }.map { source in
      let hash = source.files.first { $0.name.hasSuffix(".safetensors") }?.sha256
      let fields: [(String, String?)] = [
        ("id", source.name.json), ("sha256", hash?.json), ("url", source.address?.json),
        ("terms", source.terms?["id"]?.string?.json), ("share", source.share.map { "\($0)" }),
        ("through", source.through?.json),
      ]
      return "- {"
        + fields.compactMap { field in field.1.map { "\(field.0): \($0)" } }.joined(separator: ", ")
        + "}"
    }
  }

  /// What terms ask of the model: texts that stand here, and what is left to do.
  private var duties: String {
    let duties = lineage.duties
    let shown = duties.compactMap { _, duty -> String? in
      guard case .shows(let text) = duty else { return nil }
      return "**\(text)**"
    }
    let left = duties.compactMap { terms, duty -> String? in
      if case .shows = duty { return nil }
      return "- \(duty) (\(terms))"
    }
    let more =
      "Terms of the models that it comes from ask for this, as far as they are known here (information, and no legal advice):"
    let accepted = lineage.sources.compactMap { source -> String? in
      guard let terms = source.terms, let reason = terms["because"]?.string else { return nil }
      return Self.plain(
        "The terms \(terms["id"]?.string ?? "") of \(source.name) (\(terms["verdict"]?.string ?? "")) were accepted by "
          + "\(terms["accepted_by"]?.string ?? "somebody"): \(reason)")
    }
    let paragraphs = shown + accepted + (left.isEmpty ? [] : [more, left.joined(separator: "\n")])
    return paragraphs.map { "\n\($0)\n" }.joined()
  }

  private var usage: String {
    guard !use.snippet.isEmpty else { return "" }
    return """
      ## Use

      In the folder of this file, or with the model's name in place of the dot:

      ```python
      \(use.snippet)
      ```


      """
  }

  private var licence: String {
    let known = bases.flatMap(\.licences)
    if known.isEmpty {
      return
        "No licence was given. Those of the models that it comes from and of its data apply."
    }
    return
      "The models that it comes from are under \(Set(known).sorted().joined(separator: ", ")); the licence of its data applies too."
  }

  var markdown: String {
    let rows = options.batchSize * options.microBatchCount
    let kept = keptStep < stepCount ? "; the weights are those of step \(grouped(keptStep))" : ""
    return """
      ---
      \(frontMatter)
      ---
      # \(arm.prefix(1).uppercased() + arm.dropFirst())

      Made with Retort \(retortVersion).

      | | |
      |---|---|
      | parameters | \(grouped(parameterCount))\(adapter.map { "; trained are \(grouped($0.parameterCount)), in additions of rank \($0.options.rank)" } ?? "") |
      | weights before training | \(Self.plain(origin)) |
      | loss | \(Self.plain(formula)) |
      | steps | \(grouped(stepCount)) of \(rows) \(use.rows): \
      \(grouped(stepCount * rows * use.unitsPerRow)) \(use.unit)\(kept) |
      | optimizer | \(options.optimizer.rule.name), learning rate \(options.optimizer.learningRate), \
      \(options.optimizer.rule.settings) |
      | precision | \(options.precision.rawValue) between kernels, float32 weights |
      | seed | \(options.seed) |

      The recipe that made it is `recipe.yaml` in the run's folder. `lineage.json` and `model.cdx.json` (CycloneDX) say what it \
      comes from.

      \(usage)## Licence

      \(licence)
      \(duties)
      """
  }

  /// The card of an adapter, for the whole model that it becomes.
  package static func merged(_ card: String) -> String {
    card.replacing("library_name: peft\n", with: "library_name: transformers\n")
      .replacing("base_model_relation: adapter\n", with: "")
      .replacing(
        "\nMade with Retort",
        with: "\nAn adapter, merged into the weights that it was trained for. Made with Retort")
  }

  private static let evaluation = "\n## Evaluation\n"

  /// A card with what a run found of its models, in place of what it said of that before.
  static func adding(_ outcome: Outcome, about: RunAbout?, to card: String) -> String {
    let before = card.range(of: evaluation).map { String(card[..<$0.lowerBound]) } ?? card
    let rows = outcome.cells.enumerated().map { index, row in
      "| " + row.map(plain).joined(separator: " | ") + " |"
        + (index == 0 ? "\n|" + row.indices.map { $0 == 0 ? "---|" : "--:|" }.joined() : "")
    }
    // One line each, in which nothing is a tag of HTML.
    func line(_ text: String) -> String {
      visible(text).replacing("\n", with: " ").replacing("&", with: "&amp;")
        .replacing("<", with: "&lt;")
    }
    let sentences = outcome.sentences.map { "- \(line($0))" }
    let facts = about.map { about in
      let slice = about.findings.first { $0.text.hasPrefix("student and controls see") }
      return line(
        "Data: \((about.files + [about.data]).joined(separator: "; "))"
          + (slice.map { "; \($0.text)" } ?? "") + ". Device: \(about.device).") + "\n\n"
    }
    return before + evaluation + "\n" + (facts ?? "")
      + rows.joined(separator: "\n") + "\n"
      + (sentences.isEmpty ? "" : "\n" + sentences.joined(separator: "\n") + "\n")
  }
}
