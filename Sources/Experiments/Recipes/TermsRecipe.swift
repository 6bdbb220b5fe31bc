// Whose terms are accepted, as a distillation's recipe says it.
import Base
import Foundation
import Terms

/// What a person has accepted of the terms that a teacher's outputs fall under.
package struct TermsRecipe: RecipeSection {
  @Key("Names of terms that are accepted, where the teacher's restrict or forbid learning from it.")
  package var accept: [String] = []

  @Key("Why they are accepted, which goes into the model's lineage.")
  package var because = ""

  package init() {}

  /// What holds for teachers in folders; nil for one of which no rule is known. Throws where one needs to be accepted.
  func decisions(on teachers: [ModelOrigin]) throws -> [TermsDecision?] {
    let rules = teachers.map(\.allRules)
    if let wrong = accept.first(where: { id in !rules.joined().contains { $0.id == id } }) {
      let known = Set(rules.joined().map(\.id)).sorted()
      throw UserError(
        "terms.accept names '\(wrong)', but "
          + (known.isEmpty
            ? "no terms are known of the teacher."
            : "the teacher's are \(known.joined(separator: ", ")).")
      )
    }
    do {
      return try zip(teachers, rules).map { teacher, rules in
        try TermsDecision(
          rules, of: teacher.name ?? teacher.folder,
          accepted: accept.filter { id in rules.contains { $0.id == id } }, because: because,
          by: NSUserName(), on: Date())
      }
    } catch let error as UserError {
      // What accepts them is a key here.
      throw UserError(
        "\(error)\nWhere you may learn from it all the same, set terms.accept and terms.because.")
    }
  }

  /// What is found of teachers' terms before a run; none are read where the run trains its teacher.
  func findings(_ teachers: [ModelOrigin]) -> [Finding] {
    guard !teachers.isEmpty else {
      return accept.isEmpty
        ? [] : [.warning("terms.accept has nothing to be about: no finished teacher is read")]
    }
    do {
      return try zip(teachers, decisions(on: teachers)).compactMap { teacher, decision in
        guard let decision else { return Self.doubt(teacher) }
        // What is allowed without conditions needs no word.
        return decision.verdict == .allowed
          ? nil : .warning(decision.lines(on: Date()).joined(separator: " "))
      }
    } catch { return [.refusal("\(error)")] }
  }

  /// What a person should look at themselves, where no rule is known; nil where nothing points to one.
  private static func doubt(_ teacher: ModelOrigin) -> Finding? {
    if !teacher.licences.isEmpty {
      return .warning(
        "nothing is known here of the licence \(teacher.licences.joined(separator: ", ")) of \(teacher.folder): whether its predictions "
          + "may be learnt is yours to say")
    }
    let suspected = teacher.suspectedRules.filter { $0.verdict != .allowed }
    guard !suspected.isEmpty else { return nil }
    return .warning(
      "the folder \(teacher.folder) has no card that names a licence; by its name it may be under "
        + suspected.map { "\($0.id) (\($0.verdict.rawValue))" }.joined(separator: ", "))
  }
}
