// Everything that one model of a run comes from.
import Foundation
import Models
import Storage
import Terms

/// A teacher as a student learns from it.
package struct LearntTeacher {
  let folder: ModelDirectory
  /// Its part of what teachers say.
  let share: Double
  /// What was decided of its terms; nil where nothing had to be.
  let terms: JSON?
}

/// The weights, the teacher and the answers that a model comes from.
struct LineageOrigins {
  let base: ModelDirectory?
  let teachers: [LearntTeacher]
  let answers: [LineageSource]

  /// The folders that the model comes from, each once.
  var folders: [ModelOrigin] {
    var seen: Set<URL> = []
    return ([base].compactMap { $0 } + teachers.map(\.folder))
      .filter { seen.insert($0.url.resolved).inserted }.map(ModelOrigin.init)
  }

  /// What they are, and what they come from in their turn.
  func sources(_ hashes: FileHashes) throws -> [LineageSource] {
    var sources: [LineageSource] = []
    func add(
      _ role: LineageSource.Role, _ folder: ModelDirectory, share: Double?, terms: JSON?
    ) throws {
      let origin = ModelOrigin(folder)
      let own = try LineageSource(
        role, origin, share: share, terms: terms ?? origin.terms, hashes)
      let earlier = (origin.lineage?.sources ?? []).map { source in
        var source = source
        source.through = source.through ?? own.name
        return source
      }
      sources += [own] + earlier
      // An adapter from elsewhere says for which model it is, and nothing more.
      if earlier.isEmpty, let whole = try? folder.whole, whole.url != folder.url {
        let base = ModelOrigin(whole)
        var source = try LineageSource(.base, base, share: nil, terms: base.terms, hashes)
        source.through = own.name
        sources.append(source)
      }
    }
    if let base { try add(.base, base, share: nil, terms: nil) }
    for teacher in teachers {
      try add(.teacher, teacher.folder, share: teacher.share, terms: teacher.terms)
    }
    // A folder that is base and teacher brings what it comes from once.
    var seen: Set<String> = []
    return sources.filter { seen.insert($0.json.line).inserted } + answers
  }

  /// Licences that terms ask to be passed on, by the names under which the model's folder has them.
  var licenceTexts: [(name: String, text: String)] {
    var texts: [(name: String, text: String)] = []
    for origin in folders {
      let passedOn = origin.licenceTexts.filter { Lineage.isLicenceFile($0.name) }
      let asking = origin.rules.filter { $0.duties.contains(.carriesLicence) }
      let own = origin.licenceTexts.filter { !Lineage.isLicenceFile($0.name) }
      let renamed = asking.flatMap { rule in
        own.map { (name: Lineage.licenceFile(of: rule.id, $0.name), text: $0.text) }
      }
      for found in passedOn + renamed where !texts.contains(where: { $0.text == found.text }) {
        // Two models may have two versions of one licence.
        let stem = found.name.dropLast(".txt".count)
        let names = [found.name] + (2...9).map { "\(stem)-\($0).txt" }
        let free = names.first { name in !texts.contains { $0.name == name } }
        texts.append((free ?? found.name, found.text))
      }
    }
    return texts
  }
}

extension ModelOrigin {
  /// The rules by their names and the strictest verdict, as records of answers have them; nil where none is known.
  fileprivate var terms: JSON? {
    let rules = rules
    guard let verdict = rules.map(\.verdict).max() else { return nil }
    return [
      "id": .string(rules.map(\.id).joined(separator: "+")), "verdict": .string(verdict.rawValue),
    ]
  }
}
