// Attention for many narrow lanes: a work-group owns ROWS rows and walks over blocks of COLUMNS rows
// of the other side in local memory. A block of scores is a product of two tiles, of which a lane has
// some rows and columns in registers; its weights go through local memory into the next product.
#include "attention.cl"

// Rows that a group owns, rows of a block, and, without matrix units, the lanes that share the rows.
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

// How blocks are multiplied. Each of the two files has:
//   TILE, TILE_ACROSS, TILE_BOTH, STAGE...   tiles for scores, for results, for both, and copies to them
//   SCORES(product, left, right)             product[r][c] = sum over d of left[r][d] right[c][d]
//   EACH_ROW, EACH_COLUMN, ROW, COLUMN, AT   a lane's part of such a product
//   WEIGHT_OF(x)                             e^x, of the logarithm of a weight
//   PUT_WEIGHT, PUT_TWO_WEIGHTS              where a block's weights wait for the next product
//   ACCUMULATE(sums, weights, tile)          sums[r][d] += sum over c of weights[r][c] tile[c][d]
//   SCALE_SUMS, STORE_ROWS                   rows t0 + ROW below T, times a factor, become head h of `to`
//   LANES_OF_BLOCKS, SUBGROUP_SIZE           what a kernel and its lanes need besides
#ifndef UNITS
#define UNITS 0
#endif
#if UNITS
#include "attention_units.cl"
#else
#include "attention_lanes.cl"
#endif

#define LANES_OF_GROUP \
  const int item = get_local_id(0), t0 = get_group_id(0) * ROWS; \
  LANES_OF_BLOCKS

#if ONLY == 0 || ONLY == 1
// q, out: [B, TQ, H, D], k, v: [B, TK, G, D], log_sum: [B, H, TQ]. Groups: (blocks of queries, B H).
// While scores become weights, each row has one lane.
__kernel SUBGROUP_SIZE __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_rows(
    __global const Q_TYPE* q, __global const K_TYPE* k, __global const V_TYPE* v, __global OUT_TYPE* out,
    __global float* log_sum, const int TQ, const int TK, const int H, const int G,
    SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  TILE(q_tile, ROWS)
  TILE_BOTH(tile)
  SCORES_AND_WEIGHTS(scores, weights)
  __local float best[ROWS], total[ROWS], factor[ROWS];
  LANES_OF_GROUP
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int visible = LAST_KEY(min(TQ, t0 + ROWS) - 1) + 1;
  STAGE(q_tile, ROWS, q, b, t0, h, TQ, H)
  for (int row = item; row < ROWS; row += GROUP) {
    best[row] = LOWEST;
    total[row] = 0.0f;
  }
  DECLARE_SUMS(sums)
  for (int c0 = FIRST_KEY(t0) / COLUMNS * COLUMNS; c0 < visible; c0 += COLUMNS) {
    STAGE(tile, COLUMNS, k, KEY_ROW(b), c0, g, TK, G)
    barrier(CLK_LOCAL_MEM_FENCE);  // queries and keys are complete
    SCORES(score, q_tile, tile)
    EACH_ROW {
      const int last_key = LAST_KEY(t0 + ROW), first_key = FIRST_KEY(t0 + ROW);
      EACH_COLUMN {
        const int c = c0 + COLUMN;
        scores[ROW][COLUMN] = c > last_key || c < first_key ? LOWEST : SCALED_ONE(AT(score, i, j));
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // scores are complete, and all have read the keys
    STAGE_ACROSS(tile, v, KEY_ROW(b), c0, g, TK, G)
    for (int row = item; row < ROWS; row += GROUP) {
      const float before = best[row];
      float now = before, sum = 0.0f;
      for (int c = 0; c < COLUMNS; c++) now = max(now, scores[row][c]);
      for (int c = 0; c < COLUMNS; c += 2) {
        const float2 two =
            (float2)(WEIGHT_OF(scores[row][c] - now), WEIGHT_OF(scores[row][c + 1] - now));
        PUT_TWO_WEIGHTS(weights, row, c, two)
        sum += two.x;
        sum += two.y;
      }
      factor[row] = exp_of_log(before - now);
      total[row] = total[row] * factor[row] + sum;
      best[row] = now;
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // weights, factors and values are complete
    SCALE_SUMS(sums, factor)
    ACCUMULATE(sums, weights, tile)
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the values before keys are written there
  }
  STORE_ROWS(sums, 1.0f / total[ROW], out, b, t0, h, TQ, H)
  for (int row = item; row < ROWS && t0 + row < TQ; row += GROUP) {
    log_sum[(size_t)bh * TQ + t0 + row] = best[row] + log(total[row]);
  }
}
#endif

#if ONLY == 0 || ONLY == 2
// dq, dout: [B, TQ, H, D], statistics: [B, H, 2, padded]. Groups: (blocks of queries, B H).
__kernel SUBGROUP_SIZE __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_rows_gradient(
    __global const Q_TYPE* q, __global const K_TYPE* k, __global const V_TYPE* v, __global const DOUT_TYPE* dout,
    __global const float* statistics, __global DQ_TYPE* dq, const int TQ, const int TK, const int H,
    const int G, const int padded, SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  TILE(q_tile, ROWS)
  TILE(d_tile, ROWS)
  TILE_BOTH(k_tile)
  TILE(v_tile, COLUMNS)
  WEIGHTS(dscores)
  LANES_OF_GROUP
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int visible = LAST_KEY(min(TQ, t0 + ROWS) - 1) + 1;
  __global const float* log_sum = statistics + (size_t)bh * 2 * padded;
  STAGE(q_tile, ROWS, q, b, t0, h, TQ, H)
  STAGE(d_tile, ROWS, dout, b, t0, h, TQ, H)
  DECLARE_SUMS(sums)
  for (int c0 = FIRST_KEY(t0) / COLUMNS * COLUMNS; c0 < visible; c0 += COLUMNS) {
    STAGE_BOTH(k_tile, k, b, c0, g, TK, G)
    STAGE(v_tile, COLUMNS, v, b, c0, g, TK, G)
    barrier(CLK_LOCAL_MEM_FENCE);  // all tiles are complete
    SCORES(score, q_tile, k_tile)
    SCORES(slope, d_tile, v_tile)
    EACH_ROW {
      const int t = min(t0 + ROW, TQ - 1);
      const int last_key = LAST_KEY(t), first_key = FIRST_KEY(t);
      EACH_COLUMN {
        const int c = c0 + COLUMN;
        const float weight = WEIGHT_OF(SCALED_ONE(AT(score, i, j)) - log_sum[t]);
        const float dscore = weight * (AT(slope, i, j) - log_sum[padded + t]) *
                             SLOPE_OF_SCORE(SCALED_ONE(AT(score, i, j)));
        PUT_WEIGHT(dscores, ROW, COLUMN, c > last_key || c < first_key ? 0.0f : dscore)
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
__kernel SUBGROUP_SIZE __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_columns_gradient(
    __global const Q_TYPE* q, __global const K_TYPE* k, __global const V_TYPE* v, __global const DOUT_TYPE* dout,
    __global const float* statistics, __global DK_TYPE* dk, __global DV_TYPE* dv, const int TQ, const int TK,
    const int H, const int G, const int padded, SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  TILE(k_tile, ROWS)
  TILE(v_tile, ROWS)
  TILE_BOTH(q_tile)
  TILE_BOTH(d_tile)
  WEIGHTS(weights)
  WEIGHTS(dscores)
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
      STAGE_BOTH(q_tile, q, b, c0, h, TQ, H)
      STAGE_BOTH(d_tile, dout, b, c0, h, TQ, H)
      barrier(CLK_LOCAL_MEM_FENCE);  // all tiles are complete
      SCORES(score, k_tile, q_tile)
      SCORES(slope, v_tile, d_tile)
      EACH_ROW {
        const int first_query = FIRST_QUERY(t0 + ROW), last_query = LAST_QUERY(t0 + ROW);
        EACH_COLUMN {
          const int t = min(c0 + COLUMN, TQ - 1);
          const int is_seen = c0 + COLUMN <= last_query && c0 + COLUMN >= first_query;
          const float weight = is_seen ? WEIGHT_OF(SCALED_ONE(AT(score, i, j)) - log_sum[t]) : 0.0f;
          const float dscore = weight * (AT(slope, i, j) - log_sum[padded + t]) *
                               SLOPE_OF_SCORE(SCALED_ONE(AT(score, i, j)));
          PUT_WEIGHT(weights, ROW, COLUMN, weight)
          PUT_WEIGHT(dscores, ROW, COLUMN, dscore)
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
