// What a run tells while it works, and who listens.
import Base
import Tensors
import Training

/// Something that a run is doing and that takes its time.
package struct Activity {
  package enum Kind {
    case reading, loading, preparing, examining, measuring, compiling, training, judging
    case sampling, saving
    /// The first step of a training whose device compiles nothing.
    case beginning
  }

  package let kind: Kind
  /// What it is done to: an arm, or something such as "data".
  package let subject: String
  /// How many parts are done, and of how many; nil where none are counted.
  package var progress: (done: Int, total: Int)?
  /// What the parts are called.
  package var unit = ""
  /// nil where it is not known beforehand.
  package var secondsPerPart: Double?
}

/// What follows after the activity that is under way.
package struct Outlook {
  /// Trainings that are done, and all that the run has.
  package let done: Int
  package let total: Int
  /// nil as long as nothing was measured.
  package let secondsLeft: Double?
}

/// What a run tells.
package enum RunEvent {
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
package struct RunInterrupted: Error, CustomStringConvertible {
  package enum Stage {
    /// Nothing has begun that could be lost.
    case preparing
    case training(arm: String, step: Int, of: Int)
    /// What was done before something is saved.
    case before(String)
    /// Everything is trained.
    case judging(arm: String)
  }

  package let stage: Stage

  package var description: String {
    switch stage {
    case .preparing: "Interrupted before the run began."
    case .training(let arm, let step, let count):
      "Interrupted: \(step) of \(counted(count, "step")) of the \(arm) are saved."
    case .before(let subject): "Interrupted; what was done before the \(subject) is saved."
    case .judging(let arm): "Interrupted while judging (\(arm)); everything is trained."
    }
  }
}
