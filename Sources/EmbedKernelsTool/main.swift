// Writes the kernel files named on the command line into one Swift file of raw string literals.
import Foundation

let arguments = CommandLine.arguments
guard arguments.count >= 3 else {
  FileHandle.standardError.write(Data("usage: EmbedKernelsTool OUTPUT.swift KERNEL.cl ...\n".utf8))
  exit(2)
}

var text = "// Generated from Kernels/ at build time.\n\n"
text += "/// The kernel sources, by file name.\nlet embeddedKernels: [String: String] = [\n"
for path in arguments.dropFirst(2).sorted() {
  let source = try String(contentsOfFile: path, encoding: .utf8)
  let name = URL(fileURLWithPath: path).lastPathComponent
  text += "\"\(name)\": ###\"\"\"\n\(source)\n\"\"\"###,\n"
}
text += "]\n"
try text.write(toFile: arguments[1], atomically: true, encoding: .utf8)
