// What a run tells while it works, and who listens.
import Base
import Tensors
import Training

/// Something that a run is doing and that takes its time.
public struct Activity: Sendable {
  /// What is done.
  public enum Kind: Sendable {
    /// What a run does, in the words of its progress.
    case reading, loading, preparing, examining, measuring, compiling, asking, training, judging
    /// Writing samples, and writing a finished model.
    case sampling, saving
    /// The first step of a training whose device compiles nothing.
    case beginning
  }

  /// What is done.
  public let kind: Kind
  /// What it is done to: an arm, or something such as "data".
  public let subject: String
  /// How many parts are done, and of how many; nil where none are counted.
  public var progress: (done: Int, total: Int)?
  /// What the parts are called.
  public var unit = ""
  /// nil where it is not known beforehand.
  public var secondsPerPart: Double?
}

/// What follows after the activity that is under way.
public struct Outlook: Sendable {
  /// Trainings that are done, and all that the run has.
  public let done: Int
  /// All trainings that the run has.
  public let total: Int
  /// nil as long as nothing was measured.
  public let secondsLeft: Double?
}

/// What a run tells.
public enum RunEvent {
  /// The data are read: the name of the device, and the data in a sentence.
  case opened(device: String, data: String)
  /// Something that was found before the run.
  case found(Finding)
  /// The run has taken its folder: from now on it can go on from what is there.
  case begun
  /// A sentence on what happens, such as what an arm begins with.
  case note(String)
  /// A sentence on what should not have happened, and does not end the run.
  case warning(String)
  /// `outlook` is nil before the run has begun.
  case progress(Activity, outlook: Outlook?)
  /// Numbers of a training; the share of the device's peak is nil where none is measured.
  case step(arm: String, StepMetrics, shareOfPeak: Double?)
  /// The launches of an arm's step, which a file of the run's folder lists.
  case profile(arm: String, Profile, DevicePeaks?, file: String)
  /// What an arm made of the same beginning as the others.
  case sample(Outcome.Sample)
  /// The verdict, which is in the folder with everything else.
  case ended(Outcome, about: RunAbout?)
}

extension RunEvent {
  /// What there is to read of it, on one line or more; nil where it only tells how far something is.
  public var text: String? {
    switch self {
    case .opened(let device, let data): "\(device)\n\(data)"
    case .found(let finding): "\(finding.level.rawValue): \(finding.text)"
    case .note(let text), .warning(let text): text
    case .step(let arm, let metrics, _): "\(arm): \(metrics)"
    case .sample(let sample): "\(sample.arm): \(sample.prompt) -> \(sample.text)"
    case .ended(let outcome, _): outcome.sentences.joined(separator: "\n")
    case .begun, .progress, .profile: nil
    }
  }
}

/// Who watches a run: hears what happens, and may end it.
package struct RunObserver {
  private let shouldStop: () -> Bool
  private let onEvent: (RunEvent) throws -> Void

  /// `shouldStop` is asked at every step and between activities; what `onEvent` throws ends the run.
  package init(
    shouldStop: @escaping () -> Bool = { false }, onEvent: @escaping (RunEvent) throws -> Void
  ) {
    (self.shouldStop, self.onEvent) = (shouldStop, onEvent)
  }

  package func tell(_ event: RunEvent) throws { try onEvent(event) }

  package var wantsToStop: Bool { shouldStop() }

  /// Throws where the run is to stop.
  package func check(_ stage: @autoclosure () -> RunInterrupted.Stage) throws {
    if shouldStop() { throw RunInterrupted(stage: stage()) }
  }

  /// Tells of an activity without parts, and does it; throws where the run is to stop.
  package func during<Result>(
    _ kind: Activity.Kind, _ subject: String, outlook: Outlook? = nil,
    stage: RunInterrupted.Stage = .preparing, _ body: () throws -> Result
  ) throws -> Result {
    try check(stage)
    try tell(.progress(Activity(kind: kind, subject: subject), outlook: outlook))
    return try body()
  }
}

/// A run was asked to stop, and did where it can go on from.
public struct RunInterrupted: Error, CustomStringConvertible {
  /// Where a run was stopped.
  public enum Stage: Sendable {
    /// Nothing has begun that could be lost.
    case preparing
    /// In a training, after a step.
    case training(arm: String, step: Int, of: Int)
    /// What was done before something is saved.
    case before(String)
    /// Everything is trained.
    case judging(arm: String)
  }

  /// Where it was stopped.
  public let stage: Stage

  public var description: String {
    switch stage {
    case .preparing: "Interrupted before the run began."
    case .training(let arm, let step, let count):
      "Interrupted: \(step) of \(counted(count, "step")) of the \(arm) are saved."
    case .before(let subject): "Interrupted; what was done before the \(subject) is saved."
    case .judging(let arm): "Interrupted while judging (\(arm)); everything is trained."
    }
  }
}
