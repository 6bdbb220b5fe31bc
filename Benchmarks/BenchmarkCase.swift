// What is timed: formulas of real sizes.
import Tensors

/// A formula with the work it stands for.
struct BenchmarkCase {
  let group: String
  let name: String
  let flopCount: Double
  let outputs: [Tensor]
  let inputs: [Tensor]

  /// The median and the spread of some runs, as one line.
  func measure(on device: any Device, runs: Int) throws -> String {
    let executor = try GraphExecutor(
      Graph(outputs: outputs), on: VariableStore(on: device, seed: 1))
    for input in inputs {
      try executor.set(
        input,
        to: Initializer.normal(standardDeviation: 1).values(input.type, seed: 1, name: "x"))
    }
    let seconds = try timed(runs: runs) {
      try executor.run()
      try device.finish()
    }
    let bytes = Double((inputs + outputs).reduce(0) { $0 + $1.type.byteCount })
    func round(_ x: Double) -> Double { (x * 100).rounded() / 100 }
    return "\(group)  \(name)  \(seconds.line)  "
      + "\(round(flopCount / seconds.median / 1e9)) GFLOP/s  "
      + "\(round(bytes / seconds.median / 1e9)) GB/s"
  }

  static var all: [BenchmarkCase] { matmuls + attentions + rows }

  private static var matmuls: [BenchmarkCase] {
    let shapes = [
      (1024, 1024, 1024), (2048, 1536, 384), (2048, 384, 1536), (4096, 256, 256),
      (4096, 1024, 256), (4096, 257, 256), (384, 1536, 2048), (256, 1024, 4096),
    ]
    return shapes.flatMap { m, n, k in
      [(false, false), (false, true), (true, false)].map { ta, tb in
        let a = Tensor.input("a", TensorType(ta ? [k, m] : [m, k]))
        let b = Tensor.input("b", TensorType(tb ? [n, k] : [k, n]))
        return BenchmarkCase(
          group: "matmul", name: "\(m) x \(n) x \(k) \(ta ? "T" : "N")\(tb ? "T" : "N")",
          flopCount: 2 * Double(m) * Double(n) * Double(k),
          outputs: [a.matmul(b, transposeSelf: ta, transposeOther: tb)], inputs: [a, b])
      }
    }
  }

  private static var attentions: [BenchmarkCase] {
    [(8, 256, 6, 64), (1, 2048, 6, 64), (32, 128, 4, 64)].flatMap { b, t, h, d in
      let type = TensorType([b, t, h, d])
      let q = Tensor.input("q", type)
      let k = Tensor.input("k", type)
      let v = Tensor.input("v", type)
      let out = q.attention(keys: k, values: v, isCausal: true)
      let flops = 2 * Double(b * h * d) * Double(t) * Double(t)
      let slopes = gradients(of: out.sum(), withRespectTo: [q, k, v])
      return [
        BenchmarkCase(
          group: "attention", name: "B\(b) T\(t) H\(h) D\(d) forward", flopCount: flops,
          outputs: [out], inputs: [q, k, v]),
        BenchmarkCase(
          group: "attention", name: "B\(b) T\(t) H\(h) D\(d) both", flopCount: 4.5 * flops,
          outputs: slopes, inputs: [q, k, v]),
      ]
    }
  }

  private static var rows: [BenchmarkCase] {
    let x = Tensor.input("x", TensorType([2048, 8192]))
    let gain = Tensor.input("gain", TensorType([8192]))
    func one(_ name: String, _ output: Tensor, _ inputs: [Tensor]) -> BenchmarkCase {
      BenchmarkCase(group: "rows", name: name, flopCount: 0, outputs: [output], inputs: inputs)
    }
    return [
      one("softmax", x.softmax(), [x]),
      one("rms norm", x.rmsNormalized(gain: gain, epsilon: 1e-6), [x, gain]),
      one("gelu", x.gelu(), [x]), one("silu", x.silu(), [x]), one("copy", x + 1, [x]),
    ]
  }
}
