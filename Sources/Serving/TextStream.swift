// Texts that are being made, as events.
import Foundation
import Synchronization
import Text
import Tokenizers

/// What happens to a text.
enum TextEvent: Sendable {
  /// The scores of the prompt's tokens from the second on.
  case prompt([TokenScore])
  /// A text that is final, with the scores of its tokens if they are wanted.
  case piece(String, [TokenScore])
  /// The end: why, and how many tokens were drawn.
  case end(String, Int)
  case failed(ServerFault)
}

/// Some texts that one request asks for, with their numbers, as one stream of events. A request that goes away cancels them.
final class TextStream: Sendable {
  /// One text on its way.
  private struct Text {
    var decoder: StreamingDecoder
    /// Scores of tokens whose text is not final.
    var held: [TokenScore] = []
    var drawnCount = 0
  }

  let events: AsyncStream<(number: Int, event: TextEvent)>
  private let continuation: AsyncStream<(number: Int, event: TextEvent)>.Continuation
  private let isCancelled = Atomic(false)
  private let deadline: ContinuousClock.Instant

  init(timeLimit: Duration) {
    (events, continuation) = AsyncStream.makeStream()
    deadline = .now + timeLimit
    continuation.onTermination = { [weak self] _ in self?.cancel() }
  }

  /// Nobody waits for the texts any more.
  func cancel() { isCancelled.store(true, ordering: .relaxed) }

  /// A request whose events are those of text `number`.
  func request(_ number: Int, _ request: SlotRequest, _ tokenizer: Tokenizer, stops: [String])
    -> SlotRequest
  {
    var request = request
    let shared = Shared(StreamingDecoder(tokenizer, after: request.prompt, stops: stops))
    let continuation = continuation
    @Sendable func tell(_ event: TextEvent) { continuation.yield((number, event)) }
    request.onPrompt = { tell(.prompt($0)) }
    request.onToken = { id, score in
      shared.text.withLock { text in
        text.drawnCount += 1
        if let score { text.held.append(score) }
        let fresh = text.decoder.add(id)
        if !fresh.isEmpty {
          tell(.piece(fresh, text.held))
          text.held = []
        }
        return !text.decoder.isStopped
      }
    }
    request.onEnd = { [deadline] reason in
      let (rest, held, count) = shared.text.withLock {
        ($0.decoder.finish(), $0.held, $0.drawnCount)
      }
      if !rest.isEmpty || !held.isEmpty { tell(.piece(rest, held)) }
      switch reason {
      case .stop: tell(.end("stop", count))
      case .length: tell(.end("length", count))
      case .cancelled:
        tell(
          .failed(
            .failed(
              ContinuousClock.now > deadline
                ? "The text took too long, and was ended." : "Nobody waited for the text.")))
      case .failed(let error): tell(.failed(.failed("\(error)")))
      }
    }
    request.isCancelled = { [self] in
      isCancelled.load(ordering: .relaxed) || ContinuousClock.now > deadline
    }
    return request
  }

  /// Shares what cannot be copied.
  private final class Shared: Sendable {
    let text: Mutex<Text>
    init(_ decoder: sending StreamingDecoder) { text = Mutex(Text(decoder: decoder)) }
  }
}
