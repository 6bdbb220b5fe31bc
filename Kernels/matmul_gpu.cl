// A product on many narrow lanes: a work-group computes a tile of C from tiles of A and B in local
// memory, each work-item a small block of it in registers.
#include "matmul.cl"

// Rows and columns of a group's tile, of a work-item's block (multiples of 4), and the values of k
// that are in local memory at a time.
#ifndef TILE_M
#define TILE_M 64
#endif
#ifndef TILE_N
#define TILE_N 64
#endif
#ifndef ITEM_M
#define ITEM_M 4
#endif
#ifndef ITEM_N
#define ITEM_N 4
#endif
#ifndef DEPTH
#define DEPTH 16
#endif
#define GROUP_N (TILE_N / ITEM_N)
#define GROUP_M (TILE_M / ITEM_M)
#define ITEMS (GROUP_N * GROUP_M)
// Vectors of 4 that each work-item copies per step.
#define A_COPIES (TILE_M * DEPTH / 4 / ITEMS)
#define B_COPIES (TILE_N * DEPTH / 4 / ITEMS)

// 1 where rows of both operands have multiples of 4 elements.
#ifndef ALIGNED
#define ALIGNED 0
#endif

// Four neighbours of a row, zeros from `extent` on; `at` is a multiple of 4.
#ifdef QUANTIZED
#define WITHIN_ROW(TYPE) \
  OVERLOAD float4 four(const PASTE(TYPE, _row) row, const int at, const int extent) { \
    if (at + 4 <= extent) return load_4_at(row, at); \
    return (float4)(at < extent ? load_one_at(row, at) : 0.0f, at + 1 < extent ? load_one_at(row, at + 1) : 0.0f, \
                    at + 2 < extent ? load_one_at(row, at + 2) : 0.0f, 0.0f); \
  }
WITHIN_ROW(A_TYPE)
WITHIN_ROW(B_TYPE)
#define FOUR(row, at, extent) four(row, at, extent)
#elif ALIGNED
#define FOUR(row, at, extent) ((at) < (extent) ? load_aligned_4((row) + (at)) : (float4)(0.0f))
#else
#define FOUR(row, at, extent) load_4_within(row, at, extent)
#endif

// The i-th four of this step's tile of an operand whose other axis has the extent EXTENT. Stored along
// k, a row is a vector of k; stored along the other axis, a vector is of that one.
#define FETCH(x, TRANSPOSED, TILE, first, EXTENT, i) \
  (TRANSPOSED ? (k0 + (i) / (TILE / 4) < last_k \
                     ? FOUR(row_of(x, k0 + (i) / (TILE / 4), EXTENT), \
                            first + (i) % (TILE / 4) * 4, EXTENT) \
                     : (float4)(0.0f)) \
              : (first + (i) / (DEPTH / 4) < EXTENT \
                     ? FOUR(row_of(x, first + (i) / (DEPTH / 4), K), k0 + (i) % (DEPTH / 4) * 4, \
                            last_k) \
                     : (float4)(0.0f)))

#define PUT(tile, TRANSPOSED, TILE, i, v) \
  if (TRANSPOSED) { \
    tile[(i) / (TILE / 4)][(i) % (TILE / 4)] = v; \
  } else { \
    __local float* to_ = (__local float*)tile[(i) % (DEPTH / 4) * 4] + (i) / (DEPTH / 4); \
    to_[0] = (v).x; to_[TILE + 4] = (v).y; \
    to_[2 * (TILE + 4)] = (v).z; to_[3 * (TILE + 4)] = (v).w; \
  }

// a: [batch, M, K] or [batch, K, M], b: [batch, K, N] or [batch, N, K] (one for all batches where
// b_stride is 0), c: [batch, M, N]. Groups: (N / TILE_N, M / TILE_M, batch splits), rounded up.
// With several splits each has `k_run` values of k, a multiple of DEPTH, and c is [splits, batch, M, N].
__kernel FEW_LANES __attribute__((reqd_work_group_size(GROUP_N, GROUP_M, 1))) void matmul_tiled(
    __global const A_TYPE* a, __global const B_TYPE* b, __global C_TYPE* c, const int M, const int N,
    const int K, const int b_stride, const int batches, const int k_run EPILOGUE_PARAMETERS) {
  // A vector of padding keeps the transposing stores off each other's banks.
  __local float4 a_tile[DEPTH][TILE_M / 4 + 1];
  __local float4 b_tile[DEPTH][TILE_N / 4 + 1];
  const int x = get_local_id(0), y = get_local_id(1), item = y * GROUP_N + x;
  const int m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N;
  const int batch = get_group_id(2) % batches, split = get_group_id(2) / batches;
  const int first_k = split * k_run, last_k = min(K, first_k + k_run);
  a += (size_t)batch * M * K;
  b += (size_t)batch * b_stride * K * N;
  float4 sum[ITEM_M][ITEM_N / 4];
#pragma unroll
  for (int i = 0; i < ITEM_M; i++) {
#pragma unroll
    for (int j = 0; j < ITEM_N / 4; j++) sum[i][j] = (float4)(0.0f);
  }
  float4 a_next[A_COPIES], b_next[B_COPIES];
  int k0 = first_k;
#pragma unroll
  for (int i = 0; i < A_COPIES; i++) a_next[i] = FETCH(a, TRANSPOSE_A, TILE_M, m0, M, item + i * ITEMS);
#pragma unroll
  for (int i = 0; i < B_COPIES; i++) b_next[i] = FETCH(b, !TRANSPOSE_B, TILE_N, n0, N, item + i * ITEMS);
  while (k0 < last_k) {
#pragma unroll
    for (int i = 0; i < A_COPIES; i++) { PUT(a_tile, TRANSPOSE_A, TILE_M, item + i * ITEMS, a_next[i]) }
#pragma unroll
    for (int i = 0; i < B_COPIES; i++) { PUT(b_tile, !TRANSPOSE_B, TILE_N, item + i * ITEMS, b_next[i]) }
    barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are complete
    k0 += DEPTH;
    // The next tiles are on their way while these are used.
    if (k0 < last_k) {
#pragma unroll
      for (int i = 0; i < A_COPIES; i++) {
        a_next[i] = FETCH(a, TRANSPOSE_A, TILE_M, m0, M, item + i * ITEMS);
      }
#pragma unroll
      for (int i = 0; i < B_COPIES; i++) {
        b_next[i] = FETCH(b, !TRANSPOSE_B, TILE_N, n0, N, item + i * ITEMS);
      }
    }
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      float4 left[ITEM_M / 4], right[ITEM_N / 4];
#pragma unroll
      for (int i = 0; i < ITEM_M / 4; i++) left[i] = a_tile[k][i * GROUP_M + y];
#pragma unroll
      for (int j = 0; j < ITEM_N / 4; j++) right[j] = b_tile[k][j * GROUP_N + x];
#pragma unroll
      for (int i = 0; i < ITEM_M / 4; i++) {
#pragma unroll
        for (int j = 0; j < ITEM_N / 4; j++) {
          sum[4 * i][j] = MAD((float4)(left[i].x), right[j], sum[4 * i][j]);
          sum[4 * i + 1][j] = MAD((float4)(left[i].y), right[j], sum[4 * i + 1][j]);
          sum[4 * i + 2][j] = MAD((float4)(left[i].z), right[j], sum[4 * i + 2][j]);
          sum[4 * i + 3][j] = MAD((float4)(left[i].w), right[j], sum[4 * i + 3][j]);
        }
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
  }
#pragma unroll
  for (int i = 0; i < ITEM_M; i++) {
    const int m = m0 + (i / 4 * GROUP_M + y) * 4 + i % 4;
#pragma unroll
    for (int j = 0; j < ITEM_N / 4; j++) {
      float four_[4];
      vstore4(sum[i][j], 0, four_);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int n = n0 + (j * GROUP_N + x) * 4 + e;
        if (m < M && n < N) {
          const uint index = ((uint)batch * M + m) * (uint)N + n;
          STORE_ONE(EPILOGUE(four_[e], index), c + (size_t)split * batches * M * N + index);
        }
      }
    }
  }
}

// c = the sum of the splits in their order; partial: [splits, count], c: [count]
__kernel void matmul_sum(__global const float* partial, __global C_TYPE* c, const int count,
                         const int splits EPILOGUE_PARAMETERS) {
  const uint index = get_global_id(0);
  if (index >= (uint)count) return;
  float sum = 0.0f;
  for (int split = 0; split < splits; split++) sum += partial[(size_t)split * count + index];
  STORE_ONE(EPILOGUE(sum, index), c + index);
}
