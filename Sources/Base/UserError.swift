// What a person can mend: a file, a setting, a choice.

/// What a person asked for and cannot have: a file that cannot be read, a setting that does not fit, a folder that is taken.
/// The description says what, why and what to do, in sentences.
public struct UserError: Error, CustomStringConvertible, Sendable {
  /// What helps, where that is a program's to say in its own words.
  public enum Remedy: Sendable, Hashable {
    /// Begin the run that wrote the file anew.
    case startAnew
    /// Give the run another folder.
    case nameAnotherRun
    /// Go on with the run that is in the folder, replace it, or take another folder.
    case goOnOrReplaceRun
    /// Begin the run although something refuses it.
    case beginAllTheSame
    /// Name files to learn from.
    case nameData
    /// Let a model of another tokenizer learn texts that the teacher writes.
    case learnTexts(student: String)
    /// Let the output that is there be replaced.
    case replaceOutput
    /// Make a teacher's cache again, where one is named for this temperature too.
    case makeCache(temperature: Double?)
    /// Say which fields of objects hold what is learnt, such as "text: body".
    case nameFields(String)
    /// Use the model as an encoder of sentences.
    case useAsEncoder
    /// Give the server a key, or say that it needs none.
    case serveWithKey
    /// Allow an endpoint without encryption.
    case allowPlainHTTP
    /// Ask for texts that go on, in place of answers in a conversation.
    case askForTexts
    /// Give the text of the licence of some terms.
    case giveLicence(terms: String)
    /// Accept terms of a provider, by their names, with a reason.
    case acceptTerms([String])
  }

  /// What is wrong, in sentences.
  public let description: String
  /// What helps, where a program has words of its own for it, such as the name of an option.
  public let remedy: Remedy?

  /// An error with its description.
  public init(_ description: String, remedy: Remedy? = nil) {
    self.description = description
    self.remedy = remedy
  }
}
