// Attention for few wide cores: a work-item owns runs of ROWS rows, and each block of scores is a
// register tile of ROWS x COLUMNS, the same micro-kernel as a matrix product's.
#include "attention.cl"

// Rows of a tile, and vectors of a block of scores.
#ifndef ROWS
#define ROWS 6
#endif
#ifndef CV
#define CV 2
#endif
#define COLUMNS (CV * VECTOR)

#define EACH_ROW _Pragma("unroll") for (int r = 0; r < ROWS; r++)
#define EACH_COLUMN _Pragma("unroll") for (int j = 0; j < CV; j++)
#define EACH_ELEMENT _Pragma("unroll") for (int e = 0; e < DV; e++)

// packed[b, h, block, d, j] = x[b, t, h, d] for t = block COLUMNS + j, 0 from T on. A work-item owns
// one block.
VECTOR_KERNEL attention_pack(__global const T0* x, __global float* packed, const int T,
                             const int H, const int padded) {
  const int bh = get_global_id(1), start = get_global_id(0) * COLUMNS;
  __global float* to = packed + ((size_t)bh * padded + start) * D;
  int j = 0;
#if D % 4 == 0
  for (; j + 4 <= COLUMNS && start + j + 4 <= T; j += 4) {
    __global const T0* from = x + HEAD(bh / H, start + j, bh % H, T, H);
    const int row = H * D;
    for (int d = 0; d < D; d += 4) {
      store_transposed(load_4(from + d), load_4(from + row + d), load_4(from + 2 * row + d),
                       load_4(from + 3 * row + d), to + d * COLUMNS + j, COLUMNS);
    }
  }
#endif
  for (; j < COLUMNS; j++) {
    __global const T0* from = x + HEAD(bh / H, min(start + j, T - 1), bh % H, T, H);
    for (int d = 0; d < D; d++) to[d * COLUMNS + j] = start + j < T ? LOAD_ONE(from + d) : 0.0f;
  }
}

// tile[r][j] = sum over d of rows[r][d] columns[d][j]: a block of scores.
#define SCORES(tile, rows, columns) \
  FLOATV tile[ROWS][CV]; \
  EACH_ROW EACH_COLUMN tile[r][j] = (FLOATV)(0.0f); \
  for (int d = 0; d < D; d++) { \
    FLOATV right[CV]; \
    EACH_COLUMN right[j] = LOAD((columns) + d * COLUMNS + j * VECTOR); \
    EACH_ROW { \
      const FLOATV left = (FLOATV)(LOAD_ONE(rows[r] + d)); \
      EACH_COLUMN tile[r][j] = fma(left, right[j], tile[r][j]); \
    } \
  }

// sums[r][e] += sum over start <= c < count of weights[r][c] values[c stride + e]
#define ACCUMULATE(sums, weights, values, stride, start, count) \
  for (int c = (start); c < (count); c++) { \
    FLOATV right[DV]; \
    EACH_ELEMENT right[e] = LOAD((values) + (size_t)c * (stride) + e * VECTOR); \
    EACH_ROW { \
      const FLOATV left = (FLOATV)(weights[r][c]); \
      EACH_ELEMENT sums[r][e] = fma(left, right[e], sums[r][e]); \
    } \
  }

// 1 where column j of the block that starts at c0 lies beyond `limit`, or below it.
#define INDICES(c0) TO_FLOATV(SPLAT_UINT((c0) + j * VECTOR) + IOTA)
#define BEYOND(c0, limit) GREATER(INDICES(c0), (FLOATV)(limit))
#define BELOW(c0, limit) GREATER((FLOATV)(limit), INDICES(c0))
// 1 where it lies outside of [first, last].
#if IS_BANDED
#define OUTSIDE(c0, first, last) max(BELOW(c0, first), BEYOND(c0, last))
#else
#define OUTSIDE(c0, first, last) BEYOND(c0, last)
#endif

// q, out: [B, TQ, H, D], k_packed: packed, v: [B, TK, G, D], log_sum: [B, H, TQ].
// Work-items: (runs of `run` queries, B H).
VECTOR_KERNEL attention_rows(__global const T0* q, __global const float* k_packed,
                             __global const T2* v, __global T3* out, __global float* log_sum,
                             const int TQ, const int TK, const int H, const int G, const int padded,
                             const int run, const float scale SIGHT_PARAMETER) {
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int first = get_global_id(0) * run, last = min(TQ, first + run);
  __global const float* k_blocks = k_packed + ((size_t)b * G + g) * D * padded;
  for (int t0 = first; t0 < last; t0 += ROWS) {
    __global const T0* rows[ROWS];
    FLOATV sums[ROWS][DV];
    FLOATV total[ROWS];
    float best[ROWS];
    EACH_ROW {
      rows[r] = q + HEAD(b, min(t0 + r, TQ - 1), h, TQ, H);
      best[r] = LOWEST;
      total[r] = (FLOATV)(0.0f);
      EACH_ELEMENT sums[r][e] = (FLOATV)(0.0f);
    }
    const int visible = LAST_KEY(t0 + ROWS - 1) + 1;
    for (int c0 = FIRST_KEY(t0) / COLUMNS * COLUMNS; c0 < visible; c0 += COLUMNS) {
      SCORES(score, rows, k_blocks + (size_t)c0 * D)
      float weights[ROWS][COLUMNS];
      EACH_ROW {
        const int last_key = LAST_KEY(t0 + r), first_key = FIRST_KEY(t0 + r);
        EACH_COLUMN score[r][j] *= scale;
        if (c0 + COLUMNS - 1 > last_key || c0 < first_key) {
          EACH_COLUMN score[r][j] += OUTSIDE(c0, first_key, last_key) * LOWEST;
        }
        FLOATV highest = score[r][0];
        EACH_COLUMN highest = max(highest, score[r][j]);
        const float now = vector_max(highest);
        if (now > best[r]) {
          const float correction = exp_of_log(best[r] - now);
          best[r] = now;
          total[r] *= correction;
          EACH_ELEMENT sums[r][e] *= correction;
        }
        EACH_COLUMN {
          const FLOATV weight = exp_of_log(score[r][j] - best[r]);
          total[r] += weight;
          STORE(weight, weights[r] + j * VECTOR);
        }
      }
      ACCUMULATE(sums, weights, v + HEAD(b, c0, g, TK, G), G * D, 0, min(COLUMNS, visible - c0))
    }
    EACH_ROW {
      if (t0 + r < last) {
        __global T3* to = out + HEAD(b, t0 + r, h, TQ, H);
        const float all = vector_sum(total[r]);
        const float inverse = 1.0f / all;
        EACH_ELEMENT STORE(sums[r][e] * inverse, to + e * VECTOR);
        log_sum[(size_t)bh * TQ + t0 + r] = best[r] + log(all);
      }
    }
  }
}

// The same for one query a head (TQ 1): keys are read once, as they lie. A work-item owns a head.
VECTOR_KERNEL attention_row(__global const T0* q, __global const T1* k, __global const T2* v,
                            __global T3* out, __global float* log_sum, const int TQ, const int TK,
                            const int H, const int G, const float scale SIGHT_PARAMETER) {
  const int bh = get_global_id(0), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int end = LAST_KEY(0) + 1;
  FLOATV query[DV], sums[DV];
  EACH_ELEMENT {
    query[e] = LOAD(q + HEAD(b, 0, h, 1, H) + e * VECTOR) * scale;
    sums[e] = (FLOATV)(0.0f);
  }
  float best = LOWEST, total = 0.0f;
  for (int c0 = FIRST_KEY(0); c0 < end; c0 += COLUMNS) {
    const int count = min(COLUMNS, end - c0);
    float weights[COLUMNS];
    float now = best;
    for (int c = 0; c < count; c++) {
      __global const T1* key = k + HEAD(b, c0 + c, g, TK, G);
      FLOATV product = (FLOATV)(0.0f);
      EACH_ELEMENT product = fma(query[e], LOAD(key + e * VECTOR), product);
      weights[c] = vector_sum(product);
      now = max(now, weights[c]);
    }
    const float correction = exp_of_log(best - now);
    best = now;
    total *= correction;
    EACH_ELEMENT sums[e] *= correction;
    for (int c = 0; c < count; c++) {
      __global const T2* value = v + HEAD(b, c0 + c, g, TK, G);
      const float weight = exp_of_log(weights[c] - best);
      total += weight;
      EACH_ELEMENT sums[e] = fma((FLOATV)(weight), LOAD(value + e * VECTOR), sums[e]);
    }
  }
  EACH_ELEMENT STORE(sums[e] * (1.0f / total), out + HEAD(b, 0, h, 1, H) + e * VECTOR);
  log_sum[bh] = best + log(total);
}

// dq: [B, TQ, H, D]; dout: as dq; k: [B, TK, G, D]; k_packed, v_packed: packed;
// statistics: [B, H, 2, padded_q]. Work-items: (runs of `run` queries, B H).
VECTOR_KERNEL attention_rows_gradient(
    __global const T0* q, __global const T1* dout, __global const T2* k,
    __global const float* k_packed, __global const float* v_packed,
    __global const float* statistics, __global T6* dq, const int TQ, const int TK, const int H,
    const int G, const int padded, const int padded_q, const int run,
    const float scale SIGHT_PARAMETER) {
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int first = get_global_id(0) * run, last = min(TQ, first + run);
  __global const float* k_blocks = k_packed + ((size_t)b * G + g) * D * padded;
  __global const float* v_blocks = v_packed + ((size_t)b * G + g) * D * padded;
  __global const float* log_sum = statistics + (size_t)bh * 2 * padded_q;
  for (int t0 = first; t0 < last; t0 += ROWS) {
    __global const T0* rows[ROWS];
    __global const T1* drows[ROWS];
    FLOATV sums[ROWS][DV];
    EACH_ROW {
      rows[r] = q + HEAD(b, min(t0 + r, TQ - 1), h, TQ, H);
      drows[r] = dout + HEAD(b, min(t0 + r, TQ - 1), h, TQ, H);
      EACH_ELEMENT sums[r][e] = (FLOATV)(0.0f);
    }
    const int visible = LAST_KEY(t0 + ROWS - 1) + 1;
    for (int c0 = FIRST_KEY(t0) / COLUMNS * COLUMNS; c0 < visible; c0 += COLUMNS) {
      float weights[ROWS][COLUMNS];
      {
        SCORES(score, rows, k_blocks + (size_t)c0 * D)
        EACH_ROW {
          const int last_key = LAST_KEY(t0 + r), first_key = FIRST_KEY(t0 + r);
          const float shift = log_sum[t0 + r];
          EACH_COLUMN {
            const FLOATV s = score[r][j] * scale + OUTSIDE(c0, first_key, last_key) * LOWEST;
            STORE(exp_of_log(s - shift), weights[r] + j * VECTOR);
          }
        }
      }
      {
        SCORES(slope, drows, v_blocks + (size_t)c0 * D)
        EACH_ROW {
          const float delta = log_sum[padded_q + t0 + r];
          EACH_COLUMN {
            const FLOATV p = LOAD(weights[r] + j * VECTOR);
            STORE(p * (slope[r][j] - delta) * scale, weights[r] + j * VECTOR);
          }
        }
      }
      ACCUMULATE(sums, weights, k + HEAD(b, c0, g, TK, G), G * D, 0, min(COLUMNS, visible - c0))
    }
    EACH_ROW {
      if (t0 + r < last) {
        __global T6* to = dq + HEAD(b, t0 + r, h, TQ, H);
        EACH_ELEMENT STORE(sums[r][e], to + e * VECTOR);
      }
    }
  }
}

// 1 where a work-item owns all keys of a head, and so the gradient of its queries as well: the scores
// and their slopes are then made once.
#ifndef QUERIES_TOO
#define QUERIES_TOO 0
#endif
#if QUERIES_TOO
#define QUERIES_PARAMETER , __global float* dq
#else
#define QUERIES_PARAMETER
#endif

// dk, dv: [B, TK, G, D]; q_packed, dout_packed: packed; statistics: [B, H, 2, padded].
// Work-items: (runs of `run` keys, B G). With QUERIES_TOO also dq: [B, TQ, H, D].
VECTOR_KERNEL attention_columns_gradient(
    __global const T0* q, __global const T1* dout, __global const T2* k,
    __global const T3* v, __global const float* q_packed, __global const float* dout_packed,
    __global const float* statistics, __global T7* dk, __global T8* dv, const int TQ,
    const int TK, const int H, const int G, const int padded, const int run,
    const float scale QUERIES_PARAMETER SIGHT_PARAMETER) {
  const int bg = get_global_id(1), b = bg / G, g = bg % G, group = H / G, keys = KEYS(b);
  const int first = get_global_id(0) * run, last = min(TK, first + run);
#if QUERIES_TOO
  for (int t = 0; t < TQ; t++) {
    __global float* to = dq + HEAD(b, t, g * group, TQ, H);
    for (int d = 0; d < group * D; d += VECTOR) STORE((FLOATV)(0.0f), to + d);
  }
#endif
  for (int t0 = first; t0 < last; t0 += ROWS) {
    __global const T2* k_rows[ROWS];
    __global const T3* v_rows[ROWS];
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
        {
          SCORES(score, k_rows, queries + (size_t)c0 * D)
          EACH_ROW {
            const int first_query = FIRST_QUERY(t0 + r), last_query = LAST_QUERY(t0 + r);
            EACH_COLUMN {
#if CAUSAL || LENGTHS
              const FLOATV early = BELOW(c0, first_query);
#else
              const FLOATV early = (FLOATV)(0.0f);
#endif
              const FLOATV hidden = IS_BANDED ? max(early, BEYOND(c0, last_query)) : early;
              const FLOATV s = score[r][j] * scale + hidden * LOWEST;
              STORE(exp_of_log(s - LOAD(log_sum + c0 + j * VECTOR)), weights[r] + j * VECTOR);
            }
          }
        }
        {
          SCORES(slope, v_rows, slopes + (size_t)c0 * D)
          EACH_ROW EACH_COLUMN {
            const FLOATV p = LOAD(weights[r] + j * VECTOR);
            const FLOATV delta = LOAD(log_sum + padded + c0 + j * VECTOR);
            STORE(p * (slope[r][j] - delta) * scale, dscores[r] + j * VECTOR);
          }
        }
        const int from = max(0, seen - c0);
        ACCUMULATE(v_sums, weights, dout + HEAD(b, c0, h, TQ, H), H * D, from, count)
        ACCUMULATE(k_sums, dscores, q + HEAD(b, c0, h, TQ, H), H * D, from, count)
#if QUERIES_TOO
        FLOATV keys_of_tile[ROWS][DV];
        EACH_ROW EACH_ELEMENT keys_of_tile[r][e] =
            t0 + r < last ? LOAD(k_rows[r] + e * VECTOR) : (FLOATV)(0.0f);
        for (int c = from; c < count; c++) {
          __global float* to = dq + HEAD(b, c0 + c, h, TQ, H);
          FLOATV sums[DV];
          EACH_ELEMENT sums[e] = LOAD(to + e * VECTOR);
          EACH_ROW {
            const FLOATV left = (FLOATV)(dscores[r][c]);
            EACH_ELEMENT sums[e] = fma(left, keys_of_tile[r][e], sums[e]);
          }
          EACH_ELEMENT STORE(sums[e], to + e * VECTOR);
        }
#endif
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
