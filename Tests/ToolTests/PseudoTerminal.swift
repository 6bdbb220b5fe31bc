// A terminal that nobody sits at: the tool runs in it, and a test reads what a person would have seen.
import Checks
import Foundation
import Glibc

/// What a terminal of some width shows after a program has written to it.
struct ScreenText {
  /// Every line that was ever on the screen, as it was left.
  private(set) var lines: [String] = [""]
  /// The sequences that changed colours.
  private(set) var styles: [String] = []
  private let width: Int
  private var column = 0

  init(_ bytes: Data, width: Int) {
    self.width = width
    var scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)[...]
    while let scalar = scalars.popFirst() {
      switch scalar {
      case "\r": column = 0
      case "\n": lines.append(String(repeating: " ", count: column))
      case "\u{1B}":
        let sequence = scalars.prefix { !("a"..."z").contains($0) && !("A"..."Z").contains($0) }
        let end = scalars.dropFirst(sequence.count).first
        scalars.removeFirst(min(scalars.count, sequence.count + 1))
        if end == "K" { lines[lines.count - 1] = "" }
        if end == "m" {
          styles.append(String(String.UnicodeScalarView(sequence.dropFirst())))
        }
      default: put(Character(scalar))
      }
    }
  }

  private mutating func put(_ character: Character) {
    if column == width {
      lines.append("")
      column = 0
    }
    var line = Array(lines[lines.count - 1])
    while line.count <= column { line.append(" ") }
    line[column] = character
    lines[lines.count - 1] = String(line)
    column += 1
  }

  var text: String { lines.joined(separator: "\n") }
}

extension Workshop {
  /// Runs the tool in a terminal of so many columns.
  func runOnTerminal(_ arguments: [String], columns: Int, _ environment: [String: String] = [:])
    throws -> (status: Int32, screen: ScreenText, longestSilence: Duration)
  {
    // TIOCSPTLCK and TIOCGPTN (ioctl_tty(2)), which Swift does not import.
    let (unlocking, numbering): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
    var (number, isLocked): (Int32, Int32) = (0, 0)
    let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    guard master >= 0, ioctl(master, unlocking, &isLocked) == 0,
      ioctl(master, numbering, &number) == 0,
      case let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY), slave >= 0
    else { throw POSIXError(.ENODEV) }
    defer { close(master) }
    var size = winsize(ws_row: 50, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    guard ioctl(slave, UInt(TIOCSWINSZ), &size) == 0 else { throw POSIXError(.ENOTTY) }
    let terminal = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
    let process = Process()
    process.executableURL = products.appending(path: "retort")
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment
      .merging(["TERM": "xterm", "NO_COLOR": ""]) { $1 }.merging(environment) { $1 }
    (process.standardInput, process.standardOutput, process.standardError) =
      (terminal, terminal, terminal)
    try process.run()
    close(slave)
    var (bytes, part) = (Data(), [UInt8](repeating: 0, count: 4096))
    var (latest, silence) = (ContinuousClock.now, Duration.zero)
    // The end of the last process that has the terminal is an error here.
    while case let count = Glibc.read(master, &part, part.count), count > 0 {
      bytes.append(contentsOf: part[..<count])
      silence = max(silence, .now - latest)
      latest = .now
    }
    process.waitUntilExit()
    return (process.terminationStatus, ScreenText(bytes, width: columns), silence)
  }
}
