// A product on few wide cores: A is packed into tiles and B into panels, and a work-item computes tiles of
// MR x (NV vectors) whose accumulators stay in registers; no barrier, no local memory.
#include "matmul_pack.cl"

// Values of k that are multiplied before the loop goes on: enough to hide it, and few, since compilers take long over more.
#if VECTOR < 8
#define STEP VECTOR
#else
#define STEP 8
#endif
// How far they lead in a packed tile, and from the last of a vector to the next one.
#if TRANSPOSE_A
#define LEFT_STEP (STEP * MR)
#define LEFT_REST 0
#else
#define LEFT_STEP STEP
#define LEFT_REST (VECTOR * MR - VECTOR)
#endif

// sum[r][v] += left(r, k) right[k][v]
#define MULTIPLY(left, right, k) \
  { \
    FLOATV right_[NV]; \
    _Pragma("unroll") for (int v = 0; v < NV; v++) right_[v] = LOAD((right) + (k) * PANEL + v * VECTOR); \
    _Pragma("unroll") for (int r = 0; r < MR; r++) { \
      const FLOATV value = (FLOATV)(A_ELEMENT(left, r, k)); \
      _Pragma("unroll") for (int v = 0; v < NV; v++) sum[r][v] = MAD(value, right_[v], sum[r][v]); \
    } \
  }

// 1 where A comes packed; 0 where a work-item packs what it needs, which is better where it has all panels.
#ifndef PACKED
#define PACKED 1
#endif
#if PACKED
#define LEFT_TYPE float
#else
#define LEFT_TYPE A_TYPE
#endif

// 1 where K comes in pieces: sums [batch, tiles, panels, MR, PANEL] has what the pieces before gave.
#ifndef PIECES_OF_K
#define PIECES_OF_K 0
#endif
#if PIECES_OF_K
#define SUMS_PARAMETER , __global float* sums
#define SUMS(tile, panel) (sums + (((size_t)batch * tiles + (tile)) * panels + (panel) - from_panel) * MR * PANEL)
#else
#define SUMS_PARAMETER
#endif

// a: as packed, or as it is; b: packed [batch, slices, panels, depth, PANEL] (one batch for all where
// b_stride is 0); c: [batch, M, N]. A work-item owns block_tiles x block_panels tiles of one batch; the next
// work-item reads the same tiles of A, which the second cache still has.
VECTOR_KERNEL matmul_panels(__global const LEFT_TYPE* a, __global const float* b, __global C_TYPE* c,
                            const int M, const int N, const int K, const int block_tiles,
                            const int block_panels, const int b_stride,
                            PIECE_PARAMETERS SUMS_PARAMETER EPILOGUE_PARAMETERS) {
  const int batch = get_global_id(2);
  const int panels = to_panel - from_panel, tiles = (M + MR - 1) / MR;
  const int tile_first = get_global_id(1) * block_tiles;
  const int tile_last = min(tiles, tile_first + block_tiles);
  const int panel_first = from_panel + get_global_id(0) * block_panels;
  const int panel_last = min(to_panel, panel_first + block_panels);
#if PACKED
  a += (size_t)batch * PADDED(to_k - from_k) * tiles * MR;
#else
  a += (size_t)batch * M * K;
  float slices[OWN_TILES][DEPTH * MR] __attribute__((aligned(64)));
#endif
  b += (size_t)batch * b_stride * (to_k - from_k) * panels * PANEL;
  FLOATV partial[BLOCK_SIZE][MR][NV];
  for (int k0 = from_k; k0 < max(to_k, 1); k0 += DEPTH) {
    const int depth = min(DEPTH, to_k - k0), whole = depth / VECTOR * VECTOR;
    const int is_last = k0 + DEPTH >= K;
#if !PACKED
#define SLICE_OF_OWN(tile) slices[(tile) - tile_first]
    PACK_TILES(SLICE_OF_OWN, tile_first, tile_last, k0, k0 + depth)
#endif
    // A slice of a panel stays in the first cache while all tiles pass by.
    for (int panel = panel_first; panel < panel_last; panel++) {
      const int n0 = panel * PANEL;
      for (int tile = tile_first; tile < tile_last; tile++) {
        const int m0 = tile * MR;
#if PACKED
        __global const float* left = a + ((size_t)(k0 - from_k) * tiles + (size_t)tile * PADDED(depth)) * MR;
#else
        const float* left = SLICE_OF_OWN(tile);
#endif
        __global const float* right =
            b + ((size_t)(k0 - from_k) * panels + (size_t)(panel - from_panel) * depth) * PANEL;
        FLOATV(*kept)[NV] = partial[(tile - tile_first) * block_panels + panel - panel_first];
        FLOATV sum[MR][NV];
        if (k0 == 0) {
#pragma unroll
          for (int r = 0; r < MR; r++) {
#pragma unroll
            for (int v = 0; v < NV; v++) sum[r][v] = (FLOATV)(0.0f);
          }
#if PIECES_OF_K
        } else if (k0 == from_k) {
#pragma unroll
          for (int r = 0; r < MR; r++) {
#pragma unroll
            for (int v = 0; v < NV; v++) sum[r][v] = LOAD(SUMS(tile, panel) + r * PANEL + v * VECTOR);
          }
#endif
        } else {
#pragma unroll
          for (int r = 0; r < MR; r++) {
#pragma unroll
            for (int v = 0; v < NV; v++) sum[r][v] = kept[r][v];
          }
        }
        // Pointers that move, so that every offset from them is a constant.
        for (int k = 0; k < whole; k += VECTOR, left += LEFT_REST) {
#pragma nounroll
          for (int i = 0; i < VECTOR; i += STEP, left += LEFT_STEP, right += STEP * PANEL) {
#pragma unroll
            for (int j = 0; j < STEP; j++) MULTIPLY(left, right, j)
          }
        }
#pragma nounroll
        for (int k = 0; k < depth - whole; k++) MULTIPLY(left, right, k)
#if PIECES_OF_K
        if (!is_last && k0 + DEPTH >= to_k) {
#pragma unroll
          for (int r = 0; r < MR; r++) {
#pragma unroll
            for (int v = 0; v < NV; v++) STORE(sum[r][v], SUMS(tile, panel) + r * PANEL + v * VECTOR);
          }
          continue;
        }
#endif
        const bool is_whole = is_last && n0 + PANEL <= N;
#if !HAS_EPILOGUE
        if (is_whole) {
#pragma unroll
          for (int r = 0; r < MR; r++) {
            const uint row = ((uint)batch * M + m0 + r) * (uint)N + n0;
            if (m0 + r >= M) continue;
#pragma unroll
            for (int v = 0; v < NV; v++) STORE(sum[r][v], c + row + v * VECTOR);
          }
          continue;
        }
#endif
#pragma unroll
        for (int r = 0; r < MR; r++) {
#pragma unroll
          for (int v = 0; v < NV; v++) kept[r][v] = sum[r][v];
        }
        if (!is_last) continue;
        if (is_whole) {
          // An epilogue may be long: from memory one copy of its code is enough.
#pragma nounroll
          for (int r = 0; r < min(MR, M - m0); r++) {
            const uint row = ((uint)batch * M + m0 + r) * (uint)N + n0;
#pragma nounroll
            for (int v = 0; v < NV; v++) {
              STORE(EPILOGUE_VECTOR(kept[r][v], row + v * VECTOR), c + row + v * VECTOR);
            }
          }
          continue;
        }
        // The last columns, from memory: one copy of this code is enough.
#pragma nounroll
        for (int r = 0; r < min(MR, M - m0); r++) {
          const float* rest = (const float*)kept[r];
          const uint row = ((uint)batch * M + m0 + r) * (uint)N + n0;
#pragma nounroll
          for (int n = 0; n0 + n < N; n++) STORE_ONE(EPILOGUE(rest[n], row + n), c + row + n);
        }
      }
    }
  }
}
