// A verdict says no more than it knows.
import Distillation
import Testing

@testable import Command
@testable import Experiments

@Suite struct VerdictWordsTests {
  /// A verdict on rows whose control is worse by some amount, one amount for each seed.
  private func verdict(_ shifts: Double...) -> Verdict {
    let control = (0..<100).map { 2 + 0.01 * Double($0 % 3) }
    return Verdict(
      shifts.map { shift in
        (control.enumerated().map { $1 - shift - 1e-4 * Double($0 % 2) }, control)
      })
  }

  private func answers(
    _ data: Verdict, _ compute: Verdict? = nil, remedy: String? = nil
  ) -> Answers {
    let asked: [(Question, Verdict?)] = [(.data, data), (.compute, compute)]
    return Answers(
      answers: asked.compactMap { question, verdict in
        verdict.map { .init(question: question, verdict: $0, controlSteps: 7) }
      }, Measure(quality: "", unit: "nats/token", rows: "windows", remedy: remedy), declined: "")
  }

  private func lines(_ verdict: Verdict) -> [String] { answers(verdict).sentences }

  @Test func oneSeedIsOneSeed() {
    let one = lines(verdict(0.1))
    #expect(one[0].hasPrefix("At equal data the distilled student BEATS (one seed) the control: "))
    #expect(
      one.last?.hasSuffix("not of the seed: three seeds (seeds=3) cover both.") == true, "\(one)")
    #expect(lines(verdict(-0.1))[0].contains("DOES NOT BEAT (one seed)"))
    #expect(lines(verdict(-5e-5))[0].contains("is INCONCLUSIVE (one seed): "))
    let three = lines(verdict(0.1, 0.11, 0.09))
    #expect(three.count == 1 && three[0].contains("BEATS the control"), "\(three)")
    #expect(three[0].hasSuffix("windows, 3 seeds."))
    #expect(lines(verdict(0.1, 0.11)).last?.contains("one degree of freedom") == true)
  }

  @Test func eachQuestionHasItsAnswer() throws {
    let both = answers(verdict(0.1, 0.11, 0.09), verdict(-0.1, -0.11, -0.09))
    #expect(both.sentences.count == 3)
    #expect(both.sentences[1].hasPrefix("At equal compute the distilled student DOES NOT BEAT "))
    #expect(both.sentences[2].contains("a cache of it"))
    #expect(both.fields.map(\.key) == ["equal_data", "equal_compute"])
    let none = Answers(
      answers: [], Measure(quality: "", unit: "", rows: ""), declined: "no time")
    #expect(none.sentences[0].contains("(no time)") && none.fields[0].key == "without_control")
  }

  @Test func whoIsNoBetterIsToldWhatToTry() {
    #expect(answers(verdict(-0.1)).advice?.hasSuffix("more steps, or a larger student.") == true)
    let told = answers(verdict(-0.1), remedy: "a lower distillation.alpha").advice
    #expect(told == "What to try: a lower distillation.alpha.")
    #expect(answers(verdict(0.1)).advice == nil && answers(verdict(-5e-5)).advice == nil)
  }

  @Test(
    arguments: [
      (0.5, "The student closes 50 % of the gap"), (1.1, "The student is as good as its teacher."),
      (-0.37, "The student's loss is above that control's"),
      (nil, "The teacher is no better than the control on this data."),
    ] as [(Double?, String)]) func noShareOfAGapIsNegative(gapClosed: Double?, words: String)
  {
    let said = standing(gapClosed: gapClosed)
    #expect(said.hasPrefix(words) && !said.contains("-"), "\(said)")
  }

  @Test func fewRowsAndTwoSeedsAreWarnedOf() {
    func finding(_ rows: Int, _ seeds: Int) -> Finding {
      Evidence(rowCount: rows, rows: "windows", seeds: seeds).findings()[0]
    }
    #expect(finding(50, 1).level == .fine && finding(50, 3).text.hasSuffix("and 3 seeds"))
    #expect(finding(49, 1).level == .warning && finding(49, 1).text.contains("So few"))
    #expect(finding(2000, 2).level == .warning && finding(2000, 2).text.contains("12.7"))
  }
}
