// Models written to disk, as Hugging Face lays them out.
import Base
import Foundation
import Layers
import Storage
import Tensors

extension ModelDirectory {
  /// What an exported folder holds besides its weights.
  package struct Export {
    /// How the weights are stored.
    package var elementType = ElementType.float32
    /// The folder the model came from, whose files are kept; nil for a new model.
    package var source: ModelDirectory?
    /// Fields of `config.json` besides the sizes.
    package var fields: [(key: String, value: JSON)] = []
    /// Other files by name, such as `tokenizer.json`.
    package var files: [(name: String, text: String)] = []
    /// What the model card says.
    package var card = ""
    package var shardBytes = 5_000_000_000
    /// Files that say something of the others, which are in the folder by then.
    package var records: (URL) throws -> [(name: String, text: String)] = { _ in [] }

    package init() {}
  }

  /// Writes the folder, which appears whole or not at all; `store` holds the weights under `prefix`. What stands
  /// there already is an error. `willAppear` is told the files in the folder before it appears.
  package func save(
    _ model: some PretrainedModel, from store: VariableStore, prefix: String, _ export: Export,
    willAppear: ([String]) throws -> Void = { _ in }
  ) throws {
    try WholeFolder.write(
      url,
      { folder in
        try ModelDirectory(folder).fill(model, from: store, prefix: prefix, export)
      }, willAppear: willAppear)
  }

  private func fill(
    _ model: some PretrainedModel, from store: VariableStore, prefix: String, _ export: Export
  ) throws {
    var tensors: [(name: String, type: TensorType)] = []
    var variables: [String: String] = [:]
    for (name, tensor) in model.parameters() {
      let stored = model.storedName(name)
      tensors.append((stored, TensorType(tensor.shape, export.elementType)))
      variables[stored] = prefix + "." + name
    }
    try WeightFiles.write(tensors, folder: url, shardBytes: export.shardBytes) { name in
      guard let entry = variables[name].flatMap(store.entry(named:)) else {
        fatal("\(name) is not declared in the store")
      }
      let value = try entry.value()
      let stored = value.stored(as: export.elementType)
      if let place = stored.firstNotFinite {
        let number = value.floats[place]
        throw UserError(
          number.isFinite
            ? "The weight \(name) holds \(number), which \(export.elementType.name) cannot: choose another "
              + "precision."
            : "The weight \(name) is not finite (\(number) at place \(place)), so the model is not written."
        )
      }
      return stored
    }
    try copyFiles(of: export.source)
    for file in export.files {
      try WholeFile.write(file.text, to: url.appending(path: file.name))
    }
    if !export.card.isEmpty {
      try WholeFile.write(export.card, to: url.appending(path: "README.md"))
    }
    var fields = try export.source?.configurationFile.fields ?? JSON.Object()
    fields["architectures"] = .array([.string(model.architecture)])
    fields["model_type"] = .string(model.modelType)
    let isModern = fields["rope_parameters"].map { !$0.isNull } ?? false
    for (key, value) in model.configurationFields + export.fields
    where !(isModern && key.hasPrefix("rope_")) {
      // How weights were drawn when the model was new stays true.
      if key != "initializer_range" || fields[key] == nil { fields[key] = value }
    }
    let dtype = fields["dtype"] == nil ? "torch_dtype" : "dtype"
    fields[dtype] = .string(export.elementType.name)
    try WholeFile.write(JSON.object(fields).text, to: url.appending(path: "config.json"))
    for record in try export.records(url) {
      try WholeFile.write(record.text, to: url.appending(path: record.name))
    }
  }

  /// What says where a model comes from, which another model does not take over.
  package static let (lineage, bill) = ("lineage.json", "model.cdx.json")
  static let records: Set = [lineage, bill, AdapterConfiguration.fileName]

  /// The paths of what lies beside weights and configuration: the tokenizer, pooling, generation.
  func companions() throws -> [String] {
    let manager = FileManager.default
    // Nothing is listed below a link, nor beside a file that holds all.
    let folder = url.resolved
    if GGUF.isOne(folder) { return [] }
    return try manager.subpathsOfDirectory(atPath: folder.path).sorted().filter { path in
      let file = folder.appending(path: path)
      var isFolder: ObjCBool = false
      return
        (path.hasSuffix(".json") || path.hasSuffix(".txt") || path.hasSuffix(".model")
        || path.hasSuffix(".jinja")) && !path.hasSuffix(".index.json") && path != "config.json"
        && !Self.records.contains(path)
        && manager.fileExists(atPath: file.path, isDirectory: &isFolder) && !isFolder.boolValue
        && owns(file)
    }
  }

  func copyFiles(of source: ModelDirectory?) throws {
    guard let source else { return }
    // What an adapter has not beside it, the model has that it is for.
    let whole = try source.whole
    let base = whole.url == source.url ? [] : try whole.companions().map { (whole, $0) }
    for (folder, path) in try base + source.companions().map({ (source, $0) }) {
      let (from, to) = (folder.url.appending(path: path), url.appending(path: path))
      do {
        try FileManager.default.createDirectory(
          at: to.deletingLastPathComponent(), withIntermediateDirectories: true)
        let data = try OpenFile(from).whole()
        try WholeFile.write(to: to) { try $0.write(contentsOf: data) }
      } catch let error as UserError { throw error } catch {
        throw UserError("Cannot copy \(from.path) to \(to.path).")
      }
    }
  }

  /// Whether a file is the folder's own: no link, or one that stays in the folder, or one into the store of blobs
  /// that Hugging Face's cache keeps beside its folders of links.
  private func owns(_ file: URL) -> Bool {
    let blobs = url.resolved.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "blobs")
    return file.lies(in: url)
      || file.lies(in: blobs) && url.resolved.path.contains("/snapshots/")
  }
}
