// Asking a teacher once for all runs to come.
import Base
import Foundation
import Models
import Storage
import Tensors

/// Fills a cache with what a teacher says of rows of tokens. Rows that are there already are not asked for
/// again, so that an interrupted cache goes on where it stopped.
package final class TeacherCacheWriter {
  package let folder: URL
  package let description: TeacherCacheDescription
  /// Rows that are asked for at once.
  package let batchSize: Int
  private let teacher: any LanguageModel
  private let store: VariableStore
  private let executor: GraphExecutor
  private let tokens: Tensor
  private let output: Tensor
  private let file: FileHandle
  /// Keeps other processes from writing rows.
  private var lock: FileLock?
  private var present: Set<[UInt8]>

  /// Opens or makes the folder. `teacher` has its variables in `store`, `fingerprint` tells its weights;
  /// classes beyond `classCount` are padding. A folder with another cache, or with anything else, is an error. A new
  /// one gets `files`, those of the tokenizer.
  package init(
    _ folder: URL, _ codec: TeacherCodec, teacher: any LanguageModel, fingerprint: String,
    path: String, store: VariableStore, length: Int, classCount: Int, temperatures: [Double],
    batchSize: Int, files: [(name: String, text: String)] = []
  ) throws {
    self.folder = folder
    self.batchSize = batchSize
    self.teacher = teacher
    self.store = store
    let description = TeacherCacheDescription(
      codec: codec, teacher: fingerprint, teacherPath: path, length: length,
      classCount: classCount, width: teacher.head.weight.shape[1], temperatures: temperatures,
      headCap: teacher.head.cap)
    self.description = description
    tokens = .input("tokens", TensorType([batchSize, length], .int32))
    let hidden = teacher.hidden(tokens)
    output =
      codec.needsHead
      ? hidden : teacher.head.logits(hidden).prefix(classCount)
    executor = try GraphExecutor(Graph(outputs: [output]), on: store)

    let manager = FileManager.default
    let rows = folder.appending(path: TeacherCacheDescription.rowsName)
    if manager.fileExists(atPath: folder.appending(path: TeacherCacheDescription.fileName).path) {
      guard try TeacherCacheDescription(folder: folder) == description else {
        throw UserError(
          "\(folder.path) holds a cache of another teacher, codec or length. Delete it, or name another "
            + "folder.")
      }
      present = []
    } else {
      let others = (try? manager.contentsOfDirectory(atPath: folder.path)) ?? []
      guard others.isEmpty else {
        throw UserError(
          "\(folder.path) holds files, and no cache: \(list(others.sorted())). Name a new or an empty folder."
        )
      }
      try WholeFolder.write(folder) { folder in
        if codec.needsHead {
          let head = try store.value(of: teacher.head.weight)
          let classes = TensorData(
            [classCount, description.width],
            Array(head.floats.prefix(classCount * description.width)))
          guard classes.firstNotFinite == nil else {
            throw UserError("The teacher's head holds numbers that are not finite.")
          }
          try Safetensors.write(
            [("weight", classes)], to: folder.appending(path: TeacherCacheDescription.headName))
        }
        for (name, text) in files { try WholeFile.write(text, to: folder.appending(path: name)) }
        try WholeFile.write("", to: folder.appending(path: TeacherCacheDescription.rowsName))
        try WholeFile.write(
          description.json.text, to: folder.appending(path: TeacherCacheDescription.fileName))
      }
      present = []
    }
    guard manager.fileExists(atPath: rows.path) else {
      throw UserError(
        "\(folder.path) has no \(TeacherCacheDescription.rowsName): the cache is not whole. Delete the folder and make "
          + "it again.")
    }
    guard let lock = try FileLock(rows, makes: false) else {
      throw UserError("Another process is writing to the cache \(folder.path).")
    }
    self.lock = lock
    file = try FileHandle(forUpdating: rows)
    // A last row that was cut off is written again.
    let size = try Int(file.seekToEnd())
    let whole = size / description.rowBytes * description.rowBytes
    try file.truncate(atOffset: UInt64(whole))
    for row in 0..<whole / description.rowBytes {
      try file.seek(toOffset: UInt64(row * description.rowBytes))
      if let key = try file.read(upToCount: TeacherCacheDescription.keyBytes) {
        present.insert(Array(key))
      }
    }
    try file.seekToEnd()
  }

  /// The rows of some data that are still to be asked for, each once.
  package func missing(_ data: [any TokenData]) throws -> [[Int32]] {
    var seen = present
    var missing: [[Int32]] = []
    for part in data {
      try part.batches(of: 1).each { batch in
        let row = Array(batch.rows[0])
        if seen.insert(description.key(row)).inserted { missing.append(row) }
      }
    }
    return missing
  }

  /// Asks for the next rows, at most a batch of them, and writes what was said.
  package func write(_ rows: ArraySlice<[Int32]>) throws {
    demand(rows.count <= batchSize, "at most a batch of rows is written at once")
    let ids =
      Array(rows.joined())
      + [Int32](
        repeating: 0, count: (batchSize - rows.count) * description.length)
    try executor.set(tokens, to: TensorData(tokens.shape, ids))
    try executor.run()
    let numbers = try executor.value(of: output).floats
    let columns = output.shape.columnCount
    var out = Data()
    for (index, row) in rows.enumerated() {
      let first = index * description.length * columns
      let own = numbers[first..<first + description.length * columns]
      if let bad = own.firstIndex(where: { !$0.isFinite }) {
        let position = (bad - first) / columns
        throw UserError(
          "The teacher's \(description.codec.needsHead ? "last hidden state" : "logits") for position "
            + "\(position) of the tokens \(row.prefix(8).map(String.init).joined(separator: ", ")), ... "
            + "are not numbers: \(try firstBadLayer(ids)).")
      }
      if description.codec.isFloat16,
        let large = own.first(where: { abs($0) > Float(Float16.greatestFiniteMagnitude) })
      {
        throw UserError(
          "The teacher gives \(large), which the codec \(description.codec) cannot hold: it keeps float16. Take "
            + "hidden:int8 or topk:K.")
      }
      let payload = encoded(own, columns)
      out += Data(description.key(row)) + payload + TeacherCacheDescription.checksum(payload)
      present.insert(description.key(row))
    }
    do { try file.write(contentsOf: out) } catch {
      throw UserError("Cannot write to \(folder.path)", of: error)
    }
  }

  /// After which layer a hidden state is first no number, in words.
  private func firstBadLayer(_ ids: [Int32]) throws -> String {
    let states = teacher.hiddenStates(tokens, .init(wholeSequences: tokens))
    let executor = try GraphExecutor(Graph(outputs: states), on: store)
    try executor.set(tokens, to: TensorData(tokens.shape, ids))
    try executor.run()
    let last = states.count - 1
    let bad = try states.firstIndex { state in
      try executor.value(of: state).floats.contains { !$0.isFinite }
    }
    return switch bad {
    case nil: "its head gives them"
    case 0?: "the embedding gives them"
    case last?: "layer \(last) of \(last), or the norm after it, gives them"
    case let layer?: "layer \(layer) of \(last) gives them"
    }
  }

  /// Flushes everything to the disk, and lets others write.
  package func finish() throws {
    try file.synchronize()
    lock = nil
  }

  private func encoded(_ numbers: ArraySlice<Float>, _ columns: Int) -> Data {
    func bytes<T>(_ values: [T]) -> Data { values.withUnsafeBytes { Data($0) } }
    let rows = stride(from: numbers.startIndex, to: numbers.endIndex, by: columns)
      .map { numbers[$0..<$0 + columns] }
    switch description.codec {
    case .hidden, .logits: return bytes(numbers.map { Float16($0).bitPattern })
    case .hidden8:
      let scales = rows.map { row in row.reduce(Float(1e-20)) { max($0, abs($1)) } / 127 }
      let codes = zip(rows, scales).flatMap { row, scale in
        row.map { Int8(max(-127, min(127, ($0 / scale).rounded()))) }
      }
      return bytes(scales) + bytes(codes)
    case .topK(let count):
      var (classes, logits, sums): ([Int32], [Float], [Float]) = ([], [], [])
      for row in rows {
        let likeliest = Self.likeliest(row, count)
        classes += likeliest.map { Int32($0 - row.startIndex) }
        logits += likeliest.map { row[$0] }
        let highest = Double(logits[logits.count - count])
        for temperature in description.temperatures {
          let sum = row.reduce(0.0) { $0 + exp((Double($1) - highest) / temperature) }
          sums.append(Float(highest / temperature + log(sum)))
        }
      }
      return bytes(classes) + bytes(logits) + bytes(sums)
    }
  }

  /// The places of the largest numbers, the largest first; of equals the first.
  private static func likeliest(_ row: ArraySlice<Float>, _ count: Int) -> [Int] {
    // Few of many: a sorted list into which the rare larger number is put.
    var best: [Int] = []
    best.reserveCapacity(count + 1)
    for place in row.indices where best.count < count || row[place] > row[best[count - 1]] {
      var slot = best.count
      while slot > 0, row[best[slot - 1]] < row[place] { slot -= 1 }
      best.insert(place, at: slot)
      if best.count > count { best.removeLast() }
    }
    return best
  }
}
