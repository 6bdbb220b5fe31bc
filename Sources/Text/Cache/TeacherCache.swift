// What a teacher said earlier, found by the tokens that it was said of.
import Base
import Experiments
import Foundation
import Storage
import Tensors
import Training

/// A folder that `TeacherCacheWriter` filled. A row is found by its tokens, so that no shuffle, split or
/// resume can give it to others; one that is not there, or is damaged, is an error that says so.
public final class TeacherCache {
  package let folder: URL
  package let description: TeacherCacheDescription
  /// The teacher's head [V, C], for codecs that keep hidden states; its values are in the store that it was
  /// declared in.
  private let head: Tensor?
  private let rows: OpenFile
  private let placeOfKey: [[UInt8]: Int]

  /// What tells this cache from others: its description and the keys of its rows, which depend on the teacher's
  /// weights. What rows hold has checksums of its own.
  package let fingerprint: String

  package var rowCount: Int { placeOfKey.count }

  /// Opens what `retort cache` wrote; `expecting` is the fingerprint of the teacher it should be of, if one is known. Throws where
  /// it is damaged, or of another teacher.
  public init(_ folder: URL, expecting teacher: String? = nil) throws {
    self.folder = folder
    description = try TeacherCacheDescription(folder: folder)
    if let teacher, teacher != description.teacher {
      throw UserError(
        "\(folder.path) is the cache of another teacher (\(description.teacherPath)): its weights have "
          + "the fingerprint \(description.teacher), not \(teacher).")
    }
    let file = folder.appending(path: TeacherCacheDescription.rowsName)
    let rows = try OpenFile(file)
    self.rows = rows
    var known = Fingerprint()
    known.add(description.json.line)
    var places: [[UInt8]: Int] = [:]
    // What follows the last whole row was cut off while it was written.
    for row in 0..<rows.byteCount / description.rowBytes {
      let key = try rows.read(
        at: row * description.rowBytes, count: TeacherCacheDescription.keyBytes)
      known.add(key)
      places[Array(key)] = row
    }
    placeOfKey = places
    fingerprint = known.description
    head =
      description.codec.needsHead
      ? .variable([description.classCount, description.width], .zeros) : nil
  }

  /// Throws where a codec cannot give the distributions at a temperature.
  package func require(temperature: Double) throws {
    guard case .topK = description.codec else { return }
    guard description.temperatures.contains(where: { abs($0 - temperature) < 1e-6 }) else {
      let known = description.temperatures.map { "\($0)" }.joined(separator: ", ")
      throw UserError(
        "\(folder.path) has lists for the temperatures \(known), not for \(temperature). Temperature on a "
          + "list is not temperature on the whole distribution.",
        remedy: .makeCache(temperature: temperature))
    }
  }

  /// Gives the teacher's head its place in a store, where the codec needs one.
  package func declare(in store: VariableStore) throws {
    guard let head, store.entry(head) == nil else { return }
    let file = try Safetensors(
      contentsOf: folder.appending(path: TeacherCacheDescription.headName))
    guard let value = try file["weight"], value.shape == head.shape,
      value.firstNotFinite == nil
    else {
      throw UserError("\(file.url.path) does not hold the teacher's head \(head.shape).")
    }
    try store.declare("teacher.head", head, role: .frozen, value: value.stored(as: .float32))
  }

  /// What the codec kept of a row; an error names the row that is not there or is damaged.
  func payload(_ tokens: ArraySlice<Int32>) throws -> Data {
    guard let row = placeOfKey[description.key(tokens)] else {
      throw UserError(
        "\(folder.path) has no row for the tokens \(tokens.prefix(8).map(String.init).joined(separator: ", "))"
          + ", ...: it was made from other data, another tokenizer or another length.",
        remedy: .makeCache(temperature: nil))
    }
    let start = row * description.rowBytes + TeacherCacheDescription.keyBytes
    let payload = try rows.read(at: start, count: description.payloadBytes)
    let sum = try rows.read(
      at: start + payload.count, count: TeacherCacheDescription.checksumBytes)
    guard sum.elementsEqual(TeacherCacheDescription.checksum(payload)) else {
      throw UserError(
        "\(folder.path): row \(row) is damaged. Delete the folder.",
        remedy: .makeCache(temperature: nil))
    }
    return payload
  }

  /// Whether every row of some data is there, without reading them.
  package func holds(_ batch: Batch) -> Bool {
    batch.rows.allSatisfy { placeOfKey[description.key($0)] != nil }
  }

  // MARK: Distributions

  /// The distributions of a batch whose data have the cache's fields.
  func distributions(_ inputs: Inputs) -> LinearLoss.Teacher {
    switch description.codec {
    case .hidden, .hidden8:
      guard let head else { fatal("a codec of hidden states has a head") }
      return .head(hidden: inputs[.teacherHidden], Head(head, cap: description.headCap))
    case .logits: return .logits(inputs[.teacherLogits])
    case .topK:
      return .list(
        classes: inputs[.teacherClasses], logits: inputs[.teacherLogits],
        sums: inputs[.teacherSums])
    }
  }

  /// The fields that the cache has of a row. Traps for a temperature that a cache of lists was not made for.
  func types(temperature: Float) -> [Field: TensorType] {
    let t = description.length
    switch description.codec {
    case .hidden, .hidden8: return [.teacherHidden: TensorType([t, description.width])]
    case .logits: return [.teacherLogits: TensorType([t, description.classCount])]
    case .topK(let count):
      _ = sums(temperature)
      return [
        .teacherClasses: TensorType([t, count], .int32), .teacherLogits: TensorType([t, count]),
        .teacherSums: TensorType([t, 2]), .teacherBest: TensorType([t], .int32),
      ]
    }
  }

  /// The places of the log-sum-exps at a temperature and at 1.
  private func sums(_ temperature: Float) -> (own: Int, unit: Int) {
    let known = description.temperatures
    guard let own = known.firstIndex(where: { abs($0 - Double(temperature)) < 1e-6 }),
      let unit = known.firstIndex(of: 1)
    else { fatal("the cache has no log-sum-exp at temperature \(temperature)") }
    return (own, unit)
  }

  /// The values of the fields for a row; zeros for none.
  func values(of row: ArraySlice<Int32>?, temperature: Float) throws -> [Field: TensorData] {
    guard let row else { return types(temperature: temperature).mapValues(TensorData.init(zeros:)) }
    let (payload, t) = (try payload(row), description.length)
    switch description.codec {
    case .hidden, .hidden8:
      return [.teacherHidden: TensorData([t, description.width], hiddenStates(payload))]
    case .logits:
      let count = description.classCount
      return [.teacherLogits: TensorData([t, count], payload.float16s(0, t * count))]
    case .topK(let count):
      let listed = payload.integers(0, t * count)
      guard listed.allSatisfy({ (0..<Int32(description.classCount)).contains($0) }) else {
        throw UserError(
          "\(folder.path) lists classes beyond the \(description.classCount) of the teacher.")
      }
      let kinds = description.temperatures.count
      let all = payload.floats(8 * t * count, t * kinds)
      let (own, unit) = sums(temperature)
      return [
        .teacherClasses: TensorData([t, count], listed),
        .teacherLogits: TensorData([t, count], payload.floats(4 * t * count, t * count)),
        .teacherSums: TensorData(
          [t, 2],
          (0..<t).flatMap { (row: Int) -> [Float] in
            [all[row * kinds + own], all[row * kinds + unit]]
          }),
        // The likeliest classes come first in lists.
        .teacherBest: TensorData(
          [t], stride(from: 0, to: listed.count, by: count).map { listed[$0] }),
      ]
    }
  }

  private func hiddenStates(_ payload: Data) -> [Float] {
    let (t, c) = (description.length, description.width)
    if description.codec == .hidden { return payload.float16s(0, t * c) }
    let scales = payload.floats(0, t)
    let start = payload.startIndex + 4 * t
    return (0..<t * c).map { Float(Int8(bitPattern: payload[start + $0])) * scales[$0 / c] }
  }
}

extension Data {
  private func load<T>(_ offset: Int, _ count: Int, as type: T.Type) -> [T] {
    withUnsafeBytes { bytes in
      (0..<count).map {
        bytes.loadUnaligned(fromByteOffset: offset + $0 * MemoryLayout<T>.size, as: type)
      }
    }
  }

  fileprivate func float16s(_ offset: Int, _ count: Int) -> [Float] {
    load(offset, count, as: UInt16.self).map { Float(Float16(bitPattern: $0)) }
  }
  fileprivate func floats(_ offset: Int, _ count: Int) -> [Float] {
    load(offset, count, as: Float.self)
  }
  fileprivate func integers(_ offset: Int, _ count: Int) -> [Int32] {
    load(offset, count, as: Int32.self)
  }
}
