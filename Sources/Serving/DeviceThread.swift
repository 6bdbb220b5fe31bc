// The one thread that works with a device.
import Foundation
import Synchronization

/// Runs all that computes: a device and its executors are for one thread, however many models are served.
package final class DeviceThread: Sendable {
  private struct State {
    var turns: [@Sendable () -> Bool] = []
    var jobs: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)

  package init() {
    let thread = Thread { [weak self] in while let owner = self { owner.turn() } }
    // Graphs of deep models are walked by recursion.
    thread.stackSize = 1 << 26
    thread.start()
  }

  /// Lets something take a step in each round; it says whether it had anything to do.
  func add(_ turn: @escaping @Sendable () -> Bool) {
    state.withLock { $0.turns.append(turn) }
    awake()
  }

  /// Runs something once, between steps of the others.
  func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      state.withLock { $0.jobs.append { continuation.resume(with: Result { try body() }) } }
      awake()
    }
  }

  /// There is something to do.
  func awake() { wake.signal() }

  /// One round: a step of each, and one job.
  private func turn() {
    let (turns, job) = state.withLock { ($0.turns, $0.jobs.isEmpty ? nil : $0.jobs.removeFirst()) }
    job?()
    let didWork = turns.reduce(job != nil) { $1() || $0 }
    // A second without news looks for askers that have gone.
    if !didWork { _ = wake.wait(timeout: .now() + 1) }
  }
}
