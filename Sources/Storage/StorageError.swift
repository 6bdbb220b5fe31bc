// What is wrong with a file.

/// A file that cannot be read or written: which, why, and what to do.
public struct StorageError: Error, CustomStringConvertible, Sendable {
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
  }

  public let description: String
  public let remedy: Remedy?

  public init(_ description: String, remedy: Remedy? = nil) {
    self.description = description
    self.remedy = remedy
  }
}
