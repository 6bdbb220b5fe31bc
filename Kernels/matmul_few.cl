// Products with few rows of C, as in decoding: B is read once, as it lies, at the speed of memory.
#include "matmul.cl"

// Rows of C, and what a work-item computes of each: columns where B is stored [N, K], vectors of
// columns where it is stored [K, N]. ROWS x COLUMNS sums stay in registers.
#ifndef ROWS
#define ROWS 1
#endif
#ifndef COLUMNS
#define COLUMNS 4
#endif

#define EACH_ROW _Pragma("unroll") for (int m = 0; m < ROWS; m++)
#define EACH_COLUMN _Pragma("unroll") for (int j = 0; j < COLUMNS; j++)

// a: [ROWS, K], b: [N, K], c: [ROWS, N]. A work-group owns COLUMNS columns, its lanes share K.
__kernel void matmul_few_nt(__global const A_TYPE* a, __global const B_TYPE* b, __global C_TYPE* c, const int N,
                            const int K EPILOGUE_PARAMETERS) {
  ROW_SCRATCH
  // Columns that are computed together lie far apart: each is then read on and on, which processors foresee.
  const int distance = (N + COLUMNS - 1) / COLUMNS;
  FOR_ROWS(block, distance) {
    FLOATV sum_v[ROWS][COLUMNS];
    float rest[ROWS][COLUMNS];
    ROW_TYPE(B_TYPE) from[COLUMNS];
    EACH_COLUMN {
      from[j] = row_of(b, min((int)block + j * distance, N - 1), K);
      EACH_ROW {
        sum_v[m][j] = (FLOATV)(0.0f);
        rest[m][j] = 0.0f;
      }
    }
#ifdef STEPS
    // So many neighbours have one scale and one least number.
    for (int part = get_local_id(0); part < K / STEPS; part += LANES) {
      // Written so, its last bits are known to be zero.
      const uint k = (uint)part * STEPS;
      float2 step[COLUMNS];
      EACH_COLUMN step[j] = step_of(from[j], k);
#if ROWS == 1
      // The scale comes after the sum of codes.
      FLOATV own = (FLOATV)(0.0f), codes[COLUMNS];
      EACH_COLUMN codes[j] = (FLOATV)(0.0f);
#pragma unroll
      for (uint v = 0; v < STEPS; v += VECTOR) {
        const FLOATV left = LOAD(a + k + v);
        EACH_COLUMN codes[j] = MAD(left, codes_at(from[j], k + v), codes[j]);
        if (has_least(from[0])) own += left;
      }
      EACH_COLUMN {
        sum_v[0][j] = MAD(codes[j], (FLOATV)(step[j].x), sum_v[0][j]);
        if (has_least(from[0])) sum_v[0][j] = MAD(own, (FLOATV)(step[j].y), sum_v[0][j]);
      }
#else
#pragma unroll
      for (uint v = 0; v < STEPS; v += VECTOR) {
        FLOATV right[COLUMNS];
        EACH_COLUMN right[j] = MAD(codes_at(from[j], k + v), (FLOATV)(step[j].x), (FLOATV)(step[j].y));
        EACH_ROW {
          const FLOATV left = LOAD(a + m * K + k + v);
          EACH_COLUMN sum_v[m][j] = MAD(left, right[j], sum_v[m][j]);
        }
      }
#endif
    }
#else
    FOR_VECTORS(k, K) {
      FLOATV right[COLUMNS];
      EACH_COLUMN right[j] = load_at(from[j], k);
      EACH_ROW {
        const FLOATV left = LOAD(a + m * K + k);
        EACH_COLUMN sum_v[m][j] = MAD(left, right[j], sum_v[m][j]);
      }
    }
#endif
#ifndef STEPS
    FOR_REST(k, K) {
      EACH_ROW {
        const float left = LOAD_ONE(a + m * K + k);
        EACH_COLUMN rest[m][j] = MAD(left, load_one_at(from[j], k), rest[m][j]);
      }
    }
#endif
    EACH_ROW EACH_COLUMN {
      const float sum = row_sum(vector_sum(sum_v[m][j]) + rest[m][j]);
      const uint n = block + j * distance, index = m * N + n;
      if (get_local_id(0) == 0 && n < (uint)N) STORE_ONE(EPILOGUE(sum, index), c + index);
    }
  }
}

// The product for `COUNT` vectors of columns from n on.
#define BLOCK(COUNT) \
  FLOATV sum[ROWS][COUNT]; \
  EACH_ROW for (int j = 0; j < COUNT; j++) sum[m][j] = (FLOATV)(0.0f); \
  for (int k = 0; k < K; k++) { \
    FLOATV right[COUNT]; \
    ROW_TYPE(B_TYPE) from = row_of(b, k, N); \
    for (int j = 0; j < COUNT; j++) right[j] = load_at(from, n + j * VECTOR); \
    EACH_ROW { \
      const FLOATV left = (FLOATV)(LOAD_ONE(a + m * K + k)); \
      for (int j = 0; j < COUNT; j++) sum[m][j] = MAD(left, right[j], sum[m][j]); \
    } \
  } \
  EACH_ROW for (int j = 0; j < COUNT; j++) { \
    const uint index = m * N + n + j * VECTOR; \
    STORE(EPILOGUE_VECTOR(sum[m][j], index), c + index); \
  }

// a: [ROWS, K], b: [K, N], c: [ROWS, N]. A work-item owns COLUMNS vectors of columns.
__kernel void matmul_few_nn(__global const A_TYPE* a, __global const B_TYPE* b, __global C_TYPE* c, const int N,
                            const int K EPILOGUE_PARAMETERS) {
  int n = get_global_id(0) * COLUMNS * VECTOR;
  const int end = min(N, n + COLUMNS * VECTOR);
  if (n + COLUMNS * VECTOR <= N) {
    BLOCK(COLUMNS)
    return;
  }
  for (; n + VECTOR <= end; n += VECTOR) {
    BLOCK(1)
  }
  for (; n < end; n++) {
    EACH_ROW {
      float sum = 0.0f;
      for (int k = 0; k < K; k++) {
        sum = MAD(LOAD_ONE(a + m * K + k), load_one_at(row_of(b, k, N), n), sum);
      }
      const uint index = m * N + n;
      STORE_ONE(EPILOGUE(sum, index), c + index);
    }
  }
}
