// What terms ask of a model that has learnt from outputs.

/// A condition of terms, as far as a program can see that it is met.
package enum Duty: Sendable, Hashable, CustomStringConvertible {
  /// The model's name begins with a word.
  case nameBegins(with: String)
  /// A text is shown where the model is: its card has it.
  case shows(String)
  /// A copy of the licence, with its notices and use limits, goes with the model.
  case carriesLicence
  /// What only a person can do.
  case person(String)

  package var description: String {
    switch self {
    case .nameBegins(let word): "The model's name begins with \"\(word)\"."
    case .shows(let text): "The model's card shows \"\(text)\"."
    case .carriesLicence:
      "A copy of the licence, with its notices and use limits, goes with the model."
    case .person(let text): text
    }
  }
}
