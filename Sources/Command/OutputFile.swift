// Files that commands write, and what they may replace.
import Base
import Foundation
import Storage

/// What a safetensors file of ours says of its writer.
func writer(_ command: String) -> [String: String] { ["retort.writer": command] }

/// Throws where an output would replace a file that a command of this name did not write, unless told to.
func requireReplaceable(_ url: URL, writtenBy command: String, overwrite: Bool) throws {
  try requireReplaceable(url, writtenBy: command, overwrite: overwrite) { file in
    (try? Safetensors(contentsOf: file))?.metadata["retort.writer"] == command
  }
}

/// The same for files of which `isOwn` tells whether the command wrote them.
func requireReplaceable(
  _ url: URL, writtenBy command: String, overwrite: Bool, isOwn: (URL) -> Bool
) throws {
  guard let file = try OutputPlace(url).existingFile, !overwrite else { return }
  let isEmpty = try OpenFile(file).byteCount == 0
  guard isEmpty || isOwn(file) else {
    throw UserError(
      "\(url.path) is here already and was not written by `retort \(command)`. --overwrite replaces it."
    )
  }
}
