// Attention for many narrow lanes: a work-group owns ROWS rows and walks over blocks of COLUMNS rows
// of the other side in local memory. A block of scores is a product of two tiles, of which a lane has
// some rows and columns in registers; its weights go through local memory into the next product.
#include "attention.cl"

// Rows that a group owns, rows of a block, and the lanes that share the rows.
#ifndef ROWS
#define ROWS 64
#endif
#ifndef COLUMNS
#define COLUMNS 32
#endif
#ifndef GROUP_Y
#define GROUP_Y 8
#endif
// Which kernel is wanted, because some drivers (Oclgrind) add up the local memory of all that a program
// has: 1, attention_rows; 2, attention_rows_gradient; 3, attention_columns_gradient; 0, all.
#ifndef ONLY
#define ONLY 0
#endif
#define GROUP_X 8
#define GROUP (GROUP_X * GROUP_Y)

// Vectors of 4 in a row, rounded up so that every lane has as many of a result.
#define QUADS ((D + 4 * GROUP_X - 1) / (4 * GROUP_X) * GROUP_X)
#define LANE_ROWS (ROWS / GROUP_Y)
#define LANE_COLUMNS (COLUMNS / GROUP_X)
#define LANE_QUADS (QUADS / GROUP_X)

#define EACH_ROW _Pragma("unroll") for (int i = 0; i < LANE_ROWS; i++)
#define EACH_COLUMN _Pragma("unroll") for (int j = 0; j < LANE_COLUMNS; j++)
#define EACH_QUAD _Pragma("unroll") for (int e = 0; e < LANE_QUADS; e++)
// A lane's rows and columns of a block, and its vectors of a result's row.
#define ROW (y + i * GROUP_Y)
#define COLUMN (x + j * GROUP_X)
#define QUAD (x + e * GROUP_X)

// The vector of padding keeps rows that are read together off each other's banks.
#define TILE(name, rows) __local float4 name[rows][QUADS + 1]

// Copies `rows` rows of head h of `from`, from c0 on, zeros beyond T and beyond D.
#define STAGE(tile, rows, from, b, c0, h, T, H) \
  for (int copy = lane; copy < (rows) * QUADS; copy += GROUP) { \
    const int row = (c0) + copy / QUADS, d = copy % QUADS * 4; \
    tile[copy / QUADS][copy % QUADS] = \
        row < (T) ? load_4_within((from) + HEAD(b, row, h, T, H), d, D) : (float4)(0.0f); \
  }

// product[i][j] = sum over d of left[ROW][d] right[COLUMN][d]
#define SCORES(product, left, right) \
  float product[LANE_ROWS][LANE_COLUMNS]; \
  EACH_ROW EACH_COLUMN product[i][j] = 0.0f; \
  for (int d = 0; d < QUADS; d++) { \
    float4 right_[LANE_COLUMNS]; \
    EACH_COLUMN right_[j] = right[COLUMN][d]; \
    EACH_ROW { \
      const float4 left_ = left[ROW][d]; \
      EACH_COLUMN { \
        product[i][j] = fma(left_.x, right_[j].x, product[i][j]); \
        product[i][j] = fma(left_.y, right_[j].y, product[i][j]); \
        product[i][j] = fma(left_.z, right_[j].z, product[i][j]); \
        product[i][j] = fma(left_.w, right_[j].w, product[i][j]); \
      } \
    } \
  }

#define DECLARE_SUMS(sums) \
  float4 sums[LANE_ROWS][LANE_QUADS]; \
  EACH_ROW EACH_QUAD sums[i][e] = (float4)(0.0f);

// sums[i][e] += sum over c of weights[ROW][c] tile[c][QUAD]
#define ACCUMULATE(sums, weights, tile) \
  for (int c = 0; c < COLUMNS; c++) { \
    float4 right_[LANE_QUADS]; \
    EACH_QUAD right_[e] = tile[c][QUAD]; \
    EACH_ROW { \
      const float4 weight_ = (float4)(weights[ROW][c]); \
      EACH_QUAD sums[i][e] = fma(weight_, right_[e], sums[i][e]); \
    } \
  }

// Stores rows t0 + ROW below T, times a factor, as head h of `to`.
#define STORE_ROWS(sums, factor, to, b, t0, h, T, H) \
  EACH_ROW { \
    if ((t0) + ROW < (T)) { \
      EACH_QUAD store_4_within(sums[i][e] * (factor), (to) + HEAD(b, (t0) + ROW, h, T, H), 4 * QUAD, D); \
    } \
  }

#define LANES_OF_GROUP \
  const int lane = get_local_id(0), x = lane % GROUP_X, y = lane / GROUP_X; \
  const int t0 = get_group_id(0) * ROWS;

#if ONLY == 0 || ONLY == 1
// q, out: [B, TQ, H, D], k, v: [B, TK, G, D], log_sum: [B, H, TQ]. Groups: (blocks of queries, B H).
// A group has as many lanes as rows: while scores become weights, each lane has one row.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_rows(
    __global const T0* q, __global const T1* k, __global const T2* v, __global T3* out,
    __global float* log_sum, const int TQ, const int TK, const int H, const int G,
    const float scale SIGHT_PARAMETER) {
  TILE(q_tile, ROWS);
  TILE(tile, COLUMNS);
  __local float weights[ROWS][COLUMNS + 1];
  __local float best[ROWS], total[ROWS], factor[ROWS];
  LANES_OF_GROUP
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int visible = LAST_KEY(min(TQ, t0 + ROWS) - 1) + 1;
  STAGE(q_tile, ROWS, q, b, t0, h, TQ, H)
  for (int row = lane; row < ROWS; row += GROUP) {
    best[row] = LOWEST;
    total[row] = 0.0f;
  }
  DECLARE_SUMS(sums)
  for (int c0 = FIRST_KEY(t0) / COLUMNS * COLUMNS; c0 < visible; c0 += COLUMNS) {
    STAGE(tile, COLUMNS, k, b, c0, g, TK, G)
    barrier(CLK_LOCAL_MEM_FENCE);  // queries and keys are complete
    SCORES(score, q_tile, tile)
    EACH_ROW {
      const int last_key = LAST_KEY(t0 + ROW), first_key = FIRST_KEY(t0 + ROW);
      EACH_COLUMN {
        const int c = c0 + COLUMN;
        weights[ROW][COLUMN] = c > last_key || c < first_key ? LOWEST : score[i][j] * scale;
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // scores are complete, and all have read the keys
    STAGE(tile, COLUMNS, v, b, c0, g, TK, G)
    for (int row = lane; row < ROWS; row += GROUP) {
      const float before = best[row];
      float now = before, sum = 0.0f;
      for (int c = 0; c < COLUMNS; c++) now = max(now, weights[row][c]);
      for (int c = 0; c < COLUMNS; c++) {
        const float weight = exp_of_log(weights[row][c] - now);
        weights[row][c] = weight;
        sum += weight;
      }
      factor[row] = exp_of_log(before - now);
      total[row] = total[row] * factor[row] + sum;
      best[row] = now;
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // weights, factors and values are complete
    EACH_ROW EACH_QUAD sums[i][e] *= factor[ROW];
    ACCUMULATE(sums, weights, tile)
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the values before keys are written there
  }
  STORE_ROWS(sums, 1.0f / total[ROW], out, b, t0, h, TQ, H)
  for (int row = lane; row < ROWS && t0 + row < TQ; row += GROUP) {
    log_sum[(size_t)bh * TQ + t0 + row] = best[row] + log(total[row]);
  }
}
#endif

#if ONLY == 0 || ONLY == 2
// dq, dout: [B, TQ, H, D], statistics: [B, H, 2, padded]. Groups: (blocks of queries, B H).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_rows_gradient(
    __global const T0* q, __global const T1* k, __global const T2* v, __global const T3* dout,
    __global const float* statistics, __global T5* dq, const int TQ, const int TK, const int H,
    const int G, const int padded, const float scale SIGHT_PARAMETER) {
  TILE(q_tile, ROWS);
  TILE(d_tile, ROWS);
  TILE(k_tile, COLUMNS);
  TILE(v_tile, COLUMNS);
  __local float dscores[ROWS][COLUMNS + 1];
  LANES_OF_GROUP
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int visible = LAST_KEY(min(TQ, t0 + ROWS) - 1) + 1;
  __global const float* log_sum = statistics + (size_t)bh * 2 * padded;
  STAGE(q_tile, ROWS, q, b, t0, h, TQ, H)
  STAGE(d_tile, ROWS, dout, b, t0, h, TQ, H)
  DECLARE_SUMS(sums)
  for (int c0 = FIRST_KEY(t0) / COLUMNS * COLUMNS; c0 < visible; c0 += COLUMNS) {
    STAGE(k_tile, COLUMNS, k, b, c0, g, TK, G)
    STAGE(v_tile, COLUMNS, v, b, c0, g, TK, G)
    barrier(CLK_LOCAL_MEM_FENCE);  // all tiles are complete
    SCORES(score, q_tile, k_tile)
    SCORES(slope, d_tile, v_tile)
    EACH_ROW {
      const int t = min(t0 + ROW, TQ - 1);
      const int last_key = LAST_KEY(t), first_key = FIRST_KEY(t);
      EACH_COLUMN {
        const int c = c0 + COLUMN;
        const float weight = exp_of_log(score[i][j] * scale - log_sum[t]);
        dscores[ROW][COLUMN] = c > last_key || c < first_key
            ? 0.0f : weight * (slope[i][j] - log_sum[padded + t]) * scale;
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // the block of gradients is complete
    ACCUMULATE(sums, dscores, k_tile)
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
  }
  STORE_ROWS(sums, 1.0f, dq, b, t0, h, TQ, H)
}
#endif

#if ONLY == 0 || ONLY == 3
// dk, dv: [B, TK, G, D], statistics: [B, H, 2, padded]. Groups: (blocks of keys, B G).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_columns_gradient(
    __global const T0* q, __global const T1* k, __global const T2* v, __global const T3* dout,
    __global const float* statistics, __global T5* dk, __global T6* dv, const int TQ, const int TK,
    const int H, const int G, const int padded, const float scale SIGHT_PARAMETER) {
  TILE(k_tile, ROWS);
  TILE(v_tile, ROWS);
  TILE(q_tile, COLUMNS);
  TILE(d_tile, COLUMNS);
  __local float weights[ROWS][COLUMNS + 1];
  __local float dscores[ROWS][COLUMNS + 1];
  LANES_OF_GROUP
  const int bg = get_global_id(1), b = bg / G, g = bg % G, group = H / G, keys = KEYS(b);
  // The queries that see some key of the group.
  const int start = FIRST_QUERY(t0), end = LAST_QUERY(t0 + ROWS - 1) + 1;
  STAGE(k_tile, ROWS, k, b, t0, g, TK, G)
  STAGE(v_tile, ROWS, v, b, t0, g, TK, G)
  DECLARE_SUMS(k_sums)
  DECLARE_SUMS(v_sums)
  for (int h = g * group; h < (g + 1) * group; h++) {
    __global const float* log_sum = statistics + ((size_t)b * H + h) * 2 * padded;
    for (int c0 = start / COLUMNS * COLUMNS; c0 < end; c0 += COLUMNS) {
      STAGE(q_tile, COLUMNS, q, b, c0, h, TQ, H)
      STAGE(d_tile, COLUMNS, dout, b, c0, h, TQ, H)
      barrier(CLK_LOCAL_MEM_FENCE);  // all tiles are complete
      SCORES(score, k_tile, q_tile)
      SCORES(slope, v_tile, d_tile)
      EACH_ROW {
        const int first_query = FIRST_QUERY(t0 + ROW), last_query = LAST_QUERY(t0 + ROW);
        EACH_COLUMN {
          const int t = min(c0 + COLUMN, TQ - 1);
          const int is_seen = c0 + COLUMN <= last_query && c0 + COLUMN >= first_query;
          const float weight = is_seen ? exp_of_log(score[i][j] * scale - log_sum[t]) : 0.0f;
          weights[ROW][COLUMN] = weight;
          dscores[ROW][COLUMN] = weight * (slope[i][j] - log_sum[padded + t]) * scale;
        }
      }
      barrier(CLK_LOCAL_MEM_FENCE);  // weights and their gradients are complete
      ACCUMULATE(v_sums, weights, d_tile)
      ACCUMULATE(k_sums, dscores, q_tile)
      barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
    }
  }
  STORE_ROWS(k_sums, 1.0f, dk, b, t0, g, TK, G)
  STORE_ROWS(v_sums, 1.0f, dv, b, t0, g, TK, G)
}
#endif
