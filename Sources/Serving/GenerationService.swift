// A model that continues texts for whoever asks.
import Base
import Foundation
import Synchronization
import Text
import Tokenizers

/// Takes texts from any thread, and continues them on the device's.
final class GenerationService: Sendable {
  /// Lets one thread alone have what is not made for several.
  private struct Confined<Value>: @unchecked Sendable { let value: Value }

  private struct State {
    var incoming: [SlotRequest] = []
    var queuedCount = 0
    var activeCount = 0
  }

  let capacity: Int
  let slotCount: Int
  private let queueLimit: Int
  private let state = Mutex(State())
  private let thread: DeviceThread
  private let generator: Confined<SlotGenerator>

  /// Refuses texts when `queueLimit` wait for a slot.
  init(_ generator: SlotGenerator, on thread: DeviceThread, queueLimit: Int = 64) {
    capacity = generator.capacity
    slotCount = generator.slotCount
    self.queueLimit = queueLimit
    self.generator = Confined(value: generator)
    self.thread = thread
    thread.add { [weak self] in self?.turn() ?? false }
  }

  /// How many texts are being continued, and how many wait.
  var load: (active: Int, queued: Int) {
    state.withLock { ($0.activeCount, $0.queuedCount + $0.incoming.count) }
  }

  /// Takes texts, all or none: false where too many wait already.
  func submit(_ requests: [SlotRequest]) -> Bool {
    let isTaken = state.withLock { state in
      let free = slotCount - state.activeCount
      guard state.queuedCount + state.incoming.count + requests.count <= queueLimit + max(0, free)
      else { return false }
      state.incoming += requests
      return true
    }
    if isTaken { thread.awake() }
    return isTaken
  }

  /// One step; whether there was anything to do.
  private func turn() -> Bool {
    let incoming = state.withLock { state in
      defer { state.incoming = [] }
      return state.incoming
    }
    for request in incoming { generator.value.submit(request) }
    if !incoming.isEmpty { state.withLock { $0.queuedCount = generator.value.queuedCount } }
    let didWork = generator.value.step()
    state.withLock { state in
      (state.queuedCount, state.activeCount) = (
        generator.value.queuedCount, generator.value.activeCount
      )
    }
    return didWork
  }
}
