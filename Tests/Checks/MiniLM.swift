// The sentence encoder all-MiniLM-L6-v2, which `Scripts/minilm` fetches.
import Foundation

/// Real weights and a real vocabulary, where they are.
package enum MiniLM {
  package static let folder: URL = {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
    return URL(fileURLWithPath: cache).appending(path: "retort/all-MiniLM-L6-v2")
  }()

  package static let isHere = FileManager.default.fileExists(
    atPath: folder.appending(path: "config.json").path)
}
