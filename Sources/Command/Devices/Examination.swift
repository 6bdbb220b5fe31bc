// What a device can do, found out by a process that may die of it.
import Experiments
import Foundation
import OpenCL
import OpenCLBackend
import Tensors

/// A first meeting with a device: which matrix unit it has, and whether it computes rightly. Each question is asked
/// in a child process (`retort examine`), whose end by a signal is an answer too.
enum Examination {
  /// What was found out about a device before, or now. Where nothing can be kept, only what a run needs to know is
  /// asked: which matrix unit there is.
  static func findings(of device: DeviceDescription) -> DeviceFindings {
    if let kept = DeviceFindings.kept(for: device) { return kept }
    var isKept = DeviceFindings.url(for: device) != nil
    var findings = DeviceFindings()
    if isKept { note("A short check of \(device), which is new here; the answer is kept.") }
    for kind in MatrixUnit.candidates(for: device) {
      switch ask(device, about: kind) {
      case .success: findings.matrixUnit = kind
      case .failure(let answer): isKept = isKept && answer.isForGood
      }
      if findings.matrixUnit != nil { break }
    }
    guard DeviceFindings.url(for: device) != nil else { return findings }
    if case .failure(let answer) = ask(device, about: nil) {
      guard answer.isForGood else {
        warn("The check could not be made, and will be at the next start: \(answer.text)")
        return findings
      }
      findings.fault = answer.text
    }
    if isKept { findings.keep(for: device) }
    return findings
  }

  struct Refusal: Error {
    let text: String
    /// Whether it says something of the device, and not of this moment.
    var isForGood = true
  }

  /// How long a child may take: some compilers take minutes.
  private static let limit: TimeInterval = 300

  private static func ask(_ device: DeviceDescription, about kind: MatrixUnit.Kind?)
    -> Result<Void, Refusal>
  {
    guard let executable = Bundle.main.executableURL else {
      return .failure(Refusal(text: "this program does not know its own file", isForGood: false))
    }
    let process = Process()
    process.executableURL = executable
    process.arguments = ["examine", device.identifier] + (kind.map { ["--unit", "\($0)"] } ?? [])
    let (output, silence) = (Pipe(), FileHandle.nullDevice)
    process.standardInput = silence
    process.standardOutput = output
    // What ends a process says so there.
    process.standardError = output
    do { try process.run() } catch {
      return .failure(Refusal(text: "\(error)", isForGood: false))
    }
    let timer = DispatchSource.makeTimerSource()
    timer.schedule(deadline: .now() + limit)
    timer.setEventHandler { kill(process.processIdentifier, SIGKILL) }
    timer.resume()
    let answer = String(
      decoding: (try? output.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    timer.cancel()
    if process.terminationReason == .uncaughtSignal {
      // These a driver earns itself; the others are sent, by a person, a container or a lack of memory.
      let signal = process.terminationStatus
      let isOwn = [SIGSEGV, SIGABRT, SIGILL, SIGBUS, SIGFPE].contains(signal)
      return .failure(
        Refusal(
          text: isOwn
            ? "its driver ended the process (signal \(signal))"
            : "the check was stopped (signal \(signal)), or took more than \(Int(limit)) seconds",
          isForGood: isOwn))
    }
    let lines = answer.split(whereSeparator: \.isNewline).map(String.init)
    if process.terminationStatus == 0, lines.contains(Examine.good) { return .success(()) }
    // Drivers may have had the last word.
    let last =
      lines.last { $0.hasPrefix(Examine.wrong) || $0.hasPrefix(Examine.notNow) }
      ?? Examine.notNow + (lines.last ?? "it gave no answer")
    let isForNow = !last.hasPrefix(Examine.wrong)
    return .failure(
      Refusal(
        text: String(last.dropFirst(isForNow ? Examine.notNow.count : Examine.wrong.count)),
        isForGood: !isForNow))
  }
}
