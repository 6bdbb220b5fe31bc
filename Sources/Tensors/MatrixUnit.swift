// Instructions that multiply matrices.

/// An instruction that multiplies small matrices of 16 bits and sums in float32.
package struct MatrixUnit: Sendable, Hashable {
  /// The numbers are those of `UNIT` in `units.cl`.
  package enum Kind: Int, Sendable, CaseIterable, Codable {
    /// NVIDIA's from Ampere (sm_80) on.
    case nvidia = 1
    /// AMD's of RDNA 3 (RX 7000).
    case rdna3 = 2
    /// Intel's extension with subgroups of 8 lanes (Arc's first generation), and of 16 (later ones).
    case intel8 = 3
    case intel16 = 4
    /// AMD's of RDNA 4 (RX 9000), and of CDNA 2 and later (Instinct).
    case rdna4 = 5
    case cdna = 6
    /// NVIDIA's of Turing (RTX 20), for float16 alone.
    case turing = 7

    /// Lanes that act as one.
    package var lanes: Int {
      switch self {
      case .nvidia, .turing, .rdna3, .rdna4: 32
      case .intel8: 8
      case .intel16: 16
      case .cdna: 64
      }
    }

    /// Operations of one product in its fragments, of 16 values of k.
    package var flopCount: Double {
      switch self {
      case .nvidia, .turing, .intel16: 2 * 16 * 8 * 16
      case .rdna3, .rdna4, .cdna: 2 * 16 * 16 * 16
      case .intel8: 2 * 8 * 8 * 16
      }
    }

    /// The types of operands that it takes.
    package var types: [ElementType] { self == .turing ? [.float16] : [.float16, .bfloat16] }

    /// Rows and columns of a product that such lanes compute: as many as leave their sums and fragments in
    /// registers. Rows that are no whole vectors (`isAligned` false) take more to fetch.
    func block(isLarge: Bool, isAligned: Bool) -> (rows: Int, columns: Int) {
      switch self {
      case .nvidia: isLarge ? (64, isAligned ? 64 : 32) : (32, 32)
      case .turing, .rdna3, .rdna4: isLarge ? (64, 32) : (32, 32)
      case .cdna: isLarge ? (64, 64) : (64, 32)
      case .intel8: (32, 16)
      case .intel16: isLarge ? (32, 32) : (32, 16)
      }
    }

    /// Rows of a block of attention that such lanes have.
    var attentionRows: Int { self == .intel8 || self == .intel16 ? 8 : 16 }

    /// Words of a lane's fragments of both operands.
    fileprivate var fragmentWords: Int {
      switch self {
      case .nvidia, .turing: 6
      case .rdna3, .intel8, .intel16: 16
      case .rdna4: 8
      case .cdna: 4
      }
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
      "UNIT": kind.rawValue, "EMULATED": isEmulated ? 1 : 0, "BRAIN": type == .bfloat16 ? 1 : 0,
    ]
  }
}
