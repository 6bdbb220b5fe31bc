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

// packed[p][k][w] = x(k, p width + w), 0 beyond the extent; x is [depth, extent], or
// [extent, depth] where `transposed`. A work-item packs `run` values of k of one panel.
// packed: [batch, panels, depth, width]
__kernel void matmul_pack(__global const float* x, __global float* packed, const int extent,
                          const int depth, const int width, const int transposed, const int run) {
  const int panel = get_global_id(0), panels = get_global_size(0);
  const int first = get_global_id(1) * run, last = min(depth, first + run);
  x += (size_t)get_global_id(2) * extent * depth;
  packed += ((size_t)get_global_id(2) * panels + panel) * depth * width;
  const int start = panel * width, filled = min(width, extent - start);
  if (transposed) {
    for (int w = 0; w < width; w++) {
      __global const float* from = x + (size_t)(start + min(w, filled - 1)) * depth;
      if (w < filled) {
        for (int k = first; k < last; k++) packed[(size_t)k * width + w] = from[k];
      } else {
        for (int k = first; k < last; k++) packed[(size_t)k * width + w] = 0.0f;
      }
    }
  } else if (filled == width && width % 4 == 0) {
    for (int k = first; k < last; k++) {
      for (int w = 0; w < width; w += 4) {
        vstore4(vload4(0, x + (size_t)k * extent + start + w), 0, packed + (size_t)k * width + w);
      }
    }
  } else {
    for (int k = first; k < last; k++) {
      for (int w = 0; w < width; w++) {
        packed[(size_t)k * width + w] = w < filled ? x[(size_t)k * extent + start + w] : 0.0f;
      }
    }
  }
}

// Element (m0 + r, k) of op(A): from a row of A, or from a packed panel of MR where A is stored
// transposed. Rows beyond M repeat the last one and are not stored.
#if TRANSPOSE_A
#define A_ELEMENT(r, k) a_panel[(size_t)(k) * MR + (r)]
#else
#define A_ELEMENT(r, k) a_rows[r][k]
#endif

// a: [batch, M, K] or packed [batch, panels, K, MR]; b: packed [batch, panels, K, PANEL] (one
// batch for all where b_stride is 0); c: [batch, M, N]. A work-item owns tile_rows x tile_panels
// tiles of one batch.
__kernel void matmul_panels(__global const float* a, __global const float* b, __global float* c,
                            const int M, const int N, const int K, const int tile_rows,
                            const int tile_panels, const int b_stride EPILOGUE_PARAMETERS) {
  const int batch = get_global_id(2);
  const int panels = (N + PANEL - 1) / PANEL, tiles = (M + MR - 1) / MR;
  const int tile_first = get_global_id(0) * tile_rows;
  const int tile_last = min(tiles, tile_first + tile_rows);
  const int panel_first = get_global_id(1) * tile_panels;
  const int panel_last = min(panels, panel_first + tile_panels);
  b += (size_t)batch * b_stride * panels * K * PANEL;
  for (int panel = panel_first; panel < panel_last; panel++) {
    __global const float* b_panel = b + (size_t)panel * K * PANEL;
    const int n0 = panel * PANEL;
    for (int tile = tile_first; tile < tile_last; tile++) {
      const int m0 = tile * MR;
#if TRANSPOSE_A
      __global const float* a_panel = a + ((size_t)batch * tiles + tile) * K * MR;
#else
      __global const float* a_rows[MR];
#pragma unroll
      for (int r = 0; r < MR; r++) {
        a_rows[r] = a + ((size_t)batch * M + min(m0 + r, M - 1)) * K;
      }
#endif
      FLOATV sum[MR][NV];
#pragma unroll
      for (int r = 0; r < MR; r++) {
#pragma unroll
        for (int v = 0; v < NV; v++) sum[r][v] = (FLOATV)(0.0f);
      }
      for (int k = 0; k < K; k++) {
        FLOATV right[NV];
#pragma unroll
        for (int v = 0; v < NV; v++) right[v] = LOAD(b_panel + (size_t)k * PANEL + v * VECTOR);
#pragma unroll
        for (int r = 0; r < MR; r++) {
          const FLOATV left = (FLOATV)(A_ELEMENT(r, k));
#pragma unroll
          for (int v = 0; v < NV; v++) sum[r][v] = fma(left, right[v], sum[r][v]);
        }
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
