// The text of the kernels.
import Foundation

/// The kernels that were embedded at build time or, where the environment variable
/// `RETORT_KERNELS` names a folder, the files there, so that a kernel can be edited without a build.
struct KernelSources {
  private let folder = ProcessInfo.processInfo.environment["RETORT_KERNELS"]

  /// The text with each `#include "file"` of ours replaced by that file, once.
  func expanded(_ text: String) throws -> String {
    var included: Set<String> = []
    return try expanded(text, &included)
  }

  private func expanded(_ text: String, _ included: inout Set<String>) throws -> String {
    var lines: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      guard line.hasPrefix("#include \""), line.hasSuffix("\"") else {
        lines.append(String(line))
        continue
      }
      let file = String(line.dropFirst(10).dropLast())
      if included.insert(file).inserted { lines.append(try expanded(source(file), &included)) }
    }
    return lines.joined(separator: "\n")
  }

  private func source(_ file: String) throws -> String {
    if let folder {
      return try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
    }
    guard let source = embeddedKernels[file] else {
      preconditionFailure("there is no kernel file \(file)")
    }
    return source
  }
}
