// Times as numbers.

extension Duration {
  /// The time in seconds.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
