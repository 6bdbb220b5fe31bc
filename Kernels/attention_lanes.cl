// Blocks of attention in ordinary registers: lanes multiply and add, each with some rows and columns of a
// block of scores and some vectors of a result's rows.
#include "attention.cl"

// GROUP_Y lanes share the ROWS rows, GROUP_X the COLUMNS columns.
#define GROUP_X 8
#define GROUP (GROUP_X * GROUP_Y)

// Vectors of 4 in a row, rounded up so that every lane has as many of a result.
#define QUADS ((D + 4 * GROUP_X - 1) / (4 * GROUP_X) * GROUP_X)
#define LANE_ROWS (ROWS / GROUP_Y)
#define LANE_COLUMNS (COLUMNS / GROUP_X)
#define LANE_QUADS (QUADS / GROUP_X)

// A lane's rows and columns of a block, and its vectors of a result's row.
#define EACH_ROW _Pragma("unroll") for (int i = 0; i < LANE_ROWS; i++)
#define EACH_COLUMN _Pragma("unroll") for (int j = 0; j < LANE_COLUMNS; j++)
#define EACH_QUAD _Pragma("unroll") for (int e = 0; e < LANE_QUADS; e++)
#define ROW (item / GROUP_X + i * GROUP_Y)
#define COLUMN (item % GROUP_X + j * GROUP_X)
#define QUAD (item % GROUP_X + e * GROUP_X)
#define AT(product, i, j) product[i][j]
// Unrolled in full, AMD's compiler would fetch all of a row before it multiplies, and spill.
#define TWO_AT_A_TIME _Pragma("unroll 2")
#define LANES_OF_BLOCKS
#define SUBGROUP_SIZE FEW_LANES

// The vector of padding keeps rows that are read together off each other's banks. One tile serves for
// scores and for results.
#define TILE(name, rows) __local float4 name[rows][QUADS + 1];
#define TILE_ACROSS(name) TILE(name, COLUMNS)
#define TILE_BOTH(name) TILE(name, COLUMNS)
#define STAGE(tile, rows, from, b, c0, h, T, H) \
  for (int copy = item; copy < (rows) * QUADS; copy += GROUP) { \
    const int row = (c0) + copy / QUADS, d = copy % QUADS * 4; \
    tile[copy / QUADS][copy % QUADS] = \
        row < (T) ? load_4_within((from) + HEAD(b, row, h, T, H), d, D) : (float4)(0.0f); \
  }
#define STAGE_ACROSS(tile, from, b, c0, h, T, H) STAGE(tile, COLUMNS, from, b, c0, h, T, H)
#define STAGE_BOTH(tile, from, b, c0, h, T, H) STAGE(tile, COLUMNS, from, b, c0, h, T, H)

#define WEIGHT_OF(x) exp_of_log(x)
// Weights are put where the scores were.
#define WEIGHTS(name) __local float name[ROWS][COLUMNS + 1];
#define SCORES_AND_WEIGHTS(scores, weights) WEIGHTS(scores) __local float(*weights)[COLUMNS + 1] = scores;
#define PUT_WEIGHT(weights, row, column, weight) weights[row][column] = weight;
#define PUT_TWO_WEIGHTS(weights, row, column, two) \
  weights[row][column] = (two).x; \
  weights[row][(column) + 1] = (two).y;

#define SCORES(product, left, right) \
  float product[LANE_ROWS][LANE_COLUMNS]; \
  EACH_ROW EACH_COLUMN product[i][j] = 0.0f; \
  TWO_AT_A_TIME for (int d = 0; d < QUADS; d++) { \
    float4 right_[LANE_COLUMNS]; \
    EACH_COLUMN right_[j] = right[COLUMN][d]; \
    EACH_ROW { \
      const float4 left_ = left[ROW][d]; \
      EACH_COLUMN { \
        product[i][j] = MAD(left_.x, right_[j].x, product[i][j]); \
        product[i][j] = MAD(left_.y, right_[j].y, product[i][j]); \
        product[i][j] = MAD(left_.z, right_[j].z, product[i][j]); \
        product[i][j] = MAD(left_.w, right_[j].w, product[i][j]); \
      } \
    } \
  }

#define DECLARE_SUMS(sums) \
  float4 sums[LANE_ROWS][LANE_QUADS]; \
  EACH_ROW EACH_QUAD sums[i][e] = (float4)(0.0f);
#define SCALE_SUMS(sums, factor) EACH_ROW EACH_QUAD sums[i][e] *= factor[ROW];
#define ACCUMULATE(sums, weights, tile) \
  TWO_AT_A_TIME for (int c = 0; c < COLUMNS; c++) { \
    float4 right_[LANE_QUADS]; \
    EACH_QUAD right_[e] = tile[c][QUAD]; \
    EACH_ROW { \
      const float4 weight_ = (float4)(weights[ROW][c]); \
      EACH_QUAD sums[i][e] = MAD(weight_, right_[e], sums[i][e]); \
    } \
  }
#define STORE_ROWS(sums, factor, to, b, t0, h, T, H) \
  EACH_ROW { \
    if ((t0) + ROW < (T)) { \
      EACH_QUAD store_4_within(sums[i][e] * (factor), (to) + HEAD(b, (t0) + ROW, h, T, H), 4 * QUAD, D); \
    } \
  }
