// How a teacher's words are kept on disk.
import Base
import Foundation
import Storage

/// What is kept of a teacher's distribution over the next token.
package enum TeacherCodec: Sendable, Hashable, CustomStringConvertible {
  /// The last hidden state in float16: exact over all classes, to its rounding, with the teacher's head.
  case hidden
  /// The same in 8 bits, with one scale per token.
  case hidden8
  /// The k likeliest classes with their logits, and the log-sum-exp at each temperature.
  case topK(Int)
  /// All logits in float16.
  case logits

  /// Reads `hidden`, `hidden:int8`, `topk:K` or `logits`.
  package init?(_ text: String) {
    switch text {
    case "hidden": self = .hidden
    case "hidden:int8": self = .hidden8
    case "logits": self = .logits
    default:
      guard text.hasPrefix("topk:"), let count = Int(text.dropFirst(5)), (1...4096).contains(count)
      else { return nil }
      self = .topK(count)
    }
  }

  package var description: String {
    switch self {
    case .hidden: "hidden"
    case .hidden8: "hidden:int8"
    case .topK(let count): "topk:\(count)"
    case .logits: "logits"
    }
  }

  /// Whether numbers are kept as they are, in float16.
  var isFloat16: Bool { self == .hidden || self == .logits }

  package var needsHead: Bool { self == .hidden || self == .hidden8 }
}

/// `cache.json`: what a cache holds.
package struct TeacherCacheDescription: Sendable, Hashable {
  package var codec: TeacherCodec
  /// The fingerprint of the teacher's weights.
  package var teacher: String
  /// Where the teacher was.
  package var teacherPath: String
  /// Tokens per row.
  package var length: Int
  /// The number of classes, and the width of hidden states.
  package var classCount: Int
  package var width: Int
  /// The temperatures whose log-sum-exp lists have; 1 is among them.
  package var temperatures: [Double]
  /// The cap of the teacher's head, for codecs that keep hidden states.
  var headCap: Float?

  /// A row is its key, what the codec keeps, and a checksum.
  static let keyBytes = 16
  static let checksumBytes = 8

  /// The bytes of what the codec keeps of a row.
  var payloadBytes: Int {
    switch codec {
    case .hidden: length * width * 2
    case .hidden8: length * (4 + width)
    case .topK(let count): length * (8 * count + 4 * temperatures.count)
    case .logits: length * classCount * 2
    }
  }

  package var rowBytes: Int { Self.keyBytes + payloadBytes + Self.checksumBytes }

  /// The key of a row of tokens: two rows have the same one if teacher and tokens are the same.
  func key(_ tokens: some Sequence<Int32>) -> [UInt8] {
    var key = Fingerprint()
    key.add(teacher)
    key.add(tokens)
    return key.bytes
  }

  static func checksum(_ payload: Data) -> [UInt8] {
    Array(Fingerprint(of: payload).bytes.prefix(checksumBytes))
  }

  static let fileName = "cache.json"
  static let rowsName = "rows.bin"
  static let headName = "head.safetensors"

  var json: JSON {
    var fields = JSON.Object([
      ("format", JSON(2)), ("codec", .string(codec.description)), ("teacher", .string(teacher)),
      ("teacher_path", .string(teacherPath)), ("length", JSON(length)),
      ("classes", JSON(classCount)), ("width", JSON(width)),
      ("temperatures", .array(temperatures.map { JSON($0) })),
    ])
    if let headCap { fields["head_cap"] = JSON(Double(headCap)) }
    let sum = Fingerprint(of: Data(JSON.object(fields).line.utf8))
    fields["checksum"] = .string(sum.description)
    return .object(fields)
  }

  init(
    codec: TeacherCodec, teacher: String, teacherPath: String, length: Int, classCount: Int,
    width: Int, temperatures: [Double], headCap: Float? = nil
  ) {
    self.codec = codec
    self.teacher = teacher
    self.teacherPath = teacherPath
    self.length = length
    self.classCount = classCount
    self.width = width
    self.temperatures = Set(temperatures + [1]).sorted()
    self.headCap = codec.needsHead ? headCap : nil
  }

  /// Reads a cache's folder.
  init(folder: URL) throws {
    let file = folder.appending(path: Self.fileName)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw UserError("\(folder.path) holds no teacher's cache: it has no \(Self.fileName).")
    }
    let json = try JSON(contentsOf: file)
    func count(_ key: String) -> Int? {
      json[key]?.int.flatMap { (1...1 << 26).contains($0) ? $0 : nil }
    }
    guard json["format"]?.int == 2, let codec = json["codec"]?.string.flatMap(TeacherCodec.init),
      let teacher = json["teacher"]?.string, let length = count("length"),
      let classes = count("classes"), let width = count("width"),
      let temperatures = json["temperatures"]?.array?.compactMap({ $0.double })
    else { throw UserError("\(file.path) is not a cache that this version reads.") }
    if case .topK(let count) = codec, count > classes {
      throw UserError("\(file.path) lists \(count) classes of \(classes), which cannot be.")
    }
    guard temperatures.count <= 1000, temperatures.allSatisfy({ $0 > 0 && $0 <= 100 }) else {
      throw UserError("\(file.path) names a temperature that is not above 0 and at most 100.")
    }
    self.init(
      codec: codec, teacher: teacher, teacherPath: json["teacher_path"]?.string ?? "",
      length: length, classCount: classes, width: width, temperatures: temperatures,
      headCap: json["head_cap"]?.double.map { Float($0) })
    guard json["checksum"] == self.json["checksum"] else {
      throw UserError(
        "\(file.path) is damaged: it does not have the checksum that was written.",
        remedy: .makeCache(temperature: nil))
    }
  }
}
