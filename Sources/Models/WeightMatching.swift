// Which tensor of a file is which parameter of a model.
import Base
import Foundation
import Layers
import Storage
import Tensors

extension PretrainedModel {
  /// The file's name for each parameter. A tensor that is missing, of another shape, or not known is an
  /// error that names it; the body's prefix may be left out, and BERT's old names of norms are known.
  func match(_ file: WeightFiles) throws -> [(parameter: String, stored: String)] {
    var taken: Set<String> = []
    var missing: [String] = []
    var pairs: [(parameter: String, stored: String)] = []
    for (name, tensor) in parameters() {
      guard let stored = candidates(name).first(where: { file.entry(named: $0) != nil }),
        let entry = file.entry(named: stored)
      else {
        missing.append(name)
        continue
      }
      guard entry.shape == tensor.shape else {
        throw UserError(
          "\(file.folder.path): tensor \(stored) has the shape \(entry.shape), the model that "
            + "the configuration describes needs \(tensor.shape).")
      }
      guard let type = entry.type, type.elementType != .int32 else {
        throw UserError(
          "\(file.folder.path): tensor \(stored) is stored as \(entry.dtype); weights are read from "
            + "F32, F16 and BF16, of GGUF files also from blocks of Q8_0, Q4_0 and others.")
      }
      taken.insert(stored)
      pairs.append((name, stored))
    }
    let surplus = file.names.filter { name in
      !taken.contains(name) && !ignoredNames.contains { name.hasSuffix($0) }
    }
    guard missing.isEmpty, surplus.isEmpty else {
      var sentence = "\(file.folder.path): the weights do not fit the configuration."
      if !missing.isEmpty { sentence += " \(missing.count) tensors are missing: \(list(missing))." }
      if !surplus.isEmpty { sentence += " \(surplus.count) are not known: \(list(surplus))." }
      if let first = missing.first, let near = nearest(to: first, in: surplus) {
        sentence += " Nearest to \(first) is \(near)."
      }
      throw UserError(sentence)
    }
    return pairs
  }

  /// The names under which a parameter may stand in a file.
  private func candidates(_ name: String) -> [String] {
    var names = [name]
    if name.hasPrefix(bodyPrefix) { names.append(String(name.dropFirst(bodyPrefix.count))) }
    return names.flatMap { name -> [String] in
      guard name.contains("LayerNorm.") else { return [name] }
      let old = name.replacing("LayerNorm.weight", with: "LayerNorm.gamma")
        .replacing("LayerNorm.bias", with: "LayerNorm.beta")
      return [name, old]
    }
  }
}
