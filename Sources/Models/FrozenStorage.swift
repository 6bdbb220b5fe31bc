// How finished models lie in memory.
import Base
import Tensors

/// How the matrices of linear layers lie in memory where nobody trains them. Tables of tokens and heads stay as their file has them.
public enum FrozenStorage: String, Codable, Sendable, CaseIterable {
  /// As the file has them.
  case file
  /// 8 bits, with a scale for each row; 4 bits of NormalFloat.
  case int8, nf4
  /// GGUF's blocks of 8 bits.
  case q80 = "q8_0"
  /// GGUF's blocks of 4 bits, around zero.
  case q40 = "q4_0"
  /// GGUF's blocks of 4 bits, from the least number on.
  case q41 = "q4_1"
  /// GGUF's blocks of 5 bits, around zero.
  case q50 = "q5_0"
  /// GGUF's blocks of 5 bits, from the least number on.
  case q51 = "q5_1"

  /// nil for weights as the file has them.
  package var quantization: Quantization? { Quantization(rawValue: rawValue) }
}

extension VariableStore {
  /// How many matrices of a model lie in fewer than 16 bits, as "168 of 169 matrices lie in nf4: 357,826,560 numbers in 177 MiB"; nil
  /// where none do. `prefix` is that of the model's variables.
  package func quantizedMatrices(prefix: String) -> String? {
    let own = allEntries.filter { $0.name.hasPrefix(prefix + ".") && $0.tensor.shape.rank == 2 }
    let forms = own.compactMap { entry -> (form: Quantization, numbers: Int, bytes: Int)? in
      guard case .quantized(let form) = entry.stored.type.elementType else { return nil }
      return (form, entry.tensor.shape.elementCount, entry.byteCount)
    }
    guard !forms.isEmpty else { return nil }
    let names = Set(forms.map(\.form.rawValue)).sorted().joined(separator: ", ")
    let (numbers, bytes) = forms.reduce((0, 0)) { ($0.0 + $1.numbers, $0.1 + $1.bytes) }
    return
      "\(grouped(forms.count)) of \(counted(own.count, "matrix", "matrices")) lie in \(names): \(grouped(numbers)) numbers in \(mebibytes(bytes))"
  }
}
