// A verdict says no more than it knows.
import Distillation
import Testing

@testable import retort

@Suite struct VerdictWordsTests {
  /// A verdict on rows whose control is worse by some amount, one amount for each seed.
  private func verdict(_ shifts: Double...) -> Verdict {
    let control = (0..<100).map { 2 + 0.01 * Double($0 % 3) }
    return Verdict(
      shifts.map { shift in
        (control.enumerated().map { $1 - shift - 1e-4 * Double($0 % 2) }, control)
      })
  }

  private func sentence(_ verdict: Verdict) -> String {
    verdict.sentence(unit: "nats/token", rows: "windows")
  }

  @Test func oneSeedIsOneSeed() {
    let one = sentence(verdict(0.1))
    #expect(one.hasPrefix("The distilled student BEATS (one seed) the control: "), "\(one)")
    #expect(one.hasSuffix("not of the seed: --seeds 3 covers both."), "\(one)")
    #expect(sentence(verdict(-0.1)).contains("DOES NOT BEAT (one seed)"))
    #expect(sentence(verdict(-5e-5)).contains("is INCONCLUSIVE (one seed): "))
    let three = sentence(verdict(0.1, 0.11, 0.09))
    #expect(three.contains("BEATS the control") && three.hasSuffix("windows, 3 seeds."), "\(three)")
    #expect(sentence(verdict(0.1, 0.11)).contains("one degree of freedom"))
  }

  @Test func whoIsNoBetterIsToldWhatToTry() {
    #expect(verdict(-0.1).advice?.contains("distillation.alpha") == true)
    #expect(verdict(0.1).advice == nil && verdict(-5e-5).advice == nil)
  }

  @Test(
    arguments: [
      (0.5, "It closes 50 % of the gap"), (1.1, "It is as good as its teacher."),
      (-0.37, "The student is further from the teacher than the control."),
      (nil, "The teacher is no better than the control on this text."),
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
    #expect(finding(49, 1).level == .warning && finding(49, 1).text.contains("so few"))
    #expect(finding(2000, 2).level == .warning && finding(2000, 2).text.contains("12.7"))
  }
}
