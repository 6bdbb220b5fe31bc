// A GPU's matrix unit: operands of 16 bits, sums in float32. Lanes that act as one (a warp, a wave, a
// subgroup) have fragments of matrices, whose places in the lanes' registers the unit prescribes.
#ifndef RETORT_UNITS
#define RETORT_UNITS
#include "common.cl"

// Which unit: 1, NVIDIA's mma.sync.m16n8k16, from sm_80 on (PTX ISA, "Matrix Fragments for mma.m16n8k16");
// 2, AMD's v_wmma_f32_16x16x16 of RDNA 3 in wave32 (RDNA3 ISA, "WMMA"); 3 and 4, Intel's matrix_mad_k16 for
// subgroups of 8 and of 16 lanes (cl_intel_subgroup_matrix_multiply_accumulate); 5, AMD's v_wmma of RDNA 4,
// whose operands lie in half as many registers; 6, AMD's v_mfma_f32_16x16x16 of CDNA from gfx90a on, in wave64
// (CDNA3 ISA, "Matrix Arithmetic Instructions"); 7, NVIDIA's mma.sync.m16n8k8 of sm_75, half only: two of them
// take the fragments of unit 1. EMULATED computes the same from the same registers with ordinary instructions,
// so that any device can test what surrounds the unit.
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

#if UNIT == 3
#define LANES_PER_BLOCK 8
#elif UNIT == 4
#define LANES_PER_BLOCK 16
#elif UNIT == 6
#define LANES_PER_BLOCK 64
#else
#define LANES_PER_BLOCK 32
#endif
#define WARPS (UNIT == 1 || UNIT == 7)

// A word is two neighbours along k. Sizes of the unit's product; words of a lane's fragments of A
// [UNIT_M, 16] and B [16, UNIT_N]; numbers of its fragment of C, how many of them are in one row, and
// their rows and columns.
#if WARPS
#define UNIT_M 16
#define UNIT_N 8
#define A_WORDS 4
#define B_WORDS 2
#define C_NUMBERS 4
#define C_COLUMNS 2
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
#define C_COLUMNS 1
#define C_ROW(lane, i) ((i) * 2 + (lane) / 16)
#define C_COLUMN(lane, i) ((lane) % 16)
#define A_LANE(row, w) (row)
#define A_INDEX(row, w) (w)
#define B_LANE(column, w) (column)
#define B_INDEX(column, w) (w)
#elif UNIT == 5 || UNIT == 6
// The lanes of 16 rows follow each other along k. Which k a word has is nobody's concern but the unit's: it is the
// same for A and B.
#define UNIT_M 16
#define UNIT_N 16
#if UNIT == 5
#define A_WORDS 4
#define C_NUMBERS 8
#else
#define A_WORDS 2
#define C_NUMBERS 4
#endif
#define B_WORDS A_WORDS
#define C_COLUMNS 1
#define C_ROW(lane, i) ((lane) / 16 * C_NUMBERS + (i))
#define C_COLUMN(lane, i) ((lane) % 16)
#define A_LANE(row, w) ((row) + (w) / A_WORDS * 16)
#define A_INDEX(row, w) ((w) % A_WORDS)
#define B_LANE(column, w) A_LANE(column, w)
#define B_INDEX(column, w) A_INDEX(column, w)
#else
#define UNIT_M 8
#define UNIT_N LANES_PER_BLOCK
#define A_WORDS 8
#define B_WORDS 8
#define C_NUMBERS 8
#define C_COLUMNS 1
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
#define UNROLL _Pragma("nounroll")
#else
#define UNROLL _Pragma("unroll")
#endif

// ---- Tiles -----------------------------------------------------------------
// A tile has rows of `words` words, a multiple of 16, in local memory: along k, or across it (units_direct.cl). Fours of words change
// places by their row, so that lanes which read or write together meet all banks.
#define SWIZZLE(row, words) \
  ((words) % 32 ? ((row) / 2 % 2 * 2 + (row) / 4 % 2) ^ (row) / 8 % 2 * 2 \
                : ((row) % 4 * 2 + (row) / 4 % 2) ^ (row) / 8 % 4 * 2)
#define PLACE(row, word, words) \
  ((row) * (words) + (((word) / 4) ^ (SWIZZLE(row, words))) * 4 + (word) % 4)
#define FOUR_AT(tile, row, word, words) \
  (*(__local const uint4*)((tile) + PLACE(row, word, words)))
#define TWO_AT(tile, row, word, words) \
  (*(__local const uint2*)((tile) + PLACE(row, word, words)))

#if WARPS && !EMULATED
// ldmatrix (PTX ISA): four matrices of 8 rows of four words; lanes 8 i on name the rows of the i-th, and
// each lane gets its word of all four.
#define LOAD_MATRICES(x, from) \
  __asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" \
                 : "=r"((x)[0]), "=r"((x)[1]), "=r"((x)[2]), "=r"((x)[3]) : "l"(from) : "memory")
#endif

// From an operand that is stored across k: two rows of eight numbers each, `low` and `high`, become one word
// of the eight rows of a tile from `row` on. Eight neighbouring lanes have eight such pairs of rows, so that
// their stores meet few banks twice: which pair, and which eight of `rows` rows, a copy has.
#define PAIR_OF(copy, rows) ((copy) % 8 + (copy) / (rows) * 8)
#define EIGHT_OF(copy, rows) ((copy) / 8 % ((rows) / 8) * 8)
#define PUT_EIGHT(tile, row, word, words, low, high) { \
    uint low_[4], high_[4]; \
    vstore4(low, 0, low_); \
    vstore4(high, 0, high_); \
    UNROLL for (int i = 0; i < 4; i++) { \
      (tile)[PLACE((row) + 2 * i, word, words)] = (low_[i] & 0xffffu) | high_[i] << 16; \
      (tile)[PLACE((row) + 2 * i + 1, word, words)] = low_[i] >> 16 | (high_[i] & 0xffff0000u); \
    } \
  }

// A number as the unit's operands have it.
inline ushort number_of(const float x) {
#if BRAIN
  const uint bits = as_uint(x);
  return (ushort)(ROUND_TO_BFLOAT16(uint, bits));
#else
  ushort number;
  vstore_half_rte(x, 0, (__private half*)&number);
  return number;
#endif
}

// A lane's fragment of A: rows row0 ..< row0 + UNIT_M of a tile, 16 values of k from 16 step on.
inline void load_a(uint* a, __local const uint* tile, const int row0, const int step, const int words,
                   const int lane) {
#if WARPS && !EMULATED
  LOAD_MATRICES(a, tile + PLACE(row0 + lane % 16, step * 8 + lane / 16 * 4, words));
#elif WARPS
  for (int i = 0; i < 4; i++) {
    a[i] = tile[PLACE(row0 + lane / 4 + i % 2 * 8, step * 8 + lane % 4 + i / 2 * 4, words)];
  }
#elif UNIT == 2
  vstore4(FOUR_AT(tile, row0 + lane % 16, step * 8, words), 0, a);
  vstore4(FOUR_AT(tile, row0 + lane % 16, step * 8 + 4, words), 1, a);
#elif UNIT == 5
  vstore4(FOUR_AT(tile, row0 + lane % 16, step * 8 + lane / 16 * 4, words), 0, a);
#elif UNIT == 6
  vstore2(TWO_AT(tile, row0 + lane % 16, step * 8 + lane / 16 * 2, words), 0, a);
#else
UNROLL
  for (int i = 0; i < 8; i++) {
#if HALF_WORDS
    const int word = PLACE(row0 + i, step * 8 + lane / 2, words);
    a[i] = ((__local const ushort*)tile)[word * 2 + lane % 2];
#else
    a[i] = tile[PLACE(row0 + i, step * 8 + lane, words)];
#endif
  }
#endif
}

// A lane's fragments of B for COLUMNS_LOADED columns, which are rows column0 on of a tile.
#define COLUMNS_LOADED (WARPS ? 16 : UNIT_N)
#define B_LOADED (COLUMNS_LOADED / UNIT_N)
inline void load_b(uint (*b)[B_WORDS], __local const uint* tile, const int column0, const int step,
                   const int words, const int lane) {
#if WARPS && !EMULATED
  uint both[4];
  LOAD_MATRICES(both, tile + PLACE(column0 + lane / 16 * 8 + lane % 8, step * 8 + lane / 8 % 2 * 4, words));
  vstore2((uint2)(both[0], both[1]), 0, b[0]);
  vstore2((uint2)(both[2], both[3]), 0, b[1]);
#elif WARPS
  for (int i = 0; i < 4; i++) {
    b[i / 2][i % 2] =
        tile[PLACE(column0 + lane / 4 + i / 2 * 8, step * 8 + lane % 4 + i % 2 * 4, words)];
  }
#elif UNIT == 5 || UNIT == 6
  load_a(b[0], tile, column0, step, words, lane);
#else
  vstore4(FOUR_AT(tile, column0 + lane % UNIT_N, step * 8, words), 0, b[0]);
  vstore4(FOUR_AT(tile, column0 + lane % UNIT_N, step * 8 + 4, words), 1, b[0]);
#endif
}

#endif
