// What a person gave as the folder of a model.
import Base
import Foundation

extension UserError {
  /// Why `file` is not in a folder that should hold a model, and what can be done.
  package static func noModel(in folder: URL, lacking file: String) -> UserError {
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    guard manager.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
      return UserError(
        "There is no folder \(folder.path). Models are read from folders and never fetched: `hf download NAME "
          + "--local-dir FOLDER` brings one of Hugging Face's.")
    }
    guard isFolder.boolValue else {
      return UserError(
        "\(folder.path) is a file of another kind; a model is a folder or a GGUF file.")
    }
    let inner = ((try? manager.contentsOfDirectory(atPath: folder.path)) ?? []).sorted().filter {
      manager.fileExists(atPath: folder.appending(path: "\($0)/config.json").path)
    }
    let models = inner.prefix(8).map { folder.appending(path: $0).path }
    return UserError(
      "\(folder.path) holds no model: it has no \(file)."
        + (models.isEmpty ? "" : " There are models in \(models.joined(separator: ", ")).")
    )
  }
}
