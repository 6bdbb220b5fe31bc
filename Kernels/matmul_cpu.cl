// A product on few wide cores: A is packed into tiles and B into panels, and a work-item computes tiles of
// MR x (NV vectors) whose accumulators stay in registers; no barrier, no local memory.
#include "matmul.cl"

// Rows and vectors of a tile: 12 x 2 of 16 floats fill AVX-512's registers, 6 x 2 of 8 AVX2's.
#ifndef MR
#define MR 12
#endif
#ifndef NV
#define NV 2
#endif
#define PANEL (NV * VECTOR)

// Values of k in a slice. Both operands are packed slice by slice, so that what a work-item reads in one
// slice lies together.
#ifndef DEPTH
#define DEPTH 256
#endif
// The most tiles of C of a work-item, and the most tiles of A that it packs itself.
#ifndef BLOCK_SIZE
#define BLOCK_SIZE 192
#endif
#ifndef OWN_TILES
#define OWN_TILES 16
#endif

// Element (r, k) of a packed tile's slice. Stored rows keep VECTOR neighbours together, so that they are
// packed as vectors; stored columns stay columns.
#if TRANSPOSE_A
#define A_ELEMENT(tile, r, k) tile[(k) * MR + (r)]
#else
#define A_ELEMENT(tile, r, k) tile[(k) / VECTOR * VECTOR * MR + (r) * VECTOR + (k) % VECTOR]
#endif
// Values of k in a packed tile's slice: whole vectors.
#define PADDED(depth) (((depth) + VECTOR - 1) / VECTOR * VECTOR)

// A large right operand is packed and multiplied a piece at a time: panels from_panel to to_panel of the
// values of k from from_k, which begins a slice, to to_k.
#define PIECE_PARAMETERS const int from_panel, const int to_panel, const int from_k, const int to_k

// packed[slice][p][k][w] = x(k, p PANEL + w), 0 beyond the extent, for a piece's slices and panels; x is
// [K, extent], or [extent, K] where TRANSPOSE_B. A work-item packs `run` values of k, all of one slice, of
// `panel_run` panels.
VECTOR_KERNEL matmul_pack_right(__global const X_TYPE* x, __global float* packed, const int extent,
                                const int K, const int panel_run, const int run, PIECE_PARAMETERS) {
  const int panels = to_panel - from_panel;
  const int first = from_k + get_global_id(1) * run, last = min(to_k, first + run);
  const int k0 = first / DEPTH * DEPTH, depth = min(DEPTH, to_k - k0);
  const int panel_first = from_panel + get_global_id(0) * panel_run;
  const int panel_last = min(to_panel, panel_first + panel_run);
  x += (size_t)get_global_id(2) * extent * K;
  packed += ((size_t)get_global_id(2) * (to_k - from_k) + k0 - from_k) * panels * PANEL;
#if TRANSPOSE_B
  for (int panel = panel_first; panel < panel_last; panel++) {
    const int start = panel * PANEL, filled = min(PANEL, extent - start);
    __global float* to = packed + ((size_t)(panel - from_panel) * depth + first - k0) * PANEL;
    int w = 0;
    // Four rows of x at a time become four columns.
    for (; w + 4 <= filled; w += 4) {
      ROW_TYPE(X_TYPE) a = row_of(x, start + w, K);
      ROW_TYPE(X_TYPE) b = row_of(x, start + w + 1, K);
      ROW_TYPE(X_TYPE) c = row_of(x, start + w + 2, K);
      ROW_TYPE(X_TYPE) d = row_of(x, start + w + 3, K);
      int k = first;
      for (; k + 4 <= last; k += 4) {
        store_transposed(load_4_at(a, k), load_4_at(b, k), load_4_at(c, k), load_4_at(d, k),
                         to + (size_t)(k - first) * PANEL + w, PANEL);
      }
      for (; k < last; k++) {
        vstore4((float4)(load_one_at(a, k), load_one_at(b, k), load_one_at(c, k), load_one_at(d, k)), 0,
                to + (size_t)(k - first) * PANEL + w);
      }
    }
    for (; w < PANEL; w++) {
      ROW_TYPE(X_TYPE) from = row_of(x, start + min(w, filled - 1), K);
      for (int k = first; k < last; k++) {
        to[(size_t)(k - first) * PANEL + w] = w < filled ? load_one_at(from, k) : 0.0f;
      }
    }
  }
#else
  for (int k = first; k < last; k++) {
    ROW_TYPE(X_TYPE) from = row_of(x, k, extent);
    for (int panel = panel_first; panel < panel_last; panel++) {
      const int start = panel * PANEL, filled = min(PANEL, extent - start);
      __global float* to = packed + ((size_t)(panel - from_panel) * depth + k - k0) * PANEL;
      if (filled == PANEL) {
#pragma unroll
        for (int v = 0; v < NV; v++) STORE(load_at(from, start + v * VECTOR), to + v * VECTOR);
      } else {
        for (int w = 0; w < PANEL; w++) to[w] = w < filled ? load_one_at(from, start + w) : 0.0f;
      }
    }
  }
#endif
}

// Writes a(tile MR + r, k) for k in [first, last) to element (r, k - k0) of the slice at SLICE(tile), for
// some tiles; rows beyond M repeat the last one and are not stored in the end.
#if TRANSPOSE_A
#define PACK_TILES(SLICE, tile_first, tile_last, first, last) \
  for (int k = first; k < last; k++) { \
    for (int tile = tile_first; tile < tile_last; tile++) { \
      const int m0 = tile * MR; \
      __global const A_TYPE* from = a + (size_t)k * M + m0; \
      if (m0 + MR <= M) { \
        _Pragma("unroll") for (int r = 0; r < MR; r += 2) { \
          vstore2(load_2(from + r), 0, SLICE(tile) + (k - k0) * MR + r); \
        } \
      } else { \
        for (int r = 0; r < MR; r++) { \
          SLICE(tile)[(k - k0) * MR + r] = LOAD_ONE(from + min(r, M - 1 - m0)); \
        } \
      } \
    } \
  }
#else
#define PACK_TILES(SLICE, tile_first, tile_last, first, last) \
  for (int tile = tile_first; tile < tile_last; tile++) { \
    for (int r = 0; r < MR; r++) { \
      __global const A_TYPE* from = a + (size_t)min(tile * MR + r, M - 1) * K + k0; \
      int k = first - k0; \
      for (; k + VECTOR <= last - k0; k += VECTOR) { \
        STORE(LOAD(from + k), SLICE(tile) + k * MR + r * VECTOR); \
      } \
      for (; k < last - k0; k++) A_ELEMENT(SLICE(tile), r, k) = LOAD_ONE(from + k); \
    } \
  }
#endif

// Packs a piece's values of k of A: [batch, M, K] or [batch, K, M]. A work-item packs `run` values of k, all
// of one slice and but for the last whole vectors, of `tile_run` tiles.
// packed: [batch, slices, tiles, PADDED(depth) MR]
VECTOR_KERNEL matmul_pack_left(__global const A_TYPE* a, __global float* packed, const int M,
                               const int K, const int tile_run, const int run, PIECE_PARAMETERS) {
  const int tiles = (M + MR - 1) / MR;
  const int first = from_k + get_global_id(1) * run, last = min(to_k, first + run);
  const int k0 = first / DEPTH * DEPTH, depth = min(DEPTH, to_k - k0);
  const int tile_first = get_global_id(0) * tile_run;
  const int tile_last = min(tiles, tile_first + tile_run);
  a += (size_t)get_global_id(2) * M * K;
  packed += ((size_t)get_global_id(2) * PADDED(to_k - from_k) + k0 - from_k) * tiles * MR;
#define SLICE_OF_ALL(tile) (packed + (size_t)(tile) * PADDED(depth) * MR)
  PACK_TILES(SLICE_OF_ALL, tile_first, tile_last, first, last)
}

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
