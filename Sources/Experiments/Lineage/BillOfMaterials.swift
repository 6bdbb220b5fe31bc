// A model's bill of materials: `model.cdx.json` in its folder.
import Base
import Foundation
import Models
import Storage
import Terms

/// A lineage as CycloneDX 1.6 writes it (ECMA-424), for tools that read bills of materials.
///
/// Hashes can be checked against the files; what else stands here is what the run noted.
struct BillOfMaterials {
  static let fileName = ModelDirectory.bill

  private let lineage: Lineage

  init(_ lineage: Lineage) { self.lineage = lineage }

  var text: String {
    let bill: JSON = [
      "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
      "bomFormat": "CycloneDX",
      "specVersion": "1.6",
      "serialNumber": "urn:uuid:\(Self.uuid(of: lineage.text))",
      "version": 1,
      "metadata": [
        "tools": [
          "components": [
            ["type": "application", "name": "retort", "version": .string(retortVersion)]
          ]
        ],
        "component": model,
      ],
      "components": .array(lineage.model.files.map(file) + sources + data),
      "dependencies": [
        [
          "ref": "model",
          "dependsOn": .array((sources + data).compactMap { $0["bom-ref"] }),
        ]
      ],
    ]
    return bill.text
  }

  // MARK: The model

  private var model: JSON {
    let model = lineage.model
    var component = JSON.Object([
      ("type", "machine-learning-model"), ("bom-ref", "model"), ("name", .string(model.name)),
    ])
    let datasets = data.compactMap { $0["bom-ref"] }.map { ["ref": $0] as JSON }
    component["modelCard"] = [
      "modelParameters": [
        "approach": ["type": "supervised"],
        "task": .string(model.task),
        "architectureFamily": .string(model.family),
        "modelArchitecture": .string(model.architecture),
        "datasets": .array(datasets),
      ]
    ]
    let ancestors = lineage.sources.filter { $0.role == .base && $0.through == nil }
    if !ancestors.isEmpty {
      component["pedigree"] = [
        "ancestors": .array(
          ancestors.enumerated().map { describe($1, as: "ancestor-\($0 + 1)") })
      ]
    }
    let facts =
      [("parameters", "\(model.parameterCount)")]
      + lineage.training.members.map { ($0.key, $0.value.string ?? $0.value.line) }
      + lineage.duties.map { ("duty", "\($0.terms): \($0.duty)") }
      + lineage.findings.map { ("finding", $0) }
    component["properties"] = properties(facts)
    return .object(component)
  }

  private func file(_ file: Lineage.File) -> JSON {
    [
      "type": "file", "bom-ref": "file-\(file.name)", "name": .string(file.name),
      "hashes": hashes(file),
    ]
  }

  // MARK: What it comes from

  private var sources: [JSON] {
    lineage.sources.enumerated().map { describe($1, as: "source-\($0 + 1)") }
  }

  private func describe(_ source: LineageSource, as reference: String) -> JSON {
    var component = JSON.Object([
      ("type", "machine-learning-model"), ("bom-ref", .string(reference)),
      ("name", .string(source.name)),
    ])
    // One file is the model; of several each has its hash among the properties.
    if let file = source.files.first, source.files.count == 1 { component["hashes"] = hashes(file) }
    if !source.licences.isEmpty {
      component["licenses"] = .array(
        source.licences.map { ["license": ["name": .string($0)]] })
    }
    if let address = source.address {
      component["externalReferences"] = [["type": "other", "url": .string(address)]]
    }
    let facts: [(String, String?)] =
      [
        ("role", source.role.rawValue), ("terms", source.terms?["id"]?.string),
        ("verdict", source.terms?["verdict"]?.string),
        ("accepted_by", source.terms?["accepted_by"]?.string),
        ("because", source.terms?["because"]?.string),
        ("answers", source.answerCount.map(String.init)),
        ("share", source.share.map { "\($0)" }), ("through", source.through),
      ] + source.files.map { ("sha256", "\($0.sha256) \($0.name)") }
    component["properties"] = properties(
      facts.compactMap { fact in fact.1.map { (fact.0, $0) } })
    return .object(component)
  }

  /// The files of the data, or the data as a whole where they have no names.
  private var data: [JSON] {
    let names = (lineage.data["files"]?.array ?? []).compactMap(\.string)
    let fingerprint = lineage.data["fingerprint"]?.string ?? ""
    return (names.isEmpty ? ["data"] : names).enumerated().map { index, name in
      [
        "type": "data", "bom-ref": "data-\(index + 1)", "name": .string(name),
        "data": [["type": "dataset", "name": .string(name)]],
        "properties": properties([("fingerprint_of_all", fingerprint)]),
      ]
    }
  }

  // MARK: Parts

  private func hashes(_ file: Lineage.File) -> JSON {
    [["alg": "SHA-256", "content": .string(file.sha256)]]
  }

  private func properties(_ facts: [(String, String)]) -> JSON {
    .array(facts.map { ["name": "retort:\($0.0)", "value": .string($0.1)] })
  }

  /// A UUID of version 8 (RFC 9562) that follows from a text, so that the same model has the same bill.
  private static func uuid(of text: String) -> String {
    var digits = Array(SHA256.hash(text).prefix(32))
    digits[12] = "8"
    digits[16] = ["8", "9", "a", "b"][(digits[16].hexDigitValue ?? 0) % 4]
    var parts: [String] = []
    for length in [8, 4, 4, 4, 12] {
      parts.append(String(digits.prefix(length)))
      digits.removeFirst(length)
    }
    return parts.joined(separator: "-")
  }
}
