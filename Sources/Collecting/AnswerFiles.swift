// The files of a collection: answers, those that were filtered, refused or did not come, and what was spent.
import Base
import Foundation
import Storage

/// Files that grow by a line for each request and are gone on with after an interruption.
package final class AnswerFiles {
  /// The hashes of requests that need not be sent again.
  private(set) var known: Set<String> = []
  /// What is known of answers that are there: for prompts, the normal forms of theirs.
  private(set) var answered: [String: Set<String>] = [:]
  /// What earlier processes have spent; what was under way when one ended counts in full.
  private(set) var spent = Spending()
  /// How many records each file had.
  private(set) var counts: [AnswerRecord.Place: Int] = [:]

  package let output: URL
  private var handles: [AnswerRecord.Place: FileHandle] = [:]
  private let ledger: FileLock
  private var reservationCount = 0
  private let key: AccessKey?

  /// Opens the files beside `output`, whose name gives theirs, and cuts lines that were not finished. A file that holds something else is
  /// refused, unless it is to be replaced. Requests that failed are asked again: their file begins anew.
  package init(_ output: URL, overwrite: Bool, key: AccessKey?) throws {
    guard case .file(let place) = try OutputPlace(output) else {
      throw UserError(
        "\(output.path) is no file: answers are kept where a later command can go on with them.")
    }
    (self.output, self.key) = (place, key)
    let name = place.lastPathComponent
    guard
      let ledger = try FileLock(
        place.deletingLastPathComponent().appending(path: ".retort-collect.\(name)"), makes: true)
    else { throw UserError("Another process is collecting into \(place.path).") }
    self.ledger = ledger
    let isHere = FileManager.default.fileExists(atPath: place.path)
    if overwrite || !isHere { try ledger.replace(by: "") }
    for kind in AnswerRecord.Place.allCases { try open(kind, overwrite: overwrite) }
    try readSpending()
  }

  /// `answers.jsonl`, `answers.refused.jsonl`, ...
  static func url(_ place: AnswerRecord.Place, beside output: URL) -> URL {
    guard place != .answers else { return output }
    let ending = output.pathExtension.isEmpty ? "" : ".\(output.pathExtension)"
    return output.deletingPathExtension().appendingPathExtension(place.rawValue + ending)
  }

  /// The hashes of requests that earlier processes have had answers to; none where the files are somebody else's or not there. Nothing
  /// is written.
  package static func hashes(beside output: URL) -> Set<String> {
    let files = AnswerRecord.Place.allCases.filter { $0 != .failed }.map { url($0, beside: output) }
    return Set(
      files.flatMap { file -> [String] in
        guard let data = try? Data(contentsOf: file),
          let lines = try? JSONLinesFile(
            data[..<(data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)], named: file.path)
        else { return [] }
        return lines.objects.compactMap { $0.object["hash"]?.string }
      })
  }

  private func open(_ place: AnswerRecord.Place, overwrite: Bool) throws {
    let url = Self.url(place, beside: output)
    var kept = 0
    if !overwrite, FileManager.default.fileExists(atPath: url.path) {
      let data = try Data(contentsOfFile: url)
      kept = try read(data, place, url)
      if kept < data.count, data.last != UInt8(ascii: "\n") { try cut(url, to: kept) }
    }
    if place == .failed || overwrite { kept = 0 }
    let descriptor = Foundation.open(
      url.path, O_WRONLY | O_CREAT | O_CLOEXEC | (kept == 0 ? O_TRUNC : 0), 0o666)
    guard descriptor >= 0 else { throw UserError("Cannot write \(url.path)", errno) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try handle.seekToEnd()
    handles[place] = handle
  }

  private func cut(_ url: URL, to length: Int) throws {
    guard truncate(url.path, off_t(length)) == 0 else {
      throw UserError("Cannot write \(url.path)", errno)
    }
  }

  /// Takes in what a file holds, and tells how many of its bytes are whole lines.
  private func read(_ data: Data, _ place: AnswerRecord.Place, _ url: URL) throws -> Int {
    let end = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let file = try JSONLinesFile(data[..<end], named: url.path)
    // A line that was cut off begins as all do, as far as it goes.
    let rest = data[(data.startIndex + end)...]
    let start = Array("{\"hash\": \"".utf8)
    guard file.objects.allSatisfy({ $0.object["hash"]?.string != nil }),
      rest.prefix(start.count).elementsEqual(start.prefix(rest.count))
    else {
      throw UserError(
        "\(url.path) is here already and was not written by this command.", remedy: .replaceOutput)
    }
    guard place != .failed else { return end }
    counts[place] = file.objects.count
    for (_, object) in file.objects {
      known.insert(object["hash"]?.string ?? "")
      if place == .answers, let prompt = object["messages"] ?? object["prompt"],
        let answer = object["completion"]?.string
      {
        _ = isNew(answer, to: prompt)
      }
    }
    return end
  }

  /// Whether an answer differs from all that its prompt has had; it is known from now on.
  func isNew(_ answer: String, to prompt: JSON) -> Bool {
    answered[SHA256.hash(prompt.canonical), default: []].insert(AnswerFilters.normal(answer))
      .inserted
  }

  /// Adds a record. The key never stands in it.
  func append(_ record: AnswerRecord) throws {
    let line = JSON.object(record.json).line
    let text = key?.removed(from: line) ?? line
    guard let handle = handles[record.place] else { return }
    let before = try handle.offset()
    do { try handle.write(contentsOf: Data((text + "\n").utf8)) } catch {
      // What has not found room must not begin the next line.
      try? handle.truncate(atOffset: before)
      throw UserError("Cannot write \(Self.url(record.place, beside: output).path)", of: error)
    }
  }

  /// Puts the answers in the order of their prompts. Equal answers make equal files then.
  package func sort() throws {
    for place in AnswerRecord.Place.allCases {
      let url = Self.url(place, beside: output)
      let file = try JSONLinesFile(try Data(contentsOfFile: url), named: url.path)
      func order(_ object: JSON.Object) -> (String, Int, Int, String) {
        let source = object["prompt_source"]
        return (
          source?["file"]?.string ?? "", source?["entry"]?.int ?? 0, object["sample"]?.int ?? 0,
          object["hash"]?.string ?? ""
        )
      }
      let sorted = file.objects.map(\.object).sorted { order($0) < order($1) }
      try WholeFile.write(sorted.map { JSON.object($0).line + "\n" }.joined(), to: url)
    }
  }

  /// Files that hold nothing are not left behind, but for that of the answers.
  package func removeEmpty() {
    for place in AnswerRecord.Place.allCases where place != .answers {
      let url = Self.url(place, beside: output)
      if (try? OpenFile(url).byteCount) == 0 { try? FileManager.default.removeItem(at: url) }
    }
  }
}

// MARK: What was spent

extension AnswerFiles {
  /// Notes what a request may cost, before it is sent; the number goes with it.
  func reserve(_ bound: Spending) throws -> Int {
    reservationCount += 1
    try ledger.append("+ \(reservationCount) \(bound.line)\n")
    return reservationCount
  }

  /// Notes what it has cost.
  func settle(_ number: Int, cost: Spending) throws {
    try ledger.append("- \(number) \(cost.line)\n")
  }

  /// Sums up the ledger. What a process has reserved and not settled counts as spent from now on.
  private func readSpending() throws {
    let text = String(decoding: try ledger.read(), as: UTF8.self)
    var open: [Int: Spending] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard parts.count == 5, let number = Int(parts[1]), let spending = Spending(parts[2...])
      else { continue }
      reservationCount = max(reservationCount, number)
      open[number] = parts[0] == "+" ? spending : nil
      if parts[0] == "-" { spent = spent + spending }
    }
    // The last line may have been cut off.
    if !text.isEmpty, text.last != "\n" { try ledger.append("\n") }
    for (number, spending) in open {
      try settle(number, cost: spending)
      spent = spent + spending
    }
  }
}

extension Spending {
  fileprivate var line: String { "\(tokens.input) \(tokens.output) \(money.units)" }

  fileprivate init?(_ parts: ArraySlice<Substring>) {
    let numbers = parts.compactMap { Int($0) }
    guard numbers.count == 3 else { return nil }
    self.init(tokens: TokenCount(input: numbers[0], output: numbers[1]), money: Money(numbers[2]))
  }
}
