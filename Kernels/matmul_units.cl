// A product on a GPU's matrix units: operands of 16 bits, sums in float32. A work-group computes a tile
// of C from tiles of A and B in local memory; each group of lanes that acts as one (a warp, a wave, a
// subgroup) has a block of it, in fragments whose places in the lanes' registers the unit prescribes.
#include "matmul.cl"

// Which unit: 1, NVIDIA's mma.sync.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16"); 2, AMD's
// v_wmma_f32_16x16x16 of RDNA 3 in wave32 (RDNA3 ISA, "WMMA"); 3 and 4, Intel's matrix_mad_k16 for
// subgroups of 8 and of 16 lanes (cl_intel_subgroup_matrix_multiply_accumulate). EMULATED computes the
// same from the same registers with ordinary instructions, so that any device can test what surrounds
// the unit.
#ifndef UNIT
#define UNIT 1
#endif
#ifndef EMULATED
#define EMULATED 1
#endif
// 1 where operands are bfloat16, 0 where they are half.
#ifndef BRAIN
#define BRAIN 1
#endif

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

#if UNIT == 3
#define LANES_PER_BLOCK 8
#elif UNIT == 4
#define LANES_PER_BLOCK 16
#else
#define LANES_PER_BLOCK 32
#endif
#define BLOCKS_N (TILE_N / BLOCK_N)
#define ITEMS (TILE_M / BLOCK_M * BLOCKS_N * LANES_PER_BLOCK)
// Words of two neighbours along k in a row of a tile; the padding keeps rows off each other's banks.
#define WORDS (DEPTH / 2)
#define STRIDE (WORDS + 4)

// Sizes of the unit's product; words of a lane's fragments of A [UNIT_M, 16] and B [16, UNIT_N], numbers
// of its fragment of C; the first row or column of a fragment's words, and which word of the row.
#if UNIT == 1
#define UNIT_M 16
#define UNIT_N 8
#define A_WORDS 4
#define B_WORDS 2
#define C_NUMBERS 4
#define A_ROW(lane, i) ((lane) / 4 + (i) % 2 * 8)
#define A_WORD(lane, i) ((lane) % 4 + (i) / 2 * 4)
#define B_COLUMN(lane, i) ((lane) / 4)
#define B_WORD(lane, i) ((lane) % 4 + (i) * 4)
#define C_ROW(lane, i) ((lane) / 4 + (i) / 2 * 8)
#define C_COLUMN(lane, i) ((lane) % 4 * 2 + (i) % 2)
// Where the word of A's row and word w, or of B's column, is: lane and index.
#define A_LANE(row, w) ((row) % 8 * 4 + (w) % 4)
#define A_INDEX(row, w) ((row) / 8 + (w) / 4 * 2)
#define B_LANE(column, w) ((column) * 4 + (w) % 4)
#define B_INDEX(column, w) ((w) / 4)
#elif UNIT == 2
#define UNIT_M 16
#define UNIT_N 16
#define A_WORDS 8
#define B_WORDS 8
#define C_NUMBERS 8
#define A_ROW(lane, i) ((lane) % 16)
#define A_WORD(lane, i) (i)
#define B_COLUMN(lane, i) ((lane) % 16)
#define B_WORD(lane, i) (i)
#define C_ROW(lane, i) ((i) * 2 + (lane) / 16)
#define C_COLUMN(lane, i) ((lane) % 16)
#define A_LANE(row, w) (row)
#define A_INDEX(row, w) (w)
#define B_LANE(column, w) (column)
#define B_INDEX(column, w) (w)
#else
#define UNIT_M 8
#define UNIT_N LANES_PER_BLOCK
#define A_WORDS 8
#define B_WORDS 8
#define C_NUMBERS 8
#define A_ROW(lane, i) (i)
#define A_WORD(lane, i) (lane)
#define B_COLUMN(lane, i) (lane)
#define B_WORD(lane, i) (i)
#define C_ROW(lane, i) (i)
#define C_COLUMN(lane, i) (lane)
#define A_LANE(row, w) (w)
#define A_INDEX(row, w) (row)
#define B_LANE(column, w) (column)
#define B_INDEX(column, w) (w)
#endif
// With 16 lanes on 8 words, each lane of Intel's has one number of A where others have a word.
#define HALF_WORDS (UNIT == 4)
// Fragments must be registers, so their loops have to be unrolled; emulated, that only costs build time.
#if EMULATED
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif
#define UNITS_M (BLOCK_M / UNIT_M)
#define UNITS_N (BLOCK_N / UNIT_N)

#if EMULATED
// The two numbers of a word.
inline float2 pair(const uint word) {
#if BRAIN
  return (float2)(as_float(word << 16), as_float(word & 0xffff0000u));
#else
  const uint kept = word;
  return vload_half2(0, (__private const half*)&kept);
#endif
}

// Every lane shows its registers, then adds up its own elements.
inline void multiply(float* c, const uint* a, const uint* b, const int lane, __local uint* shown) {
  for (int i = 0; i < A_WORDS; i++) shown[lane * (A_WORDS + B_WORDS) + i] = a[i];
  for (int i = 0; i < B_WORDS; i++) shown[lane * (A_WORDS + B_WORDS) + A_WORDS + i] = b[i];
  barrier(CLK_LOCAL_MEM_FENCE);  // all registers are shown
  for (int i = 0; i < C_NUMBERS; i++) {
    const int row = C_ROW(lane, i), column = C_COLUMN(lane, i);
    for (int w = 0; w < 8; w++) {
#if HALF_WORDS
      const float2 x = pair(shown[2 * w * (A_WORDS + B_WORDS) + row] |
                            shown[(2 * w + 1) * (A_WORDS + B_WORDS) + row] << 16);
#else
      const float2 x = pair(shown[A_LANE(row, w) * (A_WORDS + B_WORDS) + A_INDEX(row, w)]);
#endif
      const float2 y =
          pair(shown[B_LANE(column, w) * (A_WORDS + B_WORDS) + A_WORDS + B_INDEX(column, w)]);
      c[i] += x.x * y.x + x.y * y.y;
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);  // all have read them before they are shown again
}
#define MULTIPLY(c, a, b) multiply(c, a, b, lane, shown + (item - lane) * (A_WORDS + B_WORDS))
#elif UNIT == 1
#if BRAIN
#define PTX_TYPES "f32.bf16.bf16.f32"
#else
#define PTX_TYPES "f32.f16.f16.f32"
#endif
#define MULTIPLY(c, a, b) \
  __asm volatile("mma.sync.aligned.m16n8k16.row.col." PTX_TYPES \
                 " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
                 : "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3]) \
                 : "r"((a)[0]), "r"((a)[1]), "r"((a)[2]), "r"((a)[3]), "r"((b)[0]), "r"((b)[1]))
#elif UNIT == 2
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
typedef short short16_ __attribute__((ext_vector_type(16)));
typedef half half16_ __attribute__((ext_vector_type(16)));
#if BRAIN
#define MULTIPLY(c, a, b) \
  vstore8(__builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(as_short16(vload8(0, a)), \
                                                      as_short16(vload8(0, b)), vload8(0, c)), \
          0, c)
#else
#define MULTIPLY(c, a, b) \
  vstore8(__builtin_amdgcn_wmma_f32_16x16x16_f16_w32(as_half16(vload8(0, a)), \
                                                     as_half16(vload8(0, b)), vload8(0, c)), \
          0, c)
#endif
#else
#if BRAIN
#define MAD intel_sub_group_bf16_bf16_matrix_mad_k16
#else
#define MAD intel_sub_group_f16_f16_matrix_mad_k16
#endif
#if HALF_WORDS
#define LEFT(a) as_short8(convert_ushort8(vload8(0, a)))
#else
#define LEFT(a) as_int8(vload8(0, a))
#endif
#define MULTIPLY(c, a, b) vstore8(MAD(LEFT(a), as_int8(vload8(0, b)), vload8(0, c)), 0, c)
#endif
#if UNIT >= 3 && !EMULATED
#define SUBGROUP_SIZE __attribute__((intel_reqd_sub_group_size(LANES_PER_BLOCK)))
#else
#define SUBGROUP_SIZE
#endif

// Eight neighbours of a row of x as words of two, zeros from `extent` on; `at` is a multiple of 8.
inline uint4 eight(__global const ushort* x, const int at, const int extent) {
#if ALIGNED
  return at < extent ? *(__global const uint4*)(x + at) : (uint4)(0u);
#else
  ushort number[8];
UNROLL
  for (int i = 0; i < 8; i++) number[i] = at + i < extent ? x[at + i] : (ushort)0;
  return as_uint4(vload8(0, number));
#endif
}

// Copies a tile of `rows` x DEPTH from (first, k0) of an operand whose other axis has the given extent
// into words [row][k / 2]. Stored along k, eight values of one row are words as they lie; stored along
// the other axis, the words of eight rows come from two values of k each.
#define ALONG_K(tile, x, rows, first, extent) \
  for (int copy = item; copy < (rows) * DEPTH / 8; copy += ITEMS) { \
    const int row = copy / (DEPTH / 8), k = copy % (DEPTH / 8) * 8; \
    const uint4 words = first + row < extent \
        ? eight((__global const ushort*)x + (size_t)(first + row) * K, k0 + k, last_k) : (uint4)(0u); \
    vstore4(words, 0, &tile[row * STRIDE + k / 2]); \
  }
#define ACROSS_K(tile, x, rows, first, extent) \
  for (int copy = item; copy < (rows) * DEPTH / 16; copy += ITEMS) { \
    const int row = copy % ((rows) / 8) * 8, k = copy / ((rows) / 8) * 2; \
    __global const ushort* from = (__global const ushort*)x + (size_t)(k0 + k) * extent; \
    const ushort8 low = as_ushort8(k0 + k < last_k ? eight(from, first + row, extent) : (uint4)(0u)); \
    const ushort8 high = \
        as_ushort8(k0 + k + 1 < last_k ? eight(from + extent, first + row, extent) : (uint4)(0u)); \
    const uint8 words = convert_uint8(low) | convert_uint8(high) << 16; \
    uint word[8]; \
    vstore8(words, 0, word); \
    UNROLL for (int i = 0; i < 8; i++) tile[(row + i) * STRIDE + k / 2] = word[i]; \
  }
#if TRANSPOSE_A
#define COPY_A ACROSS_K(a_tile, a, TILE_M, m0, M)
#else
#define COPY_A ALONG_K(a_tile, a, TILE_M, m0, M)
#endif
#if TRANSPOSE_B
#define COPY_B ALONG_K(b_tile, b, TILE_N, n0, N)
#else
#define COPY_B ACROSS_K(b_tile, b, TILE_N, n0, N)
#endif

// a: [batch, M, K] or [batch, K, M], b: [batch, K, N] or [batch, N, K] (one for all batches where
// b_stride is 0), c: [batch, M, N]. Groups: (N / TILE_N, M / TILE_M, batch splits), rounded up.
// With several splits each has `k_run` values of k, a multiple of DEPTH, and c is [splits, batch, M, N].
__kernel SUBGROUP_SIZE __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void matmul_units(
    __global const T0* a, __global const T1* b, __global T2* c, const int M, const int N,
    const int K, const int b_stride, const int batches, const int k_run EPILOGUE_PARAMETERS) {
  __local uint a_tile[TILE_M * STRIDE] __attribute__((aligned(16)));
  __local uint b_tile[TILE_N * STRIDE] __attribute__((aligned(16)));
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
  for (int k0 = first_k; k0 < last_k; k0 += DEPTH) {
    COPY_A
    COPY_B
    barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are complete
UNROLL
    for (int w = 0; w < WORDS; w += 8) {
      uint left[UNITS_M][A_WORDS], right[UNITS_N][B_WORDS];
UNROLL
      for (int i = 0; i < UNITS_M; i++) {
UNROLL
        for (int e = 0; e < A_WORDS; e++) {
          const int row = (row0 + i * UNIT_M + A_ROW(lane, e)) * STRIDE + w;
#if HALF_WORDS
          left[i][e] = ((__local const ushort*)(a_tile + row))[A_WORD(lane, e)];
#else
          left[i][e] = a_tile[row + A_WORD(lane, e)];
#endif
        }
      }
UNROLL
      for (int j = 0; j < UNITS_N; j++) {
UNROLL
        for (int e = 0; e < B_WORDS; e++) {
          right[j][e] =
              b_tile[(column0 + j * UNIT_N + B_COLUMN(lane, e)) * STRIDE + w + B_WORD(lane, e)];
        }
      }
UNROLL
      for (int i = 0; i < UNITS_M; i++) {
UNROLL
        for (int j = 0; j < UNITS_N; j++) MULTIPLY(sum[i][j], left[i], right[j]);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
  }
UNROLL
  for (int i = 0; i < UNITS_M; i++) {
UNROLL
    for (int j = 0; j < UNITS_N; j++) {
UNROLL
      for (int e = 0; e < C_NUMBERS; e++) {
        const int m = m0 + row0 + i * UNIT_M + C_ROW(lane, e);
        const int n = n0 + column0 + j * UNIT_N + C_COLUMN(lane, e);
        if (m < M && n < N) {
          const uint index = ((uint)batch * M + m) * (uint)N + n;
          STORE_ONE(EPILOGUE(sum[i][j][e], index), c + (size_t)split * batches * M * N + index);
        }
      }
    }
  }
}
