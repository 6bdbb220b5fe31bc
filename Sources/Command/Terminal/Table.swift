// Tables that fit the screen.

/// Columns aligned under their headers, the first to the left, the others to the right, in lines of at most `width`
/// columns: a table that is wider is turned, so that its rows stand side by side, as many at once as fit; and where not
/// even one does, every row becomes a list of its values.
func table(_ rows: [[String]], width: Int? = Screen.output.width) -> String {
  let whole = lines(rows)
  guard let width, let header = rows.first, whole.contains(where: { displayWidth($0) > width })
  else { return whole.joined(separator: "\n") }
  // A row's name in the first column heads its column in the turned table.
  var (parts, remaining) = ([String](), Array(rows.dropFirst()))
  while !remaining.isEmpty {
    func turned(_ count: Int) -> [String] {
      lines(
        header.indices.map { column in
          [header[column]]
            + remaining.prefix(count).map { column < $0.count ? $0[column] : "" }
        })
    }
    let count = (1...remaining.count).last { count in
      turned(count).allSatisfy { displayWidth($0) <= width }
    }
    guard let count else { return list(rows, width: width) }
    parts.append(turned(count).joined(separator: "\n"))
    remaining.removeFirst(count)
  }
  return parts.joined(separator: "\n\n")
}

private func lines(_ rows: [[String]]) -> [String] {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? displayWidth($0[column]) : 0 }.max() ?? 0
  }
  return rows.map { row in
    row.enumerated().map { column, text in
      let space = String(repeating: " ", count: widths[column] - displayWidth(text))
      return column == 0 ? text + space : space + text
    }.joined(separator: "  ")
  }
}

/// Each row as lines of a column's name and its value.
private func list(_ rows: [[String]], width: Int) -> String {
  let header = rows[0]
  return rows.dropFirst().map { row in
    row.enumerated().map { column, text in
      if column == 0 { return wrap(text, to: width, indent: 2) }
      let line = "  \(header[column]): \(text)"
      return displayWidth(line) <= width
        ? line : "  \(header[column]):\n" + wrap("    \(text)", to: width, indent: 4)
    }.joined(separator: "\n")
  }.joined(separator: "\n\n")
}
