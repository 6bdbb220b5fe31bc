import Base
// What a person sees, on terminals of some widths and in files.
import Checks
import Foundation
import Storage
import Testing

@testable import Command
@testable import Experiments

@Suite struct TerminalTests {
  private func doctor(_ shop: Workshop) -> [String] {
    ["doctor", "--device", "reference"] + shop.tiny(["teacher", "student"])
  }

  @Test(arguments: [80, 200]) func aRunFitsTheTerminal(columns: Int) throws {
    let shop = try Workshop()
    let (status, screen, _) = try shop.runOnTerminal(
      ["distill", "--device", "reference", "--run", "run"] + shop.tiny(["teacher", "student"]),
      columns: columns)
    #expect(status == 0, "\(screen.text)")
    // A line that is as wide as the screen was broken by the terminal and not by the tool, but for what a model wrote.
    let own = screen.lines.filter { !$0.contains("|") }
    #expect(own.allSatisfy { $0.count <= columns }, "\(screen.text)")
    #expect(own.contains { $0.hasPrefix("[1/4] teacher [####################] 4/4 loss ") })
    // At 200 columns arms are rows; at 80 they stand side by side.
    let header = try #require(own.first { $0.contains(/\ \ (student|parameters)\ \ /) })
    #expect(header.contains("  parameters") == (columns == 200), "\(header)")
    #expect(own.contains { $0.hasPrefix("At equal data ") })
    // Words are whole at the ends of lines.
    let text = own.map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    #expect(text.contains("Everything is in run; open report.html there."), "\(text)")
    #expect(text.contains("paired held-out windows"), "\(text)")
  }

  @Test func noSilenceIsLongerThanThreeSeconds() throws {
    let shop = try Workshop()
    let start = ContinuousClock.now
    // A step of this model takes longer than that on the reference device.
    let (status, screen, silence) = try shop.runOnTerminal(
      [
        "train", "--device", "reference", "--force", "--run", "run", "--steps", "1", "--set",
        "data.judged_tokens=128", "--set", "data.held_out=0.001", "--set", "model.width=128",
        "--set", "model.mlp_width=344", "--set", "data.sequence_length=64",
      ], columns: 100)
    #expect(status == 0, "\(screen.text)")
    #expect(.now - start > .seconds(3) && silence < .seconds(3), "\(silence)")
  }

  @Test func findingsHaveColoursWhereTheyAreWanted() throws {
    let shop = try Workshop()
    let plain = try shop.run(doctor(shop))
    #expect(plain.status == 0 && !plain.output.contains("\u{1B}"), "\(plain.output)")
    #expect(plain.output.contains("\nok       "))
    let coloured = try shop.runOnTerminal(doctor(shop), columns: 100).screen
    #expect(coloured.styles.contains("32"), "\(coloured.text)")
    #expect(coloured.lines.contains { $0.hasPrefix("ok       ") })
    // Lines that go on are set in under the words that they go on with.
    #expect(
      coloured.lines.contains { $0.hasPrefix("         ") && $0.count <= 100 },
      "\(coloured.text)")
    for environment in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
      let styles = try shop.runOnTerminal(doctor(shop), columns: 100, environment).screen.styles
      #expect(styles.isEmpty, "\(environment)")
    }
  }

  @Test func whatIsPipedSaysEveryTenth() throws {
    let shop = try Workshop()
    let arguments =
      ["train", "--device", "reference"] + shop.tiny(["model"], steps: 100)
      + ["--set", "training.log_interval=1"]
    let run = try shop.run(arguments + ["--run", shop.path("run")])
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.errors.split(separator: "\n").filter { $0.hasPrefix("model ") }
    #expect((10...12).contains(lines.count), "\(run.errors)")
    for tenth in 1...10 {
      #expect(lines.contains { $0.hasPrefix("model \(10 * tenth)/100 loss ") }, "\(run.errors)")
    }
    let quiet = try shop.run(arguments + ["--run", shop.path("quiet"), "--quiet"])
    // A warning of the tiny text may stand there, but no progress.
    #expect(quiet.status == 0 && !quiet.errors.contains("/100"), "\(quiet.errors)")
    #expect(
      !quiet.errors.contains("\nok ")
        && quiet.output == run.output.replacing("/run/", with: "/quiet/"))
  }

  @Test func numbersAreThereForPrograms() throws {
    let shop = try Workshop()
    func json(_ arguments: [String]) throws -> JSON {
      let run = try shop.run(arguments + ["--json"])
      #expect(run.status == 0, "\(run.errors)")
      return try JSON(parsing: Data(run.output.utf8))
    }
    let devices = try json(["devices"])["devices"]?.array ?? []
    #expect(devices.last?["device"]?.string == "reference")
    let findings = try json(doctor(shop))["findings"]?.array ?? []
    #expect(
      findings.count > 4
        && findings.allSatisfy { $0["level"]?.string == "ok" || $0["level"]?.string == "warning" })
    let teacher = try shop.teacher()
    let model = try json(["inspect", teacher])
    #expect(
      model["model_type"]?.string == "llama" && model["configuration"]?["hidden_size"]?.int == 8)
    let tensors = model["tensors"]?.array ?? []
    #expect(model["parameters"]?.int == tensors.reduce(0) { $0 + ($1["numbers"]?.int ?? 0) })
    let text = shop.path("text")
    let result = try json(["evaluate", "--device", "reference", "--model", teacher, "--data", text])
    let nats = try #require(result["nats_per_token"]?.double)
    #expect(abs(exp(nats) - (result["perplexity"]?.double ?? 0)) < 1e-9)
    let made = try json([
      "generate", "--device", "reference", "--model", teacher, "--prompt", "Say", "--count", "5",
    ])
    #expect(made["new_tokens"]?.int == 5 && made["finish_reason"]?.string == "length")
    #expect(made["prompt"]?.string == "Say" && made["completion"]?.string?.isEmpty == false)
  }

  @Test func tablesFold() {
    let rows = [
      ["", "parameters", "nats/token"], ["teacher", "626,688", "1.8870"],
      ["student", "115,584", "2.0687"], ["control", "115,584", "2.1974"],
    ]
    #expect(table(rows, width: 31) == table(rows, width: nil))
    #expect(
      table(rows, width: 30) == """
                    teacher  student
        parameters  626,688  115,584
        nats/token   1.8870   2.0687

                    control
        parameters  115,584
        nats/token   2.1974
        """)
    #expect(
      table([["device", "name"], ["0:0", "a very long name of a device"]], width: 22) == """
        0:0
          name:
            a very long name
            of a device
        """)
    // Wide characters take two columns.
    #expect(table([["教师", "1"], ["ab", "22"]], width: nil) == "教师   1\nab    22")
  }

  @Test(arguments: [
    (90, "student [##########..........] 125/250 loss 0.326  ce 2.052  46,376 tokens/s 10s left"),
    (75, "student [####.....] 125/250 loss 0.326  ce 2.052  46,376 tokens/s 10s left"),
    (60, "student [#####......] 125/250 loss 0.326  ce 2.052 10s left"),
    (30, "student 125/250 10s left"), (20, "student 125/250 10…"),
  ]) func progressFits(width: Int, expected: String) {
    let line = ProgressLine.line(
      "student", share: 0.5, "125/250", "loss 0.326  ce 2.052  46,376 tokens/s", "10s left",
      width: width)
    #expect(line == expected)
    #expect(displayWidth(line) < width)
  }

  @Test func somethingIsCounted() {
    #expect(counted(1, "step") == "1 step" && counted(0, "step") == "0 steps")
    #expect(counted(1200, "entry", "entries") == "1,200 entries")
  }
}
