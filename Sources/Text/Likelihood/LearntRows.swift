// The rows that a student is trained on, and where its teacher's side of them is.

/// Rows with what is known of a teacher that has other tokens.
package struct LearntRows {
  /// What is trained on.
  package let data: any TokenData
  /// The rows in the teacher's tokens, too, where it is to be asked.
  package let aligned: AlignedRows?
  /// What was recorded of a teacher that is not here.
  package let recorded: RecordedRows?

  /// Rows of which no teacher has others.
  init(_ data: any TokenData) { (self.data, aligned, recorded) = (data, nil, nil) }

  /// Rows about which a teacher is to be asked.
  init(_ aligned: AlignedRows) { (data, self.aligned, recorded) = (aligned.student, aligned, nil) }

  /// Rows about which it was asked elsewhere.
  init(_ recorded: RecordedRows) { (data, aligned, self.recorded) = (recorded.rows, nil, recorded) }
}
