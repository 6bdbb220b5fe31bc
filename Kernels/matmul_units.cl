// A product on a GPU's matrix units: a work-group computes a tile of C from tiles of A and B in local
// memory, each group of lanes that acts as one a block of it, in fragments.
#include "matmul.cl"
#include "units_multiply.cl"

// The group's tile, the block of the lanes that act as one, and the values of k that are in local memory at a time.
#ifndef TILE_M
#define TILE_M 64
#endif
#ifndef TILE_N
#define TILE_N 64
#endif
#ifndef BLOCK_M
#define BLOCK_M 32
#endif
#ifndef BLOCK_N
#define BLOCK_N 32
#endif
#ifndef DEPTH
#define DEPTH 32
#endif
// 1 where rows of both operands are whole vectors of 8.
#ifndef ALIGNED
#define ALIGNED 0
#endif
// How many tiles of each operand are in local memory: 2 where they pass through registers; else they are copied
// as they lie (units_direct.cl), STAGES - 1 of them ahead.
#ifndef DIRECT
#define DIRECT 0
#endif
#ifndef STAGES
#define STAGES 2
#endif

#define BLOCKS_N (TILE_N / BLOCK_N)
#define ITEMS (TILE_M / BLOCK_M * BLOCKS_N * LANES_PER_BLOCK)
// Words in a row of a tile.
#define WORDS (DEPTH / 2)
#define UNITS_M (BLOCK_M / UNIT_M)
#define UNITS_N (BLOCK_N / UNIT_N)
// Vectors of 8 numbers of a tile that each work-item copies.
#define COPIES(rows) ((rows) * DEPTH / 8 / ITEMS)
#if DIRECT
#include "units_direct.cl"
#if TRANSPOSE_A
#define FROM_A FROM_ACROSS_K(a_from, a, TILE_M, m0, M)
#define COPY_A(tile) COPY_ACROSS_K(tile, a_from, TILE_M, M)
#define LOAD_A(i) load_a_across(left[i], a_tile, row0 + (i) * UNIT_M, step, TILE_M / 2, lane)
#else
#define FROM_A FROM_ALONG_K(a_from, a, TILE_M, m0, M)
#define COPY_A(tile) COPY_ALONG_K(tile, a_from, TILE_M, M)
#endif
#if TRANSPOSE_B
#define FROM_B FROM_ALONG_K(b_from, b, TILE_N, n0, N)
#define COPY_B(tile) COPY_ALONG_K(tile, b_from, TILE_N, N)
#else
#define FROM_B FROM_ACROSS_K(b_from, b, TILE_N, n0, N)
#define COPY_B(tile) COPY_ACROSS_K(tile, b_from, TILE_N, N)
#define LOAD_B(j) load_b_across(right + (j), b_tile, column0 + (j) * UNIT_N, step, TILE_N / 2, lane)
#endif
#elif COPIES(TILE_M) == 0 || COPIES(TILE_M) % 2 || COPIES(TILE_N) == 0 || COPIES(TILE_N) % 2
#error "work-items copy pairs of vectors: a tile of this size has too few for so many"
#endif
#ifndef LOAD_A
#define LOAD_A(i) load_a(left[i], a_tile, row0 + (i) * UNIT_M, step, WORDS, lane)
#endif
#ifndef LOAD_B
#define LOAD_B(j) load_b(right + (j), b_tile, column0 + (j) * UNIT_N, step, WORDS, lane)
#endif

// sum += A B of the tiles a_tile and b_tile.
#define MULTIPLY_TILES \
  UNROLL for (int step = 0; step < DEPTH / 16; step++) { \
    uint left[UNITS_M][A_WORDS], right[UNITS_N][B_WORDS]; \
    UNROLL for (int i = 0; i < UNITS_M; i++) LOAD_A(i); \
    UNROLL for (int j = 0; j < UNITS_N; j += B_LOADED) LOAD_B(j); \
    UNROLL for (int i = 0; i < UNITS_M; i++) { \
      UNROLL for (int j = 0; j < UNITS_N; j++) MULTIPLY(sum[i][j], left[i], right[j]); \
    } \
  }

// Eight neighbours of a row of x as words of two; `at` is a multiple of 8. What lies at `extent` and
// beyond is zero, or, where rows are whole vectors, the row's last eight.
inline uint4 eight(__global const ushort* x, const int at, const int extent) {
#if ALIGNED
  return *(__global const uint4*)(x + min(at, extent - 8));
#else
  ushort number[8];
UNROLL
  for (int i = 0; i < 8; i++) number[i] = at + i < extent ? x[at + i] : (ushort)0;
  return as_uint4(vload8(0, number));
#endif
}

#ifdef QUANTIZED
// The same of a quantised row, rounded as the other operand is stored; `extent` is a multiple of 4.
inline uint4 eight_of_quantized(ROW_TYPE(B_TYPE) row, const int at, const int extent) {
#if ALIGNED
  const int from = min(at, extent - 8);
#else
  const int from = at;
#endif
  const float4 low = from < extent ? load_4_at(row, from) : (float4)(0.0f);
  const float4 high = from + 4 < extent ? load_4_at(row, from + 4) : (float4)(0.0f);
#if BRAIN
  const uint8 bits = (uint8)(as_uint4(low), as_uint4(high));
  const uint8 words = ROUND_TO_BFLOAT16(uint8, bits);
  return words.even | words.odd << 16;
#else
  uint4 words;
  vstore_half4_rte(low, 0, (__private half*)&words);
  vstore_half4_rte(high, 1, (__private half*)&words);
  return words;
#endif
}
#define EIGHT_OF_B(x, row, columns, at, extent) eight_of_quantized(row_of(x, row, columns), at, extent)
#else
#define EIGHT_OF_B EIGHT_OF_A
#endif
#define EIGHT_OF_A(x, row, columns, at, extent) \
  eight((__global const ushort*)x + (size_t)(row) * (columns), at, extent)

// Fetches a tile of `rows` x DEPTH from (first, k0) of an operand [extent, K], stored along k: eight values
// of a row are words as they lie. Beyond K there are zeros; beyond `extent` there is the last row again,
// which only rows or columns of C see that do not exist.
#define FETCH_ALONG_K(EIGHT, next, x, rows, first, extent) { \
  const int k = k0 + item % (DEPTH / 8) * 8; \
  if (k < last_k) { \
    UNROLL for (int c = 0; c < COPIES(rows); c++) { \
      const int row = min(first + (item + c * ITEMS) / (DEPTH / 8), extent - 1); \
      next[c] = EIGHT(x, row, K, k, last_k); \
    } \
  } else { \
    UNROLL for (int c = 0; c < COPIES(rows); c++) next[c] = (uint4)(0u); \
  } \
}
#define PUT_ALONG_K(tile, next, rows) \
  UNROLL for (int c = 0; c < COPIES(rows); c++) { \
    const int row = (item + c * ITEMS) / (DEPTH / 8), word = item % (DEPTH / 8) * 4; \
    *(__local uint4*)((tile) + PLACE(row, word, WORDS)) = next[c]; \
  }

// The same of an operand [K, extent], stored along the other axis.
#define FETCH_ACROSS_K(EIGHT, next, x, rows, first, extent) \
  UNROLL for (int c = 0; c < COPIES(rows); c += 2) { \
    const int copy = item + c / 2 * ITEMS, row = first + EIGHT_OF(copy, rows); \
    const int k = k0 + PAIR_OF(copy, rows) * 2; \
    next[c] = k < last_k ? EIGHT(x, k, extent, row, extent) : (uint4)(0u); \
    next[c + 1] = k + 1 < last_k ? EIGHT(x, k + 1, extent, row, extent) : (uint4)(0u); \
  }
#define PUT_ACROSS_K(tile, next, rows) \
  UNROLL for (int c = 0; c < COPIES(rows); c += 2) { \
    const int copy = item + c / 2 * ITEMS; \
    PUT_EIGHT(tile, EIGHT_OF(copy, rows), PAIR_OF(copy, rows), WORDS, next[c], next[c + 1]) \
  }

#if TRANSPOSE_A
#define FETCH_A FETCH_ACROSS_K(EIGHT_OF_A, a_next, a, TILE_M, m0, M)
#define PUT_A(tile) PUT_ACROSS_K(tile, a_next, TILE_M)
#else
#define FETCH_A FETCH_ALONG_K(EIGHT_OF_A, a_next, a, TILE_M, m0, M)
#define PUT_A(tile) PUT_ALONG_K(tile, a_next, TILE_M)
#endif
#if TRANSPOSE_B
#define FETCH_B FETCH_ALONG_K(EIGHT_OF_B, b_next, b, TILE_N, n0, N)
#define PUT_B(tile) PUT_ALONG_K(tile, b_next, TILE_N)
#else
#define FETCH_B FETCH_ACROSS_K(EIGHT_OF_B, b_next, b, TILE_N, n0, N)
#define PUT_B(tile) PUT_ACROSS_K(tile, b_next, TILE_N)
#endif

// a: [batch, M, K] or [batch, K, M], b: [batch, K, N] or [batch, N, K] (one for all batches where
// b_stride is 0), c: [batch, M, N]. Groups: (N / TILE_N, M / TILE_M, batch splits), rounded up.
// With several splits each has `k_run` values of k, a multiple of DEPTH, and c is [splits, batch, M, N].
__kernel SUBGROUP_SIZE __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void matmul_units(
    __global const A_TYPE* a, __global const B_TYPE* b, __global C_TYPE* c, const int M, const int N,
    const int K, const int b_stride, const int batches, const int k_run EPILOGUE_PARAMETERS) {
  __local uint a_tiles[STAGES * TILE_M * WORDS] __attribute__((aligned(16)));
  __local uint b_tiles[STAGES * TILE_N * WORDS] __attribute__((aligned(16)));
#if EMULATED
  __local uint shown[ITEMS * (A_WORDS + B_WORDS)];
#endif
  const int item = get_local_id(0), lane = item % LANES_PER_BLOCK;
  const int block = item / LANES_PER_BLOCK;
  const int row0 = block / BLOCKS_N * BLOCK_M, column0 = block % BLOCKS_N * BLOCK_N;
  const int m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N;
  const int batch = get_group_id(2) % batches, split = get_group_id(2) / batches;
  const int first_k = split * k_run, last_k = min(K, first_k + k_run);
  a += (size_t)batch * M * K;
  b += (size_t)batch * b_stride * K * N;
  float sum[UNITS_M][UNITS_N][C_NUMBERS];
UNROLL
  for (int i = 0; i < UNITS_M; i++) {
UNROLL
    for (int j = 0; j < UNITS_N; j++) {
UNROLL
      for (int e = 0; e < C_NUMBERS; e++) sum[i][j][e] = 0.0f;
    }
  }
#if DIRECT
  __global const ushort *a_from[COPIES(TILE_M)], *b_from[COPIES(TILE_N)];
  FROM_A
  FROM_B
  int k0 = first_k, stage = 0, free = STAGES - 1;
  for (int i = 0; i < STAGES - 1; i++, k0 += DEPTH) {
    COPY_A(a_tiles + i * TILE_M * WORDS)
    COPY_B(b_tiles + i * TILE_N * WORDS)
    COMMIT_COPIES
  }
  for (int k = first_k; k < last_k; k += DEPTH, k0 += DEPTH) {
    AWAIT_COPIES(STAGES - 2)
    barrier(CLK_LOCAL_MEM_FENCE);  // these tiles are complete, and all have read those before them
    COPY_A(a_tiles + free * TILE_M * WORDS)
    COPY_B(b_tiles + free * TILE_N * WORDS)
    COMMIT_COPIES
    __local const uint* a_tile = a_tiles + stage * TILE_M * WORDS;
    __local const uint* b_tile = b_tiles + stage * TILE_N * WORDS;
    MULTIPLY_TILES
    free = stage;
    stage = stage + 1 < STAGES ? stage + 1 : 0;
  }
#else
  uint4 a_next[COPIES(TILE_M)], b_next[COPIES(TILE_N)];
  int k0 = first_k, half_ = 0;
  FETCH_A
  FETCH_B
  PUT_A(a_tiles)
  PUT_B(b_tiles)
  barrier(CLK_LOCAL_MEM_FENCE);  // the first tiles are complete
  while (k0 < last_k) {
    k0 += DEPTH;
    // The next tiles are on their way while these are used.
    FETCH_A
    FETCH_B
    __local const uint* a_tile = a_tiles + half_ * TILE_M * WORDS;
    __local const uint* b_tile = b_tiles + half_ * TILE_N * WORDS;
    MULTIPLY_TILES
    half_ ^= 1;
    PUT_A(a_tiles + half_ * TILE_M * WORDS)
    PUT_B(b_tiles + half_ * TILE_N * WORDS)
    barrier(CLK_LOCAL_MEM_FENCE);  // the next tiles are complete, and all have read these
  }
#endif
UNROLL
  for (int i = 0; i < UNITS_M; i++) {
UNROLL
    for (int e = 0; e < C_NUMBERS; e += C_COLUMNS) {
      const int m = m0 + row0 + i * UNIT_M + C_ROW(lane, e);
UNROLL
      for (int j = 0; j < UNITS_N; j++) {
        const int n = n0 + column0 + j * UNIT_N + C_COLUMN(lane, e);
        if (m < M && n < N) {
          const uint index = ((uint)batch * M + m) * (uint)N + n;
          __global C_TYPE* to = c + (size_t)split * batches * M * N + index;
          const float one = EPILOGUE(sum[i][j][e], index);
#if C_COLUMNS == 2
          // A lane's pairs begin at even columns.
          const float other = n + 1 < N ? EPILOGUE(sum[i][j][e + 1], index + 1) : 0.0f;
          if (N % 2 == 0) {
            store_aligned_2((float2)(one, other), to);
          } else {
            STORE_ONE(one, to);
            if (n + 1 < N) STORE_ONE(other, to + 1);
          }
#else
          STORE_ONE(one, to);
#endif
        }
      }
    }
  }
}
