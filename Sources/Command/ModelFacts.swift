// What `retort inspect` says of a model's tokenizer, parameters and memory.
import Base
import Foundation
import Storage
import Tensors
import Tokenizers

/// What a model's tokenizer is.
struct TokenizerFacts {
  private let size: Int
  private let end: String?
  /// nil without one; otherwise why it is refused, or nothing.
  private let templateRefusal: String??

  init(_ folder: URL) throws {
    let text = try TokenizerDirectory(folder)
    size = text.tokenizer.vocabularySize
    end = text.endOfText.flatMap(text.tokenizer.token)
    guard text.chatTemplateSource() != nil else {
      templateRefusal = nil
      return
    }
    do {
      _ = try text.chatTemplate()
      templateRefusal = .some(nil)
    } catch { templateRefusal = "\(error)" }
  }

  /// The facts beside a model's table of so many rows.
  func sentence(rows: Int) -> String {
    let template = templateRefusal.map { $0.map { "refused. \($0)" } ?? "yes" } ?? "none"
    return "tokenizer: \(counted(size, "token"))"
      + (rows > size ? ", \(counted(rows - size, "row")) of padding in the table" : "")
      + (rows < size ? ", \(grouped(size - rows)) of which have no row in the table" : "")
      + "; end of text: \(end ?? "not said"); chat template: \(template)"
  }

  var json: JSONObject {
    JSONObject([
      ("tokens", size), ("end_of_text", end), ("has_chat_template", templateRefusal != nil),
      ("chat_template_refused", templateRefusal ?? nil),
    ])
  }
}

/// Parameters of all layers that have one name.
struct ParameterGroup {
  let name: String
  let shape: Shape
  var count: Int

  private var total: Int { count * shape.elementCount }
  var cells: [String] { [name, "\(shape)", "\(count)", grouped(total)] }

  var json: JSONObject {
    JSONObject([
      ("name", name), ("shape", shape.extents), ("tensors", count), ("numbers", total),
    ])
  }
}

/// What a device must hold, in bytes; nil is more than can be planned.
struct MemoryNeed {
  let device: String
  let memory: Int
  let isHost: Bool
  let running: Int?
  let training: Int?
  /// The same where the backward pass computes values again.
  let recomputing: Int?
  /// The same for additions of rank 16 to the linear layers, whose matrices are kept.
  let adapter: Int?

  var cells: [String] {
    func cell(_ need: Int?) -> String {
      guard let need else { return "does not fit" }
      return mebibytes(need) + (need <= memory ? "" : ", does not fit")
    }
    return [
      String(device.prefix(40)), isHost ? "the host's" : mebibytes(memory), cell(running),
      cell(training), cell(recomputing), cell(adapter),
    ]
  }

  var json: JSONObject {
    JSONObject([
      ("device", device), ("memory_bytes", isHost ? nil : memory), ("bytes_to_run", running),
      ("bytes_to_train", training), ("bytes_to_train_recomputing", recomputing),
      ("bytes_to_train_adapter", adapter),
    ])
  }
}
