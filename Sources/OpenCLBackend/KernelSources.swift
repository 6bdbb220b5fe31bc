// The text of the kernels.
import Base
import Foundation
import OpenCL

/// The kernels that were embedded at build time or, where the environment variable
/// `RETORT_KERNELS` names a folder, the files there, so that a kernel can be edited without a build.
final class KernelSources {
  private let folder: String?
  private var expansions: [String: String] = [:]

  init(folder: String? = ProcessInfo.processInfo.environment["RETORT_KERNELS"]) {
    self.folder = folder
  }

  /// All kernels' text, in an order that is always the same.
  var everything: String {
    embeddedKernels.keys.sorted().compactMap { try? source($0) }.joined(separator: "\n")
  }

  /// The text with each `#include "file"` of ours replaced by that file, once.
  func expanded(_ text: String) throws -> String {
    if let known = expansions[text] { return known }
    var included: Set<String> = []
    let expansion = try expanded(text, &included)
    expansions[text] = expansion
    return expansion
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
      let path = folder + "/" + file
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw OpenCLError(
          action: "reading \(path), where RETORT_KERNELS says the kernels are", code: -30,
          detail: "Name a folder that holds all of Kernels/, or unset the variable.")
      }
      return text
    }
    guard let source = embeddedKernels[file] else {
      fatal("there is no kernel file \(file)")
    }
    return source
  }
}
