// Instructions that multiply matrices.

/// An instruction that multiplies small matrices of 16 bits and sums in float32.
public struct MatrixUnit: Sendable, Hashable {
  /// The numbers are those of `UNIT` in `units.cl`.
  public enum Kind: Int, Sendable, CaseIterable {
    case nvidia = 1
    case amd = 2
    /// Intel's extension with subgroups of 8 lanes (Arc's first generation), and of 16 (later ones).
    case intel8 = 3
    case intel16 = 4

    /// Lanes that act as one.
    var lanes: Int {
      switch self {
      case .nvidia, .amd: 32
      case .intel8: 8
      case .intel16: 16
      }
    }

    /// Rows and columns of a product that such lanes compute: as many as leave their sums and fragments in
    /// registers.
    func block(isLarge: Bool) -> (rows: Int, columns: Int) {
      switch self {
      case .nvidia: isLarge ? (64, 64) : (32, 32)
      case .amd: isLarge ? (64, 32) : (32, 32)
      case .intel8: (32, 16)
      case .intel16: (32, 32)
      }
    }

    /// Words of a lane's fragments of both operands.
    fileprivate var fragmentWords: Int { self == .nvidia ? 6 : 16 }
  }

  public let kind: Kind
  /// Whether ordinary instructions stand in for it, so that any device can test its kernel.
  public let isEmulated: Bool

  public init(_ kind: Kind, isEmulated: Bool = false) {
    self.kind = kind
    self.isEmulated = isEmulated
  }

  /// Local memory in which lanes show each other their fragments where it is emulated.
  func shownBytes(lanes: Int) -> Int { isEmulated ? 4 * lanes * kind.fragmentWords : 0 }

  /// The build constants of kernels that use it on operands of this type.
  func defines(_ type: ElementType) -> [String: Int] {
    [
      "UNIT": kind.rawValue, "EMULATED": isEmulated ? 1 : 0, "BRAIN": type == .bfloat16 ? 1 : 0,
    ]
  }
}
