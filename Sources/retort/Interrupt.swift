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
      }
    }
  }

  static var wasRequested: Bool { isRequested.load(ordering: .relaxed) }
}
