// Ctrl-C.
import Foundation
import Synchronization

/// Turns the first interrupt or termination signal into a flag that loops ask for; a second one
/// ends the process at once.
enum Interrupt {
  private static let isRequested = Atomic(false)

  static func install() {
    // A parent that blocks signals hands its mask down.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for signalNumber in [SIGINT, SIGTERM] {
      signal(signalNumber) { number in
        if Interrupt.isRequested.exchange(true, ordering: .relaxed) { _exit(128 + number) }
        let text: StaticString = "\nStopping where it can go on from; once more ends it at once.\n"
        _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      }
    }
  }

  static var wasRequested: Bool { isRequested.load(ordering: .relaxed) }
}
