// A product on few wide cores: B is packed into panels, and a work-item computes tiles of
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

// packed[p][k][w] = x(k, p PANEL + w), 0 beyond the extent; x is [depth, extent], or
// [extent, depth] where TRANSPOSE_B. A work-item packs `run` values of k of `panel_run` panels.
// packed: [batch, panels, depth, PANEL]
__kernel void matmul_pack(__global const float* x, __global float* packed, const int extent,
                          const int depth, const int panel_run, const int run) {
  const int panels = (extent + PANEL - 1) / PANEL;
  const int first = get_global_id(1) * run, last = min(depth, first + run);
  const int panel_first = get_global_id(0) * panel_run;
  const int panel_last = min(panels, panel_first + panel_run);
  x += (size_t)get_global_id(2) * extent * depth;
  packed += (size_t)get_global_id(2) * panels * depth * PANEL;
#if TRANSPOSE_B
  for (int panel = panel_first; panel < panel_last; panel++) {
    __global float* to = packed + (size_t)panel * depth * PANEL;
    const int start = panel * PANEL, filled = min(PANEL, extent - start);
    int w = 0;
    for (; w + 4 <= filled; w += 4) {
      __global const float* a = x + (size_t)(start + w) * depth;
      __global const float *b = a + depth, *c = b + depth, *d = c + depth;
      int k = first;
      for (; k + 4 <= last; k += 4) {
        store_transposed(vload4(0, a + k), vload4(0, b + k), vload4(0, c + k), vload4(0, d + k),
                         to + (size_t)k * PANEL + w, PANEL);
      }
      for (; k < last; k++) vstore4((float4)(a[k], b[k], c[k], d[k]), 0, to + (size_t)k * PANEL + w);
    }
    for (; w < PANEL; w++) {
      __global const float* from = x + (size_t)(start + min(w, filled - 1)) * depth;
      for (int k = first; k < last; k++) to[(size_t)k * PANEL + w] = w < filled ? from[k] : 0.0f;
    }
  }
#else
  for (int k = first; k < last; k++) {
    for (int panel = panel_first; panel < panel_last; panel++) {
      const int start = panel * PANEL, filled = min(PANEL, extent - start);
      __global const float* from = x + (size_t)k * extent + start;
      __global float* to = packed + ((size_t)panel * depth + k) * PANEL;
      if (filled == PANEL) {
#pragma unroll
        for (int v = 0; v < NV; v++) STORE(LOAD(from + v * VECTOR), to + v * VECTOR);
      } else {
        for (int w = 0; w < PANEL; w++) to[w] = w < filled ? from[w] : 0.0f;
      }
    }
  }
#endif
}

// Values of k between two visits of a tile: a slice of A stays in the first cache, one of B and the
// partial sums in the second.
#ifndef DEPTH
#define DEPTH 256
#endif
// The most tiles and panels of a work-item.
#ifndef BLOCK_TILES
#define BLOCK_TILES 8
#endif
#ifndef BLOCK_PANELS
#define BLOCK_PANELS 8
#endif

// Element (r, k) of a slice of A. Stored rows keep VECTOR neighbours together, so that they are
// copied as vectors and every offset from one pointer is a constant; stored columns stay columns.
#if TRANSPOSE_A
#define A_ELEMENT(r, k) left[(k) * MR + (r)]
#else
#define A_ELEMENT(r, k) left[(k) / VECTOR * VECTOR * MR + (r) * VECTOR + (k) % VECTOR]
#endif

// Copies rows m0 ..< m0 + MR, columns k0 ..< k0 + depth of op(A); rows beyond M repeat the last one
// and are not stored, columns up to a whole vector are 0.
inline void copy_slice(__global const float* a, float* left, const int M, const int K, const int m0,
                       const int k0, const int depth) {
#if TRANSPOSE_A
  __global const float* from = a + (size_t)k0 * M + m0;
  if (m0 + MR <= M) {
    for (int k = 0; k < depth; k++, from += M) {
#pragma unroll
      for (int r = 0; r < MR; r += 2) vstore2(vload2(0, from + r), 0, left + k * MR + r);
    }
  } else {
    for (int k = 0; k < depth; k++, from += M) {
      for (int r = 0; r < MR; r++) left[k * MR + r] = from[min(r, M - 1 - m0)];
    }
  }
#else
  const int whole = depth / VECTOR * VECTOR;
  for (int r = 0; r < MR; r++) {
    __global const float* from = a + (size_t)min(m0 + r, M - 1) * K + k0;
    for (int k = 0; k < whole; k += VECTOR) STORE(LOAD(from + k), left + k * MR + r * VECTOR);
    for (int k = whole; k < depth; k++) A_ELEMENT(r, k) = from[k];
  }
#endif
}

// sum[r][v] += left[r][k] right[k][v]
#define MULTIPLY(k) \
  { \
    FLOATV right[NV]; \
    _Pragma("unroll") for (int v = 0; v < NV; v++) \
      right[v] = LOAD(b_slice + (k) * PANEL + v * VECTOR); \
    _Pragma("unroll") for (int r = 0; r < MR; r++) { \
      const FLOATV value = (FLOATV)(A_ELEMENT(r, k)); \
      _Pragma("unroll") for (int v = 0; v < NV; v++) sum[r][v] = fma(value, right[v], sum[r][v]); \
    } \
  }

// a: [batch, M, K] or [batch, K, M]; b: packed [batch, panels, K, PANEL] (one batch for all where
// b_stride is 0); c: [batch, M, N]. A work-item owns block_tiles x block_panels tiles of one batch.
__kernel void matmul_panels(__global const float* a, __global const float* b, __global float* c,
                            const int M, const int N, const int K, const int block_tiles,
                            const int block_panels, const int b_stride EPILOGUE_PARAMETERS) {
  const int batch = get_global_id(2);
  const int panels = (N + PANEL - 1) / PANEL, tiles = (M + MR - 1) / MR;
  const int tile_first = get_global_id(0) * block_tiles;
  const int tile_last = min(tiles, tile_first + block_tiles);
  const int panel_first = get_global_id(1) * block_panels;
  const int panel_last = min(panels, panel_first + block_panels);
  a += (size_t)batch * M * K;
  b += (size_t)batch * b_stride * panels * K * PANEL;
  float left[DEPTH * MR] __attribute__((aligned(64)));
  FLOATV partial[BLOCK_TILES * BLOCK_PANELS][MR][NV];
  for (int k0 = 0; k0 < max(K, 1); k0 += DEPTH) {
    const int depth = min(DEPTH, K - k0), whole = depth / VECTOR * VECTOR;
    const int is_last = k0 + DEPTH >= K;
    for (int tile = tile_first; tile < tile_last; tile++) {
      const int m0 = tile * MR;
      copy_slice(a, left, M, K, m0, k0, depth);
      for (int panel = panel_first; panel < panel_last; panel++) {
        const int n0 = panel * PANEL;
        __global const float* b_slice = b + ((size_t)panel * K + k0) * PANEL;
        FLOATV(*kept)[NV] = partial[(tile - tile_first) * BLOCK_PANELS + panel - panel_first];
        FLOATV sum[MR][NV];
        if (k0 == 0) {
#pragma unroll
          for (int r = 0; r < MR; r++) {
#pragma unroll
            for (int v = 0; v < NV; v++) sum[r][v] = (FLOATV)(0.0f);
          }
        } else {
#pragma unroll
          for (int r = 0; r < MR; r++) {
#pragma unroll
            for (int v = 0; v < NV; v++) sum[r][v] = kept[r][v];
          }
        }
        for (int k = 0; k < whole; k += VECTOR) {
#pragma unroll
          for (int i = 0; i < VECTOR; i++) MULTIPLY(k + i)
        }
        for (int k = whole; k < depth; k++) MULTIPLY(k)
        if (!is_last) {
#pragma unroll
          for (int r = 0; r < MR; r++) {
#pragma unroll
            for (int v = 0; v < NV; v++) kept[r][v] = sum[r][v];
          }
          continue;
        }
#pragma unroll
        for (int r = 0; r < MR; r++) {
          if (m0 + r < M) {
            const uint row = ((uint)batch * M + m0 + r) * (uint)N;
#pragma unroll
            for (int v = 0; v < NV; v++) {
              const int n = n0 + v * VECTOR;
              if (n + VECTOR <= N) {
                STORE(EPILOGUE_VECTOR(sum[r][v], row + n), c + row + n);
              } else if (n < N) {
                float rest[VECTOR];
                STORE(sum[r][v], rest);
                for (int i = 0; n + i < N; i++) {
                  c[row + n + i] = EPILOGUE(rest[i], row + n + i);
                }
              }
            }
          }
        }
      }
    }
  }
}
