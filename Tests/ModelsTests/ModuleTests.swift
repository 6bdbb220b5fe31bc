// What a struct of layers is made of.
import Layers
import Tensors
import Testing

@Suite struct ModuleTests {
  private struct Part: Module {
    let weight = Tensor.variable([2], .zeros)
  }

  private struct Whole: Module {
    let inProj = Linear(2, 3)
    let parts = [Part(), Part()]
    let maybe: Part? = Part()
    let none: Part? = nil
    let grid = [[Part()], [Part(), Part()]]
    let some: [Part?] = [nil, Part()]
    let tensors: [Tensor] = [.variable([3], .ones), .constant(1), .variable([4], .ones)]
    // None of these holds layers.
    let numbers = [1.0, 2.0]
    let sizes = (2, 3)
    let names = ["a": 1]
    let formula: @Sendable (Tensor) -> Tensor = { $0 * 2 }
  }

  @Test func everyVariableHasThePathOfItsProperty() {
    let names = Whole().parameters(prefix: "m").map(\.name)
    #expect(
      names == [
        "m.in_proj.weight", "m.in_proj.bias", "m.parts.0.weight", "m.parts.1.weight",
        "m.maybe.weight", "m.grid.0.0.weight", "m.grid.1.0.weight", "m.grid.1.1.weight",
        "m.some.1.weight", "m.tensors.0", "m.tensors.2",
      ])
    #expect(Whole().parameterCount == 6 + 3 + 2 * 7 + 3 + 4)
  }

  private struct Tied: Module {
    let table: Embedding
    let head: Tensor

    init() {
      table = Embedding(5, 2)
      head = table.weight
    }
  }

  @Test func aVariableOfTwoPropertiesCountsOnce() {
    #expect(Tied().parameters().map(\.name) == ["table.weight"] && Tied().parameterCount == 10)
  }
}
