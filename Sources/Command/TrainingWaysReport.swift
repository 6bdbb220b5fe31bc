// Which ways to train a model fit a device, as a person reads it.
import ArgumentParser
import Base
import Foundation
import Models
import OpenCL
import OpenCLBackend
import Storage
import Tensors
import Text

/// Bytes as a person writes them: 8GiB, 24GB, 6000MB.
struct MemorySize: ExpressibleByArgument {
  let byteCount: Int
  private let words: String

  private static let units: [(name: String, bytes: Double)] = [
    ("GIB", 1_073_741_824), ("MIB", 1_048_576), ("GB", 1e9), ("MB", 1e6), ("G", 1_073_741_824),
  ]

  init?(argument: String) {
    let text = argument.uppercased().replacing(" ", with: "")
    guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }),
      let number = Double(text.dropLast(unit.name.count)), number > 0, number * unit.bytes < 1e15
    else { return nil }
    (byteCount, words) = (Int(number * unit.bytes), argument)
  }

  var defaultValueDescription: String { words }
}

/// The table of `retort inspect --device-memory`.
struct TrainingWaysReport {
  private struct Line {
    let way: TrainingWay
    let bytes: Int
    let fits: Bool
    let room: (rows: Int, length: Int)
  }

  private let lines: [Line]
  private let name: String
  private let teacher: String?
  private let (batchSize, length): (Int, Int)
  private let memory: Int

  init(
    _ directory: ModelDirectory, named name: String, taughtBy teacher: String?, batchSize: Int,
    length: Int, in size: MemorySize
  ) throws {
    let model = try directory.languageModel()
    var limit = model.contextLength
    let teacherURL = teacher.map { URL(fileURLWithPath: $0) }
    if let teacherURL {
      limit = min(limit, try ModelDirectory(teacherURL).languageModel().contextLength)
      if TrainingWay.haveOtherTokens(directory.url, teacherURL, contextLength: limit) {
        throw UserError(
          "\(name) and its teacher have other tokens: such a teacher is asked before a step and not in it. "
            + "`retort doctor` with the same --teacher and --student says what that takes.")
      }
    }
    self.teacher = teacher
    let length = min(length, limit)
    (self.name, self.batchSize, self.length) = (name, batchSize, length)
    memory = size.byteCount
    // A driver has its own needs, and graphs beside the training take some.
    let usable = memory - memory / 16
    let device: any Device =
      try availableDevices().first.map { try OpenCLDevice($0) } ?? ReferenceDevice()
    var lines: [Line] = []
    for way in TrainingWay.all(of: model, taughtBy: teacherURL) {
      let bytes = try way.byteCount(
        of: directory, batchSize: batchSize, length: length, on: device)
      // Of a teacher whose matrices cannot lie in fewer bits nothing else is to be said.
      if lines.contains(where: { $0.bytes == bytes && way.name.hasPrefix($0.way.name) }) {
        continue
      }
      let room = try way.room(
        for: directory, length: length, limit: min(limit, 1 << 15), bytes: usable, on: device)
      lines.append(Line(way: way, bytes: bytes, fits: bytes <= usable, room: room))
    }
    // Of the student's ways and the teacher's, those that need most come first.
    self.lines = lines.sorted { $0.bytes > $1.bytes }
  }

  /// The first way that fits, with as many rows as were asked for, or as fit.
  private var recipe: (command: String, words: String)? {
    guard let line = lines.first(where: \.fits) ?? lines.first(where: { $0.room.rows > 0 })
    else { return nil }
    let rows = line.fits ? batchSize : line.room.rows
    let more =
      rows < batchSize ? ["--set training.micro_batches=\((batchSize + rows - 1) / rows)"] : []
    let command =
      ([
        teacher.map { "retort distill --teacher \($0) --student \(name)" }
          ?? "retort train --model \(name)"
      ] + line.way.options + [
        "--batch-size \(rows)", "--set data.sequence_length=\(length)",
      ] + more + ["--data FILE --run RUN"]).joined(separator: " ")
    return (command, line.way.name)
  }

  func tell(asJSON: Bool) throws {
    guard !asJSON else {
      return try tellJSON()
    }
    try Command.tell(
      table(
        [
          [
            "way to train \(name)" + (teacher.map { " by \($0)" } ?? ""),
            "\(batchSize) x \(length) tokens take",
            "of \(mebibytes(memory))",
            "most rows of \(length)", "longest single row",
          ]
        ]
          + lines.map { line in
            [
              line.way.name, mebibytes(line.bytes),
              line.fits ? "fits" : "does not fit",
              line.room.rows == 0 ? "-" : "\(line.room.rows)",
              line.room.length == 0 ? "-" : grouped(line.room.length),
            ]
          }))
    try Command.tell(
      prose:
        "\"again\": values are computed again in the backward pass. Rows and lengths are powers of two, at most 64 and \(grouped(1 << 15)). A sixteenth of the memory is left to the driver and to measurements."
    )
    if let recipe {
      try Command.tell("\n\(recipe.command)")
    } else {
      try Command.tell(
        prose: "\nNone fits: a row of \(length) tokens is too long, or the model too large.")
    }
  }

  private func tellJSON() throws {
    try Command.tell(
      json: JSONObject([
        ("memory_bytes", memory), ("batch_size", batchSize), ("sequence_length", length),
        (
          "ways",
          lines.map { line in
            JSONObject([
              ("way", line.way.name), ("options", line.way.options), ("bytes", line.bytes),
              ("fits", line.fits), ("most_rows", line.room.rows),
              ("longest_row", line.room.length),
            ])
          }
        ), ("command", recipe?.command),
      ]))
  }
}
