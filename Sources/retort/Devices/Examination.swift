// What a device can do, found out by a process that may die of it.
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
    let isKept = DeviceFindings.url(for: device) != nil
    var findings = DeviceFindings()
    if isKept { note("A short check of \(device), which is new here; the answer is kept.") }
    for kind in MatrixUnit.candidates(for: device) {
      guard case .success = ask(device, about: kind) else { continue }
      findings.matrixUnit = kind
      break
    }
    guard isKept else { return findings }
    switch ask(device, about: nil) {
    case .success: break
    case .failure(let answer):
      // A child that could not be started, or had no memory, says nothing of the device.
      guard answer.isOfDevice else {
        note("The check could not be made: \(answer.text)")
        return findings
      }
      findings.fault = answer.text
    }
    findings.keep(for: device)
    return findings
  }

  struct Refusal: Error {
    let text: String
    var isOfDevice = true
  }

  /// How long a child may be silent: some compilers take minutes.
  private static let limit: TimeInterval = 300

  private static func ask(_ device: DeviceDescription, about kind: MatrixUnit.Kind?)
    -> Result<Void, Refusal>
  {
    guard let executable = Bundle.main.executableURL else {
      return .failure(Refusal(text: "this program does not know its own file", isOfDevice: false))
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
      return .failure(Refusal(text: "\(error)", isOfDevice: false))
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
      let signal = process.terminationStatus
      return .failure(
        Refusal(
          text: signal == SIGKILL
            ? "it did not answer within \(Int(limit)) seconds, or was stopped"
            : "its driver ended the process (signal \(signal))"))
    }
    let lines = answer.split(whereSeparator: \.isNewline).map(String.init)
    if process.terminationStatus == 0, lines.contains(Examine.good) { return .success(()) }
    let last = lines.last ?? "it gave no answer"
    let isForNow = last.hasPrefix(Examine.notNow)
    return .failure(
      Refusal(
        text: isForNow ? String(last.dropFirst(Examine.notNow.count)) : last,
        isOfDevice: !isForNow))
  }
}
