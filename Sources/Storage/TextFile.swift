// Text from files.
import Base
import Foundation

extension Data {
  /// Reads a whole file that holds text, a pipe among them. Text that is not UTF-8 is an error that says where.
  package init(contentsOfText url: URL) throws {
    try self.init(contentsOfFile: url)
    try requireText(named: url.path)
  }

  /// Reads a whole file, a pipe among them; an error says why it cannot be read.
  package init(contentsOfFile url: URL) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      throw UserError("Cannot read \(url.path): there is no such file.")
    }
    guard !isFolder.boolValue else {
      throw UserError("Cannot read \(url.path): it is a folder.")
    }
    do {
      let file = try FileHandle(forReadingFrom: url)
      self = try file.readToEnd() ?? Data()
    } catch {
      throw UserError("Cannot read \(url.path)", of: error)
    }
  }

  /// Throws unless the data are text in UTF-8. `name` is the file's in the error.
  func requireText(named name: String) throws {
    if let format = ForeignFormat(of: self) {
      throw UserError("\(name) is \(format.name), no text. \(format.remedy(name))")
    }
    if starts(with: [0xFF, 0xFE]) || starts(with: [0xFE, 0xFF]) {
      throw UserError(
        "\(name) is UTF-16; texts are read as UTF-8. `iconv -f UTF-16 -t UTF-8` converts it.")
    }
    if let offset = firstInvalidUTF8 {
      throw UserError(
        "\(name) is not UTF-8: the byte at offset \(offset) belongs to no character. `iconv -f LATIN1 -t "
          + "UTF-8` converts a text in Latin-1.")
    }
    if let offset = firstIndex(of: 0) {
      throw UserError(
        "\(name) is no text: the byte at offset \(offset - startIndex) is zero. UTF-16 without a mark "
          + "looks like this; texts are read as UTF-8.")
    }
  }

  /// Where the first byte is that no UTF-8 text has.
  private var firstInvalidUTF8: Int? {
    withUnsafeBytes { bytes in
      var place = 0
      while place < bytes.count {
        let lead = bytes[place]
        let length: Int
        switch lead {
        case 0..<0x80: length = 1
        case 0xC2..<0xE0: length = 2
        case 0xE0..<0xF0: length = 3
        case 0xF0..<0xF5: length = 4
        default: return place
        }
        guard place + length <= bytes.count else { return place }
        for next in 1..<length where bytes[place + next] & 0xC0 != 0x80 { return place }
        if length > 2 {
          // Neither longer than needed, nor a surrogate, nor beyond U+10FFFF.
          let second = bytes[place + 1]
          if lead == 0xE0 && second < 0xA0 || lead == 0xED && second > 0x9F
            || lead == 0xF0 && second < 0x90 || lead == 0xF4 && second > 0x8F
          {
            return place
          }
        }
        place += length
      }
      return nil
    }
  }
}

extension String {
  /// The text of a file in UTF-8, with lines that end in a newline alone and without a byte-order mark.
  package init(contentsOfText url: URL) throws {
    self.init(text: try Data(contentsOfText: url))
  }

  /// The same for what a file held.
  init(text data: Data) {
    let text = data.starts(with: [0xEF, 0xBB, 0xBF]) ? data.dropFirst(3) : data
    self = String(decoding: text, as: UTF8.self)
    if utf8.contains(0x0D) { self = replacing("\r\n", with: "\n") }
  }
}
