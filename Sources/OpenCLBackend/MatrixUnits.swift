// The matrix units that devices have.
import Tensors

extension MatrixUnit.Kind {
  /// NVIDIA's from Ampere (sm_80) on.
  package static let nvidia = Self(
    code: 1, "nvidia", lanes: 32, fragment: .init(16, 8), fragmentWords: 6, large: .init(64, 64),
    small: .init(32, 32), unalignedColumns: 32, copiesDirectly: true)

  /// AMD's of RDNA 3 (RX 7000).
  package static let rdna3 = Self(
    code: 2, "rdna3", lanes: 32, fragment: .init(16, 16), fragmentWords: 16, large: .init(64, 32),
    small: .init(32, 32))

  /// Intel's extension with subgroups of 8 lanes: Arc's first generation.
  package static let intel8 = Self(
    code: 3, "intel8", lanes: 8, fragment: .init(8, 8), fragmentWords: 16, large: .init(32, 16),
    small: .init(32, 16), attentionRows: 8)

  /// Intel's extension with subgroups of 16 lanes: later generations.
  package static let intel16 = Self(
    code: 4, "intel16", lanes: 16, fragment: .init(16, 8), fragmentWords: 16, large: .init(32, 32),
    small: .init(32, 16), attentionRows: 8)

  /// AMD's of RDNA 4 (RX 9000).
  package static let rdna4 = Self(
    code: 5, "rdna4", lanes: 32, fragment: .init(16, 16), fragmentWords: 8, large: .init(64, 32),
    small: .init(32, 32))

  /// AMD's of CDNA 2 and later (Instinct).
  package static let cdna = Self(
    code: 6, "cdna", lanes: 64, fragment: .init(16, 16), fragmentWords: 4, large: .init(64, 64),
    small: .init(64, 32))

  /// NVIDIA's of Turing (RTX 20), for float16 alone.
  package static let turing = Self(
    code: 7, "turing", lanes: 32, fragment: .init(16, 8), fragmentWords: 6, large: .init(64, 32),
    small: .init(32, 32), types: [.float16])

  package static let allCases: [Self] = [nvidia, rdna3, intel8, intel16, rdna4, cdna, turing]
}

/// In files a unit is its number.
extension MatrixUnit.Kind: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let code = try container.decode(Int.self)
    guard let kind = Self.allCases.first(where: { $0.code == code }) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "There is no matrix unit \(code).")
    }
    self = kind
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(code)
  }
}
