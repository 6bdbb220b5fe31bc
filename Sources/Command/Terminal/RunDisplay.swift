// A run as a person sees it: one line that moves, and sentences that stay.
import Base
import Distillation
import Experiments
import Foundation
import Tensors
import Training

/// Shows everything that a run tells.
final class RunDisplay {
  private let folder: RunFolder
  private let line = ProgressLine()
  /// The latest numbers of the arm that is trained.
  private var numbers: (arm: String, text: String)?
  private var hasSamples = false

  init(of folder: RunFolder) { self.folder = folder }

  /// Who hears of the run and ends it after an interrupt. `begun` is called once the run has its folder.
  func observer(begun: @escaping () throws -> Void = {}) -> RunObserver {
    RunObserver(
      shouldStop: { Interrupt.wasRequested },
      onEvent: { event in
        if case .begun = event { try begun() }
        try self.show(event)
      })
  }

  private func show(_ event: RunEvent) throws {
    switch event {
    case .begun: break
    case .opened(let device, let data): note("\(device)\n\(data)")
    case .found(let finding): finding.warn()
    case .note(let sentence): note(sentence)
    case .warning(let sentence): warn(sentence)
    case .step(let arm, let metrics, let share): numbers = (arm, Self.words(metrics, share))
    case .progress(let activity, let outlook): show(activity, outlook)
    case .profile(let arm, let profile, let peaks, let file):
      try tell("One micro-batch of the \(arm):\n" + table(profile, peaks))
      try tell(prose: "Every launch is in \(folder.name)/\(file).\n")
    case .sample(let sample):
      if !hasSamples { try tell() }
      hasSamples = true
      try tell("\(Question.title(ofArm: sample.arm)): \(sample.prompt)|\(sample.text)\n")
    case .ended(let outcome, let about):
      line.end(erases: true)
      try outcome.answers == nil
        ? showEnd(training: outcome, about) : showEnd(distillation: outcome, about)
    }
  }

  // MARK: Progress

  private func show(_ activity: Activity, _ outlook: Outlook?) {
    guard let (done, total) = activity.progress else {
      return line.show(Self.title(activity))
    }
    // What should be done at once is shown if it takes longer.
    let isSlow = activity.secondsPerPart.map { $0 * Double(done) > 1 } ?? false
    guard ![.compiling, .beginning, .measuring].contains(activity.kind) || isSlow else { return }
    // Lines that stay are for work that a person waits for.
    let isShort = activity.secondsPerPart.map { $0 * Double(total) < 2 } ?? true
    if activity.kind == .judging, isShort, !Screen.errors.rewrites { return }
    var (title, text) = (Self.title(activity), activity.unit)
    if activity.kind == .training {
      text = numbers?.arm == activity.subject ? numbers?.text ?? "" : ""
      if let outlook, outlook.total > 1 {
        title = "[\(outlook.done + 1)/\(outlook.total)] \(title)"
      }
    }
    line.show(
      title, done: done, of: total, secondsEach: activity.secondsPerPart ?? 0, text,
      besides: outlook.flatMap { $0.total > 1 ? $0.secondsLeft : nil })
    guard done == total else { return }
    line.end()
    // The first steps may take long before they tell of themselves.
    if [.compiling, .beginning].contains(activity.kind) {
      line.show("\(activity.subject): first steps")
    }
  }

  private static func title(_ activity: Activity) -> String {
    let subject = activity.subject
    return switch activity.kind {
    case .reading: "reading the \(subject)"
    case .loading: "loading the \(subject)"
    case .preparing: "planning the \(subject)"
    case .examining: "looking at the \(subject)"
    case .measuring: "measuring the \(subject)"
    case .compiling: "\(subject): compiling kernels"
    case .beginning: "\(subject): first step"
    case .training: subject
    case .asking: "asking the \(subject)"
    case .judging: "judging the \(subject)"
    case .sampling: "a sample of the \(subject)"
    case .saving: "saving the \(subject)"
    }
  }

  private static func words(_ m: StepMetrics, _ share: Double?) -> String {
    // A loss that is all cross-entropy is not said twice.
    let keys = ["loss", "ce", "kl", "likelihood", "cosine"].filter {
      $0 != "ce" || m.means["ce"] != m.means["loss"]
    }
    let means = keys.compactMap { key in m.means[key].map { "\(key) \(fixed($0, 3))" } }
    let peak = share.map { ", \(fixed(100 * $0, 0)) % of peak" } ?? ""
    let speed = "\(grouped(Int(m.targetsPerSecond))) \(m.unit)/s\(peak)"
    return (means + [speed]).joined(separator: "  ")
  }

  // MARK: What came of it

  private func showEnd(distillation outcome: Outcome, _ about: RunAbout?) throws {
    try tell("\n" + table(outcome.cells) + "\n")
    for sentence in outcome.sentences + outcome.warnings(about) {
      try tell(prose: sentence, marking: Verdict.marks)
    }
    try tell()
    try show(forced: about)
    try tell(prose: "Everything is in \(folder.name); open report.html there.")
  }

  private func showEnd(training outcome: Outcome, _ about: RunAbout?) throws {
    let arm = outcome.arms[0]
    func number(_ key: String) -> String { fixed(arm[key] ?? .nan, 4) }
    try show(forced: about)
    try tell(
      prose: "held out: \(number("nats_per_token")) nats/token, "
        + "\(number("bits_per_byte")) bits/byte; the model is in \(folder.model(arm.arm).relativePath), "
        + "\(folder.name)/report.html shows more")
  }

  private func show(forced about: RunAbout?) throws {
    for reason in about?.forced ?? [] {
      try tell(prose: "This run was forced although \(reason).\n")
    }
  }
}
