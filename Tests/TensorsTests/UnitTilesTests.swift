// Which tiles products on matrix units are cut into.
import OpenCLBackend
import Testing

@testable import Tensors

@Suite struct UnitTilesTests {
  private func tiles(
    _ kind: MatrixUnit.Kind, _ m: Int, _ n: Int, units: Int = 1, local: Int = 48 << 10,
    group: Int = 1024, isAligned: Bool = true, isEmulated: Bool = false
  ) -> UnitTiles {
    let traits = DeviceTraits(
      family: .gpu, vectorWidth: 4, lanes: 128, computeUnits: units, maximumWorkGroupSize: group,
      localMemoryBytes: local, memoryBytes: 1 << 40, maximumAllocationBytes: 1 << 40,
      alignmentBytes: 256)
    return MatrixUnit(kind, isEmulated: isEmulated)
      .tiles(m: m, n: n, batch: 1, isAligned: isAligned, on: traits)
  }

  private func sizes(_ tiles: UnitTiles) -> [Int] { [tiles.rows, tiles.columns, tiles.stages] }

  @Test func amperesTilesAreCopiedAsTheyLie() {
    #expect(sizes(tiles(.nvidia, 136, 264)) == [128, 128, 3])
    #expect(sizes(tiles(.nvidia, 136, 264, units: 6)) == [128, 128, 3])
    #expect(sizes(tiles(.nvidia, 136, 72, units: 4)) == [128, 64, 4])
    #expect(sizes(tiles(.nvidia, 136, 264, units: 20)) == [64, 64, 4])
    // With less local memory, and where ordinary instructions take some of it, there are fewer stages.
    #expect(sizes(tiles(.nvidia, 136, 264, local: 32 << 10)) == [64, 64, 4])
    let shown = tiles(.nvidia, 136, 264, local: 32 << 10, isEmulated: true)
    #expect(sizes(shown) == [64, 64, 2] && shown.isDirect)
    #expect(!tiles(.nvidia, 136, 264, local: 8 << 10).isDirect)
    #expect(!tiles(.nvidia, 136, 264, group: 64).isDirect)
  }

  @Test func othersPassThroughRegisters() {
    for kind in MatrixUnit.Kind.allCases where kind != .nvidia {
      #expect(!tiles(kind, 2048, 2048).isDirect, "\(kind)")
    }
    #expect(!tiles(.nvidia, 2048, 2048, isAligned: false).isDirect)
  }
}
