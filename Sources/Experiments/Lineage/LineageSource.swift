// What a model has learnt from or began as: weights in a folder, or answers of a hosted model.
import Base
import Storage
import Terms

/// A model that had a part in another one.
package struct LineageSource: Sendable {
  /// What part it had.
  package enum Role: String, Sendable {
    /// The weights that training began with.
    case base
    /// A model whose predictions were learnt.
    case teacher
    /// A hosted model whose answers were learnt.
    case answers
  }

  package let role: Role
  /// The name on the Hub, that of a folder, or that of the hosted model.
  package let name: String
  /// Where a hosted model answered.
  var address: String?
  var licences: [String] = []
  var files: [Lineage.File] = []
  /// Names of rules joined by "+", their verdict, and who has accepted them: as records of answers have them.
  var terms: JSON?
  /// How many answers were learnt.
  var answerCount: Int?
  /// The share of what was learnt, by entries, that comes from it; nil for weights to begin with.
  var share: Double?
  /// The model through which this one had its part; nil where it had it itself.
  var through: String?

  /// The rules that it falls under, as far as they are known here.
  package var rules: [TermsRule] { TermsRule.rules(named: terms?["id"]?.string ?? "") }

  init(_ role: Role, _ name: String) { (self.role, self.name) = (role, name) }

  /// A hosted model some of whose answers are learnt. `terms` is what their records say, `share` their part of all entries.
  package init(
    answersOf model: String, at address: String?, terms: JSON?, count: Int, share: Double
  ) {
    self.init(.answers, model)
    (self.address, self.terms, answerCount, self.share) = (address, terms, count, share)
  }

  /// A model in a folder. `terms` says what was decided of its rules, where something had to be.
  init(_ role: Role, _ origin: ModelOrigin, share: Double?, terms: JSON?, _ hashes: FileHashes)
    throws
  {
    self.init(role, origin.name ?? origin.folder)
    licences = origin.licences
    files = try origin.files(hashes)
    self.terms = terms
    self.share = share
  }

  var json: JSON {
    var object = JSON.Object([("role", .string(role.rawValue)), ("name", .string(name))])
    object["url"] = address.map { .string($0) }
    object["licences"] = licences.isEmpty ? nil : .array(licences.map { .string($0) })
    object["terms"] = terms
    object["answers"] = answerCount.map { JSON($0) }
    object["share"] = share.map { JSON($0) }
    object["through"] = through.map { .string($0) }
    object["files"] = files.isEmpty ? nil : .array(files.map(\.json))
    return .object(object)
  }

  init?(_ json: JSON) {
    guard let role = json["role"]?.string.flatMap(Role.init), let name = json["name"]?.string else {
      return nil
    }
    self.init(role, name)
    address = json["url"]?.string
    licences = (json["licences"]?.array ?? []).compactMap(\.string)
    terms = json["terms"]
    answerCount = json["answers"]?.int
    share = json["share"]?.double
    through = json["through"]?.string
    files = (json["files"]?.array ?? []).compactMap(Lineage.File.init)
  }
}
