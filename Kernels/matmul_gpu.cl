// A product on many narrow lanes: a work-group of 16 x 16 computes a TILE x TILE tile from local
// memory, each work-item 4 x 4 of it.
#include "matmul.cl"

#define TILE 64
#define DEPTH 16

// a: [batch, M, K] or [batch, K, M], b: [batch, K, N] or [batch, N, K] (one for all batches where
// b_stride is 0), c: [batch, M, N]. Groups: (N / TILE, M / TILE, batch), rounded up.
__kernel __attribute__((reqd_work_group_size(16, 16, 1))) void matmul_tiled(
    __global const float* a, __global const float* b, __global float* c, const int M, const int N,
    const int K, const int b_stride EPILOGUE_PARAMETERS) {
  // One column of padding keeps the transposing stores off each other's banks.
  __local float a_tile[DEPTH][TILE + 1];
  __local float b_tile[DEPTH][TILE + 1];
  const int x = get_local_id(0), y = get_local_id(1), item = y * 16 + x;
  const int m0 = get_group_id(1) * TILE, n0 = get_group_id(0) * TILE;
  const int batch = get_global_id(2);
  a += (size_t)batch * M * K;
  b += (size_t)batch * b_stride * K * N;
  float sum[4][4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) sum[i][j] = 0.0f;
  }
  for (int k0 = 0; k0 < K; k0 += DEPTH) {
    for (int i = item; i < TILE * DEPTH; i += 256) {
      // Neighbouring work-items read neighbouring elements, whichever way the operand lies.
      const int am = TRANSPOSE_A ? i % TILE : i / DEPTH, ak = TRANSPOSE_A ? i / TILE : i % DEPTH;
      const int m = m0 + am, ka = k0 + ak;
      a_tile[ak][am] =
          m < M && ka < K ? a[TRANSPOSE_A ? (size_t)ka * M + m : (size_t)m * K + ka] : 0.0f;
      const int bn = TRANSPOSE_B ? i / DEPTH : i % TILE, bk = TRANSPOSE_B ? i % DEPTH : i / TILE;
      const int n = n0 + bn, kb = k0 + bk;
      b_tile[bk][bn] =
          n < N && kb < K ? b[TRANSPOSE_B ? (size_t)n * K + kb : (size_t)kb * N + n] : 0.0f;
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are complete
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      float left[4], right[4];
#pragma unroll
      for (int i = 0; i < 4; i++) left[i] = a_tile[k][y + 16 * i];
#pragma unroll
      for (int j = 0; j < 4; j++) right[j] = b_tile[k][x + 16 * j];
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) sum[i][j] = fma(left[i], right[j], sum[i][j]);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int m = m0 + y + 16 * i;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int n = n0 + x + 16 * j;
      if (m < M && n < N) {
        const uint index = ((uint)batch * M + m) * (uint)N + n;
        c[index] = EPILOGUE(sum[i][j], index);
      }
    }
  }
}
