// Instructions that multiply matrices.

/// An instruction that multiplies small matrices of 16 bits and sums in float32.
package struct MatrixUnit: Sendable, Hashable {
  /// What plans have to know of an instruction; the devices' room has those that exist.
  package struct Kind: Sendable, Hashable, CustomStringConvertible {
    /// Its number as `UNIT` in `units.cl`.
    package let code: Int
    package let description: String
    /// Lanes that act as one.
    package let lanes: Int
    /// Rows and columns of one product in its fragments, of 16 values of k.
    let fragment: MatrixBlock
    /// Words of a lane's fragments of both operands.
    let fragmentWords: Int
    /// Rows and columns of a product that such lanes compute, in large tiles and in small ones: as many as leave their sums and
    /// fragments in registers.
    let large: MatrixBlock
    let small: MatrixBlock
    /// Columns of large tiles whose rows are no whole vectors, which take more to fetch.
    let unalignedColumns: Int
    /// Rows of a block of attention that such lanes have.
    let attentionRows: Int
    /// The types of operands that it takes.
    package let types: [ElementType]
    /// Whether rows that are whole vectors are copied to local memory without passing through registers.
    package let copiesDirectly: Bool

    package init(
      code: Int, _ description: String, lanes: Int, fragment: MatrixBlock, fragmentWords: Int,
      large: MatrixBlock, small: MatrixBlock, unalignedColumns: Int? = nil, attentionRows: Int = 16,
      types: [ElementType] = [.float16, .bfloat16], copiesDirectly: Bool = false
    ) {
      (self.code, self.description, self.lanes) = (code, description, lanes)
      (self.fragment, self.fragmentWords) = (fragment, fragmentWords)
      (self.large, self.small) = (large, small)
      self.unalignedColumns = unalignedColumns ?? large.columns
      (self.attentionRows, self.types) = (attentionRows, types)
      self.copiesDirectly = copiesDirectly
    }

    /// Operations of one product in its fragments.
    package var flopCount: Double { Double(2 * fragment.rows * fragment.columns * 16) }

    func block(isLarge: Bool, isAligned: Bool) -> MatrixBlock {
      guard isLarge else { return small }
      return MatrixBlock(large.rows, isAligned ? large.columns : unalignedColumns)
    }
  }

  package let kind: Kind
  /// Whether ordinary instructions stand in for it, so that any device can test its kernel.
  package let isEmulated: Bool

  package init(_ kind: Kind, isEmulated: Bool = false) {
    self.kind = kind
    self.isEmulated = isEmulated
  }

  /// Whether it multiplies operands of these types.
  func takes(_ types: [ElementType]) -> Bool {
    Set(types).count == 1 && kind.types.contains(types[0])
  }

  /// Local memory in which lanes show each other their fragments where it is emulated.
  func shownBytes(lanes: Int) -> Int { isEmulated ? 4 * lanes * kind.fragmentWords : 0 }

  /// The build constants of kernels that use it on operands of this type.
  package func defines(_ type: ElementType) -> [String: Int] {
    [
      "UNIT": kind.code, "EMULATED": isEmulated ? 1 : 0, "BRAIN": type == .bfloat16 ? 1 : 0,
    ]
  }
}

/// Rows and columns of a part of a matrix.
package struct MatrixBlock: Sendable, Hashable {
  package let rows: Int
  package let columns: Int

  package init(_ rows: Int, _ columns: Int) { (self.rows, self.columns) = (rows, columns) }
}
