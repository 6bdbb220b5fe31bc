// What terms ask of a model that is written to be given away.
import Base
import Foundation
import Storage
import Terms

extension Lineage {
  /// How the names of the texts of a licence begin in a model's folder.
  private static func licencePrefix(of terms: String) -> String { "terms-\(terms)-" }

  /// The name under which a model's folder has a text of the licence of some terms.
  static func licenceFile(of terms: String, _ name: String) -> String {
    let stem = name.hasSuffix(".txt") ? String(name.dropLast(4)) : name
    return "\(licencePrefix(of: terms))\(stem).txt"
  }

  /// Whether a file is such a text.
  static func isLicenceFile(_ name: String) -> Bool {
    TermsRule.table.contains { name.hasPrefix(licencePrefix(of: $0.id)) }
  }

  /// The texts of licences that a folder of some name must have besides those that are in `folder`; `given` has such by the names
  /// of terms. Throws where the name is not as terms ask, or where a licence is nowhere.
  package func licences(for name: String, given: [String: String], in folder: URL) throws -> [(
    name: String, text: String
  )] {
    let known = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let asking = Set(duties.filter { $0.duty == .carriesLicence }.map(\.terms))
    if let other = given.keys.sorted().first(where: { !asking.contains($0) }) {
      throw UserError(
        "No terms '\(other)' ask for a licence beside this model"
          + (asking.isEmpty ? "." : ", but \(asking.sorted().joined(separator: ", "))."))
    }
    for (terms, duty) in duties {
      switch duty {
      case .nameBegins(let word) where !name.hasPrefix(word):
        throw UserError(
          "The terms \(terms) ask that the model's name begins with \"\(word)\", and the folder is called \(name). Name it so."
        )
      case .carriesLicence
      where given[terms] == nil && !known.contains { $0.hasPrefix(Self.licencePrefix(of: terms)) }:
        throw UserError(
          "The terms \(terms) ask that a copy of the licence goes with the model, and none was found beside the model that it comes "
            + "from.", remedy: .giveLicence(terms: terms))
      case .nameBegins, .carriesLicence, .shows, .person: break
      }
    }
    return given.sorted { $0.key < $1.key }.map { terms, text in
      (Self.licenceFile(of: terms, "LICENSE"), text)
    }
  }
}
