// What moves bytes: the optimizer, copies, rows of tables.
import OpenCLBackend
import Tensors
import Training

enum MemoryCases {
  static var all: [BenchmarkCase] {
    [
      adamW(8_600_000, "student"), adamW(124_000_000, "gpt2-small"), copy, transpose,
    ] + rowsOfTables
  }

  /// One update of `count` parameters, gradient norm and clipping included.
  private static func adamW(_ count: Int, _ model: String) -> BenchmarkCase {
    let parameter = Tensor.variable([count / 1000, 1000], .ones)
    // Reads parameter, gradient (twice, once for its norm) and moments, writes all but the gradient.
    return BenchmarkCase(
      group: .optimizer, operation: "adamw", model: model, sizes: ["parameters": count],
      flopCount: 0, byteCount: 4 * 8 * Double(count)
    ) { device in
      let store = VariableStore(on: device, seed: 1)
      try store.declare("parameter", parameter)
      let gradient = Tensor.input("gradient", parameter.type)
      let optimizer = try ParameterUpdate(
        OptimizerOptions(), parameters: [("parameter", parameter)], gradients: [gradient],
        store: store)
      let executor = try GraphExecutor(
        Graph(outputs: [], assignments: optimizer.assignments), on: store)
      try executor.set(gradient, to: someData(gradient.type, 1))
      try executor.set(optimizer.step, to: OptimizerOptions().stepNumbers(step: 1, of: 100))
      return PreparedCase(run: { try executor.run() }, profile: executor.profiledRun)
    }
  }

  private static var copy: BenchmarkCase {
    let x = Tensor.input("x", TensorType([2048, 8192]))
    return BenchmarkCase(
      .memory, "add a number", model: "", ["rows": 2048, "columns": 8192], inputs: [x],
      outputs: [x + 1])
  }

  private static var transpose: BenchmarkCase {
    let x = Tensor.input("x", TensorType([8, 256, 12, 64]))
    return BenchmarkCase(
      .memory, "transpose middle axes", model: "", ["b": 8, "t": 256, "h": 12, "d": 64],
      inputs: [x], outputs: [x.transposed(1, 2)])
  }

  /// Rows of an embedding, and the gradient of the table.
  private static var rowsOfTables: [BenchmarkCase] {
    [(2048, 8192, 384), (2048, 151_936, 896)].flatMap { count, rows, columns in
      let table = Tensor.input("table", TensorType([rows, columns]))
      let ids = Tensor.input("ids", TensorType([count], .int32))
      let slope = Tensor.input("slope", TensorType([count, columns]))
      let taken = table.gathered(ids)
      let sizes: KeyValuePairs = ["count": count, "rows": rows, "columns": columns]
      let moved = 2 * Double(taken.type.byteCount + ids.type.byteCount)
      func one(
        _ operation: String, _ inputs: [Tensor], _ outputs: [Tensor], _ byteCount: Double
      ) -> BenchmarkCase {
        let item = BenchmarkCase(
          .memory, operation, model: "", sizes, inputs: inputs, integersBelow: rows,
          outputs: outputs)
        return BenchmarkCase(
          group: .memory, operation: operation, model: "", sizes: sizes, flopCount: 0,
          byteCount: byteCount, prepare: item.prepare)
      }
      return [
        one("gather", [table, ids], [taken], moved),
        one(
          "gradient of gather", [table, ids, slope],
          slopes(of: taken, given: slope, withRespectTo: [table]),
          moved / 2 + Double(table.type.byteCount)),
      ]
    }
  }
}
