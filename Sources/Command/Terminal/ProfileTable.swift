// The kernels of a training step as a table.
import Base
import Tensors

/// The kernels that take longest.
func table(_ profile: Profile, _ peaks: DevicePeaks?) -> String {
  let all = profile.kinds(peaks: peaks)
  let total = max(profile.seconds, 1e-12)
  func rate(_ amount: Double, _ kind: Profile.Kind) -> String {
    amount > 0 && kind.seconds > 0 ? fixed(amount / kind.seconds / 1e9, 1) : "-"
  }
  let rows = all.prefix(10).map { kind in
    [
      kind.name, "\(kind.launchCount)", fixed(kind.seconds * 1e3, 3),
      fixed(100 * kind.seconds / total, 1) + " %", rate(kind.flops, kind),
      rate(kind.bytes, kind), share(kind),
    ]
  }
  let rest = all.dropFirst(10)
  let others =
    rest.isEmpty
    ? []
    : [
      [
        "\(rest.count) others", "\(rest.reduce(0) { $0 + $1.launchCount })",
        fixed(rest.reduce(0) { $0 + $1.seconds } * 1e3, 3),
        fixed(100 * rest.reduce(0) { $0 + $1.seconds } / total, 1) + " %", "-", "-", "-",
      ]
    ]
  let sum = [
    "all", "\(profile.launches.count)", fixed(total * 1e3, 3), "100.0 %", "-", "-", "-",
  ]
  let header = ["kernel", "launches", "ms", "share", "GFLOP/s", "GB/s", "of peak"]
  return table([header] + rows + others + [sum])
}

/// The least time that the device allows, as a share of what it took. Small operands come from caches, which are faster
/// than the memory that the peak is that of.
private func share(_ kind: Profile.Kind) -> String {
  guard kind.bound > 0, kind.seconds > 0 else { return "-" }
  let share = kind.bound / kind.seconds
  return share > 1 ? "cached" : fixed(100 * share, 0) + " %"
}
