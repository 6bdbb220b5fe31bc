// The gradients of attention for few wide cores. Where there are heads for all cores a work-item owns whole
// heads; else one kernel owns runs of queries, one runs of keys.
#include "attention_tiles.cl"

// 1 where query j of the block that starts at c0 does not see a key.
#if CAUSAL || LENGTHS
#define EARLY(c0, first_query) BELOW(c0, first_query)
#else
#define EARLY(c0, first_query) ((FLOATV)(0.0f))
#endif
#if IS_BANDED
#define UNSEEN(c0, first_query, last_query) max(EARLY(c0, first_query), BEYOND(c0, last_query))
#else
#define UNSEEN(c0, first_query, last_query) EARLY(c0, first_query)
#endif

// The scale of each score's gradient: one for all, or kept beside the weights until their slopes are there.
#if CAPPED
#define BENDS float bends[ROWS][COLUMNS];
#define PUT_BEND(s) STORE(SLOPE_OF_SCORE(s), bends[r] + j * VECTOR);
#define BEND LOAD(bends[r] + j * VECTOR)
#else
#define BENDS
#define PUT_BEND(s)
#define BEND scale
#endif

// Adds the products of a tile's weights with rows of queries to rows `at` of `to`; beyond TK there are none.
#define ADD_TO_ROWS(to, weights, values) \
  EACH_PART { \
    FLOATV sums[ROWS][EV]; \
    EACH_ROW EACH_OF_PART sums[r][e] = LOAD((to) + at[r] + (part + e) * VECTOR); \
    ACCUMULATE_PART(sums, 0, weights, values, H * D, from, count) \
    EACH_ROW { \
      if (t0 + r < TK) { \
        EACH_OF_PART STORE(sums[r][e], (to) + at[r] + (part + e) * VECTOR); \
      } \
    } \
  }

// dq: [B, TQ, H, D]; dout: as dq; k: [B, TK, G, D]; k_packed, v_packed: packed;
// statistics: [B, H, 2, padded_q]. Work-items: (runs of `run` queries, B H).
VECTOR_KERNEL attention_rows_gradient(
    __global const Q_TYPE* q, __global const DOUT_TYPE* dout, __global const K_TYPE* k,
    __global const float* k_packed, __global const float* v_packed,
    __global const float* statistics, __global DQ_TYPE* dq, const int TQ, const int TK, const int H,
    const int G, const int padded, const int padded_q, const int run,
    SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int first = get_global_id(0) * run, last = min(TQ, first + run);
  __global const float* k_blocks = k_packed + ((size_t)b * G + g) * D * padded;
  __global const float* v_blocks = v_packed + ((size_t)b * G + g) * D * padded;
  __global const float* log_sum = statistics + (size_t)bh * 2 * padded_q;
  for (int t0 = first; t0 < last; t0 += ROWS) {
    __global const Q_TYPE* rows[ROWS];
    __global const DOUT_TYPE* drows[ROWS];
    FLOATV sums[ROWS][DV];
    EACH_ROW {
      rows[r] = q + HEAD(b, min(t0 + r, TQ - 1), h, TQ, H);
      drows[r] = dout + HEAD(b, min(t0 + r, TQ - 1), h, TQ, H);
      EACH_ELEMENT sums[r][e] = (FLOATV)(0.0f);
    }
    const int visible = LAST_KEY(t0 + ROWS - 1) + 1;
    for (int c0 = FIRST_KEY(t0) / COLUMNS * COLUMNS; c0 < visible; c0 += COLUMNS) {
      float weights[ROWS][COLUMNS];
      BENDS
      {
        SCORES(score, rows, k_blocks + (size_t)c0 * D)
        EACH_ROW {
          const int last_key = LAST_KEY(t0 + r), first_key = FIRST_KEY(t0 + r);
          const float shift = log_sum[t0 + r];
          EACH_COLUMN {
            const FLOATV s = SCALED(score[r][j]) + OUTSIDE(c0, first_key, last_key) * LOWEST;
            STORE(exp_of_log(s - shift), weights[r] + j * VECTOR);
            PUT_BEND(SCALED(score[r][j]))
          }
        }
      }
      {
        SCORES(slope, drows, v_blocks + (size_t)c0 * D)
        EACH_ROW {
          const float delta = log_sum[padded_q + t0 + r];
          EACH_COLUMN {
            const FLOATV p = LOAD(weights[r] + j * VECTOR);
            STORE(p * (slope[r][j] - delta) * BEND, weights[r] + j * VECTOR);
          }
        }
      }
      ACCUMULATE(sums, weights, k + HEAD(b, c0, g, TK, G), G * D, 0, min(COLUMNS, visible - c0))
    }
    EACH_ROW {
      if (t0 + r < last) {
        __global DQ_TYPE* to = dq + HEAD(b, t0 + r, h, TQ, H);
        EACH_ELEMENT STORE(sums[r][e], to + e * VECTOR);
      }
    }
  }
}

// dk, dv: [B, TK, G, D]; q_packed, dout_packed: packed; statistics: [B, H, 2, padded].
// Work-items: (runs of `run` keys, B G).
VECTOR_KERNEL attention_columns_gradient(
    __global const Q_TYPE* q, __global const DOUT_TYPE* dout, __global const K_TYPE* k,
    __global const V_TYPE* v, __global const float* q_packed, __global const float* dout_packed,
    __global const float* statistics, __global DK_TYPE* dk, __global DV_TYPE* dv, const int TQ,
    const int TK, const int H, const int G, const int padded, const int run,
    SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  const int bg = get_global_id(1), b = bg / G, g = bg % G, group = H / G, keys = KEYS(b);
  const int first = get_global_id(0) * run, last = min(TK, first + run);
  for (int t0 = first; t0 < last; t0 += ROWS) {
    __global const K_TYPE* k_rows[ROWS];
    __global const V_TYPE* v_rows[ROWS];
    FLOATV k_sums[ROWS][DV];
    FLOATV v_sums[ROWS][DV];
    EACH_ROW {
      k_rows[r] = k + HEAD(b, min(t0 + r, TK - 1), g, TK, G);
      v_rows[r] = v + HEAD(b, min(t0 + r, TK - 1), g, TK, G);
      EACH_ELEMENT {
        k_sums[r][e] = (FLOATV)(0.0f);
        v_sums[r][e] = (FLOATV)(0.0f);
      }
    }
    // The queries that see some key of the tile.
    const int seen = FIRST_QUERY(t0), end = LAST_QUERY(t0 + ROWS - 1) + 1;
    for (int h = g * group; h < (g + 1) * group; h++) {
      const size_t head = (size_t)b * H + h;
      __global const float* queries = q_packed + head * D * padded;
      __global const float* slopes = dout_packed + head * D * padded;
      __global const float* log_sum = statistics + head * 2 * padded;
      for (int c0 = seen / COLUMNS * COLUMNS; c0 < end; c0 += COLUMNS) {
        const int count = min(COLUMNS, TQ - c0);
        float weights[ROWS][COLUMNS];
        float dscores[ROWS][COLUMNS];
        BENDS
        {
          SCORES(score, k_rows, queries + (size_t)c0 * D)
          EACH_ROW {
            const int first_query = FIRST_QUERY(t0 + r), last_query = LAST_QUERY(t0 + r);
            EACH_COLUMN {
              const FLOATV hidden = UNSEEN(c0, first_query, last_query);
              const FLOATV s = SCALED(score[r][j]) + hidden * LOWEST;
              STORE(exp_of_log(s - LOAD(log_sum + c0 + j * VECTOR)), weights[r] + j * VECTOR);
              PUT_BEND(SCALED(score[r][j]))
            }
          }
        }
        {
          SCORES(slope, v_rows, slopes + (size_t)c0 * D)
          EACH_ROW EACH_COLUMN {
            const FLOATV p = LOAD(weights[r] + j * VECTOR);
            const FLOATV delta = LOAD(log_sum + padded + c0 + j * VECTOR);
            STORE(p * (slope[r][j] - delta) * BEND, dscores[r] + j * VECTOR);
          }
        }
        const int from = max(0, seen - c0);
        ACCUMULATE(v_sums, weights, dout + HEAD(b, c0, h, TQ, H), H * D, from, count)
        ACCUMULATE(k_sums, dscores, q + HEAD(b, c0, h, TQ, H), H * D, from, count)
      }
    }
    EACH_ROW {
      if (t0 + r < last) {
        const size_t to = HEAD(b, t0 + r, g, TK, G);
        EACH_ELEMENT {
          STORE(k_sums[r][e], dk + to + e * VECTOR);
          STORE(v_sums[r][e], dv + to + e * VECTOR);
        }
      }
    }
  }
}

// Keys that all queries see before the next ones: few enough that they, their values and the gradients of
// both stay in the second cache. A multiple of ROWS.
#define KEYS_AT_ONCE (86 * ROWS)

// The gradients of all queries, keys and values of a key head, which a work-item owns: scores and slopes are
// then made once. A block of queries stays in the first cache while tiles of keys pass.
// q, out, dout, dq: [B, TQ, H, D], k, v, dk, dv: [B, TK, G, D], log_sum: [B, H, TQ]. Work-items: B G.
VECTOR_KERNEL attention_heads_gradient(
    __global const Q_TYPE* q, __global const K_TYPE* k, __global const V_TYPE* v, __global const OUT_TYPE* out,
    __global const float* log_sum, __global const DOUT_TYPE* dout, __global DQ_TYPE* dq, __global DK_TYPE* dk,
    __global DV_TYPE* dv, const int TQ, const int TK, const int H, const int G,
    SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  const int bg = get_global_id(0), b = bg / G, g = bg % G, group = H / G, keys = KEYS(b);
  for (int t = 0; t < TQ; t++) {
    __global DQ_TYPE* to = dq + HEAD(b, t, g * group, TQ, H);
    for (int d = 0; d < group * D; d += VECTOR) STORE((FLOATV)(0.0f), to + d);
  }
  for (int t = 0; t < TK; t++) {
    const size_t to = HEAD(b, t, g, TK, G);
    EACH_ELEMENT {
      STORE((FLOATV)(0.0f), dk + to + e * VECTOR);
      STORE((FLOATV)(0.0f), dv + to + e * VECTOR);
    }
  }
  for (int k0 = 0; k0 < TK; k0 += KEYS_AT_ONCE) {
    const int k1 = min(TK, k0 + KEYS_AT_ONCE);
    // The queries that see some of these keys.
    const int seen = FIRST_QUERY(k0), end = LAST_QUERY(k1 - 1) + 1;
    for (int h = g * group; h < (g + 1) * group; h++) {
      for (int c0 = seen / COLUMNS * COLUMNS; c0 < end; c0 += COLUMNS) {
        const int count = min(COLUMNS, TQ - c0);
        float queries[D * COLUMNS] ALIGNED_TO_VECTORS, slopes[D * COLUMNS] ALIGNED_TO_VECTORS;
        float shifts[COLUMNS] ALIGNED_TO_VECTORS, deltas[COLUMNS] ALIGNED_TO_VECTORS;
        TRANSPOSE(queries, q, b, h, c0, TQ, H)
        TRANSPOSE(slopes, dout, b, h, c0, TQ, H)
        for (int c = 0; c < COLUMNS; c++) {
          const int t = min(c0 + c, TQ - 1);
          const size_t row = HEAD(b, t, h, TQ, H);
          FLOATV delta = (FLOATV)(0.0f);
          EACH_ELEMENT delta = MAD(LOAD(out + row + e * VECTOR), LOAD(dout + row + e * VECTOR), delta);
          deltas[c] = vector_sum(delta);
          shifts[c] = log_sum[((size_t)b * H + h) * TQ + t];
        }
        // The keys that some of these queries see.
        const int first_key = max(k0, FIRST_KEY(c0)), last_key = min(k1 - 1, LAST_KEY(c0 + count - 1));
        for (int t0 = k0 + (first_key - k0) / ROWS * ROWS; t0 <= last_key; t0 += ROWS) {
          __global const K_TYPE* k_rows[ROWS];
          __global const V_TYPE* v_rows[ROWS];
          size_t at[ROWS];
          EACH_ROW {
            at[r] = HEAD(b, min(t0 + r, TK - 1), g, TK, G);
            k_rows[r] = k + at[r];
            v_rows[r] = v + at[r];
          }
          float weights[ROWS][COLUMNS], dscores[ROWS][COLUMNS] ALIGNED_TO_VECTORS;
          BENDS
          {
            SCORES(score, k_rows, queries)
            EACH_ROW {
              const int first_query = FIRST_QUERY(t0 + r), last_query = LAST_QUERY(t0 + r);
              EACH_COLUMN {
                const FLOATV s = SCALED(score[r][j]) - LOAD(shifts + j * VECTOR);
                STORE(exp_of_log(s + UNSEEN(c0, first_query, last_query) * LOWEST), weights[r] + j * VECTOR);
                PUT_BEND(SCALED(score[r][j]))
              }
            }
          }
          {
            SCORES(slope, v_rows, slopes)
            EACH_ROW EACH_COLUMN {
              const FLOATV p = LOAD(weights[r] + j * VECTOR);
              STORE(p * (slope[r][j] - LOAD(deltas + j * VECTOR)) * BEND, dscores[r] + j * VECTOR);
            }
          }
          const int from = max(0, FIRST_QUERY(t0) - c0);
          ADD_TO_ROWS(dv, weights, dout + HEAD(b, c0, h, TQ, H))
          ADD_TO_ROWS(dk, dscores, q + HEAD(b, c0, h, TQ, H))
          EACH_PART {
            FLOATV keys_of_tile[ROWS][EV];
            EACH_ROW EACH_OF_PART {
              keys_of_tile[r][e] =
                  t0 + r < TK ? LOAD(k_rows[r] + (part + e) * VECTOR) : (FLOATV)(0.0f);
            }
            for (int c = from; c < count; c++) {
              __global DQ_TYPE* to = dq + HEAD(b, c0 + c, h, TQ, H) + part * VECTOR;
              FLOATV sums[EV];
              EACH_OF_PART sums[e] = LOAD(to + e * VECTOR);
              EACH_ROW {
                const FLOATV left = (FLOATV)(dscores[r][c]);
                EACH_OF_PART sums[e] = MAD(left, keys_of_tile[r][e], sums[e]);
              }
              EACH_OF_PART STORE(sums[e], to + e * VECTOR);
            }
          }
        }
      }
    }
  }
}
