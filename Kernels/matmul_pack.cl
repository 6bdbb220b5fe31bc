// How a processor's product has its operands: A packed into tiles and B into panels, slice by slice of K.
#ifndef RETORT_MATMUL_PACK
#define RETORT_MATMUL_PACK
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

#endif
