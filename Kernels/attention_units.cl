// Blocks of attention on matrix units: lanes that act as one have BLOCK_ROWS rows of a block of scores and
// of a result, in fragments. Operands are of 16 bits, weights and their slopes rounded to them.
#include "attention.cl"
#include "units_multiply.cl"

#if UNIT == 3 || UNIT == 4
#define BLOCK_ROWS 8
#else
#define BLOCK_ROWS 16
#endif
#define GROUP (ROWS / BLOCK_ROWS * LANES_PER_BLOCK)

// Elements of a row, with zeros up to whole words of a tile; words of such a row, and of one of weights.
#define PADDED_D ((D + 31) / 32 * 32)
#define D_WORDS (PADDED_D / 2)
#define C_WORDS (COLUMNS / 2)
#define UNITS_M (BLOCK_ROWS / UNIT_M)
#define UNITS_C (COLUMNS / UNIT_N)
#define UNITS_D (PADDED_D / UNIT_N)

// A lane's rows and columns of a block: of each fragment it has C_ROWS x C_COLUMNS numbers.
#define C_ROWS (C_NUMBERS / C_COLUMNS)
#define EACH_ROW UNROLL for (int i = 0; i < UNITS_M * C_ROWS; i++)
#define EACH_COLUMN UNROLL for (int j = 0; j < UNITS_C * C_COLUMNS; j++)
#define ROW (row0 + i / C_ROWS * UNIT_M + C_ROW(lane, i % C_ROWS * C_COLUMNS))
#define COLUMN (j / C_COLUMNS * UNIT_N + C_COLUMN(lane, j % C_COLUMNS))
#define AT(product, i, j) \
  product[(i) / C_ROWS][(j) / C_COLUMNS][(i) % C_ROWS * C_COLUMNS + (j) % C_COLUMNS]
#if EMULATED
#define LANES_SHOWN __local uint shown[GROUP * (A_WORDS + B_WORDS)];
#else
#define LANES_SHOWN
#endif
#define LANES_OF_BLOCKS \
  LANES_SHOWN \
  const int lane = item % LANES_PER_BLOCK, row0 = item / LANES_PER_BLOCK * BLOCK_ROWS;

// For scores a tile's rows lie along d; for results its rows are those of d and lie along the columns of
// the block, which is another tile, `name`_across.
#define WORDS_OF_TILE(name, rows, words) __local uint name[(rows) * (words)] __attribute__((aligned(16)));
#define TILE(name, rows) WORDS_OF_TILE(name, rows, D_WORDS)
#define TILE_ACROSS(name) WORDS_OF_TILE(name##_across, PADDED_D, C_WORDS)
#define TILE_BOTH(name) TILE(name, COLUMNS) TILE_ACROSS(name)

// Eight neighbours of a row of x [extent, stride] from column d on, as words; zeros beyond.
inline uint4 eight_of_head(__global const ushort* x, const int row, const int extent,
                           const size_t stride, const int d) {
  return row < extent && d < D ? *(__global const uint4*)(x + row * stride + d) : (uint4)(0u);
}
#define FROM_HEAD(from, b, h, T, H) (__global const ushort*)(from) + HEAD(b, 0, h, T, H)
#define STAGE(tile, rows, from, b, c0, h, T, H) \
  for (int copy = item; copy < (rows) * (PADDED_D / 8); copy += GROUP) { \
    const int row = copy / (PADDED_D / 8), d = copy % (PADDED_D / 8) * 8; \
    *(__local uint4*)(tile + PLACE(row, d / 2, D_WORDS)) = \
        eight_of_head(FROM_HEAD(from, b, h, T, H), (c0) + row, T, (size_t)(H) * D, d); \
  }
#define STAGE_ACROSS(name, from, b, c0, h, T, H) \
  for (int copy = item; copy < C_WORDS * (PADDED_D / 8); copy += GROUP) { \
    const int d = EIGHT_OF(copy, PADDED_D), word = PAIR_OF(copy, PADDED_D), row = (c0) + 2 * word; \
    const uint4 low = eight_of_head(FROM_HEAD(from, b, h, T, H), row, T, (size_t)(H) * D, d); \
    const uint4 high = eight_of_head(FROM_HEAD(from, b, h, T, H), row + 1, T, (size_t)(H) * D, d); \
    PUT_EIGHT(name##_across, d, word, C_WORDS, low, high) \
  }
#define STAGE_BOTH(name, from, b, c0, h, T, H) \
  STAGE(name, COLUMNS, from, b, c0, h, T, H) \
  STAGE_ACROSS(name, from, b, c0, h, T, H)

// To be rounded to 16 bits: the device's own exponential is exact enough.
#define WEIGHT_OF(x) native_exp2((x) * M_LOG2E_F)
#define WEIGHTS(name) WORDS_OF_TILE(name, ROWS, C_WORDS)
#define SCORES_AND_WEIGHTS(scores, weights) __local float scores[ROWS][COLUMNS + 1]; WEIGHTS(weights)
#define PUT_WEIGHT(weights, row, column, weight) \
  ((__local ushort*)weights)[PLACE(row, (column) / 2, C_WORDS) * 2 + (column) % 2] = number_of(weight);
#define PUT_TWO_WEIGHTS(weights, row, column, two) \
  weights[PLACE(row, (column) / 2, C_WORDS)] = number_of((two).x) | (uint)number_of((two).y) << 16;

// More steps at a time would want more registers than there are (emulated, they only cost build time).
#if EMULATED || UNIT == 2
#define UNROLL_STEPS _Pragma("nounroll")
#else
#define UNROLL_STEPS _Pragma("unroll 2")
#endif
// product += left right^T, of tiles whose rows have `words` words; `units` fragments are a row of product.
#define MULTIPLY_TILES(product, left, right, words, units) \
  UNROLL_STEPS for (int step = 0; step < (words) / 8; step++) { \
    uint left_[UNITS_M][A_WORDS]; \
    UNROLL for (int i = 0; i < UNITS_M; i++) load_a(left_[i], left, row0 + i * UNIT_M, step, words, lane); \
    UNROLL for (int j = 0; j < (units); j += B_LOADED) { \
      uint right_[B_LOADED][B_WORDS]; \
      load_b(right_, right, j * UNIT_N, step, words, lane); \
      UNROLL for (int i = 0; i < UNITS_M; i++) { \
        UNROLL for (int l = 0; l < B_LOADED; l++) MULTIPLY(product[i][j + l], left_[i], right_[l]); \
      } \
    } \
  }
#define DECLARE_FRAGMENTS(name, units) \
  float name[UNITS_M][units][C_NUMBERS]; \
  UNROLL for (int i = 0; i < UNITS_M; i++) { \
    UNROLL for (int j = 0; j < (units); j++) { \
      UNROLL for (int e = 0; e < C_NUMBERS; e++) name[i][j][e] = 0.0f; \
    } \
  }
#define SCORES(product, left, right) \
  DECLARE_FRAGMENTS(product, UNITS_C) \
  MULTIPLY_TILES(product, left, right, D_WORDS, UNITS_C)

#define EACH_ELEMENT UNROLL for (int j = 0; j < UNITS_D * C_COLUMNS; j++)
#define DECLARE_SUMS(sums) DECLARE_FRAGMENTS(sums, UNITS_D)
#define SCALE_SUMS(sums, factor) EACH_ROW EACH_ELEMENT AT(sums, i, j) *= factor[ROW];
#define ACCUMULATE(sums, weights, name) MULTIPLY_TILES(sums, weights, name##_across, C_WORDS, UNITS_D)
#define STORE_ROWS(sums, factor, to, b, t0, h, T, H) \
  EACH_ROW { \
    if ((t0) + ROW < (T)) { \
      EACH_ELEMENT { \
        if (COLUMN < D) STORE_ONE(AT(sums, i, j) * (factor), (to) + HEAD(b, (t0) + ROW, h, T, H) + COLUMN); \
      } \
    } \
  }
