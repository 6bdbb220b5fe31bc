// Times that can be compared.
import Base

/// Medians of what some works return, such as seconds, over an odd number of `rounds` in which they take turns: whatever
/// else the machine does meets all alike. A round before the first is for compilation, and does not count.
package func medians(of works: [() throws -> Double], rounds: Int) throws -> [Double] {
  demand(rounds > 0 && rounds % 2 == 1, "a median needs an odd number of rounds")
  var values = works.map { _ in [Double]() }
  for round in 0...rounds {
    for (index, work) in works.enumerated() {
      let value = try work()
      if round > 0 { values[index].append(value) }
    }
  }
  return values.map { $0.sorted()[rounds / 2] }
}
