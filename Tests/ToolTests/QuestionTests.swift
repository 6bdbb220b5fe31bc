// Every distillation answers two questions: at equal data, and at equal compute.
import Checks
import Foundation
import Storage
import Testing

@testable import Command
@testable import Experiments

@Suite struct QuestionTests {
  @Test func aControlAtEqualComputeDoesTheStudentsArithmetic() throws {
    let shop = try Workshop()
    let teacher = try shop.teacher()
    let run = try shop.run(
      [
        "distill", "--device", "reference", "--teacher", teacher, "--controls", "both", "--run",
        shop.path("run"),
      ] + shop.tiny(["student"], steps: 40))
    #expect(run.status == 0, "\(run.errors)")
    let verdict = try shop.json("run/verdict.json")
    let arms = verdict["arms"]
    func flops(_ arm: String) -> Double { arms?[arm]?["training_flops"]?.double ?? .nan }
    // The teacher's passes cost something, so that a control without them gets more steps.
    let steps = try #require(verdict["equal_compute"]?["control_steps"]?.int)
    #expect(steps > 44 && verdict["equal_data"]?["control_steps"]?.int == 40)
    #expect(abs(flops("control-compute") / flops("student") - 1) < 0.5 / Double(steps) + 1e-9)
    #expect(abs(flops("control") * Double(steps) / 40 - flops("control-compute")) < 1)
    // Its schedule is stretched to its steps: the rate ends where the student's ends.
    let (records, _) = try shop.metrics("run")
    func last(_ arm: String) -> JSON? { records.last { $0["arm"]?.string == arm } }
    #expect(last("control-compute")?["step"]?.int == steps)
    #expect(
      last("control-compute")?["learning_rate"]?.double == last("student")?["learning_rate"]?.double
    )
    // Student and controls are of one shape: one speed.
    for key in ["tokens_per_second", "milliseconds_per_new_token"] {
      let speeds = ["student", "control", "control-compute"].map { arms?[$0]?[key]?.double }
      #expect(speeds[0] != nil && Set(speeds).count == 1, "\(key): \(speeds)")
    }
  }

  @Test func eitherQuestionCanBeAskedAlone() throws {
    let shop = try Workshop()
    let run = try shop.run(
      ["distill", "--device", "reference", "--controls", "compute", "--run", shop.path("run")]
        + shop.tiny(["teacher", "student"]))
    #expect(run.status == 0 && run.output.contains("At equal compute "), "\(run.errors)")
    #expect(!run.output.contains("At equal data") && !shop.exists("run/control"))
    let wrong = try shop.run(
      ["distill", "--controls", "none"] + shop.tiny(["teacher", "student"]))
    #expect(wrong.status != 0 && wrong.errors.contains("distillation.controls"), "\(wrong.errors)")
  }

  @Test func studentAndControlsSeeASliceOfWhatTheTeacherReads() throws {
    let shop = try Workshop()
    let run = try shop.run(
      ["doctor", "--device", "reference", "--epochs", "3", "--set", "student.text_share=0.5"]
        + shop.tiny(["teacher", "student"]))
    #expect(run.output.contains("(student.text_share 0.5), the teacher all"), "\(run.output)")
    #expect(run.output.contains("the data are seen 3.0 times"), "\(run.output)")
    let all = try shop.run(
      ["doctor", "--device", "reference", "--set", "student.text_share=1"]
        + shop.tiny(["teacher", "student"]))
    #expect(all.status == 0 && !all.output.contains("student.text_share"), "\(all.output)")
  }
}
