// Attention for few wide cores: a work-item owns runs of rows, in register tiles.
#include "attention_tiles.cl"

// packed[b, h, block, d, j] = x[b, t, h, d] for t = block COLUMNS + j, 0 from T on. A work-item owns
// one block.
VECTOR_KERNEL attention_pack(__global const X_TYPE* x, __global float* packed, const int T,
                             const int H, const int padded) {
  const int bh = get_global_id(1), start = get_global_id(0) * COLUMNS;
  __global float* to = packed + ((size_t)bh * padded + start) * D;
  TRANSPOSE(to, x, bh / H, bh % H, start, T, H)
}

// The same for the rows of keys that `lengths` names, as far as their keys count.
#if LENGTHS == 2
VECTOR_KERNEL attention_pack_rows(__global const X_TYPE* x, __global float* packed, const int TK,
                                  const int H, const int padded VISIBILITY_PARAMETER) {
  const int bh = get_global_id(1), start = get_global_id(0) * COLUMNS, keys = KEYS(bh / H);
  __global float* to = packed + ((size_t)bh * padded + start) * D;
  if (start < keys) TRANSPOSE(to, x, KEY_ROW(bh / H), bh % H, start, TK, H)
}
#endif

// Keys that all tiles of a run see before the next ones: few enough to stay in the second cache.
#ifndef KEY_BLOCK
#define KEY_BLOCK 512
#endif
// Tiles of a run of queries.
#ifndef TILES
#define TILES 11
#endif

// q, out: [B, TQ, H, D], k_packed: packed, v: [B, TK, G, D], log_sum: [B, H, TQ].
// Work-items: (runs of TILES tiles of queries, B H).
VECTOR_KERNEL attention_rows(__global const Q_TYPE* q, __global const float* k_packed,
                             __global const V_TYPE* v, __global OUT_TYPE* out, __global float* log_sum,
                             const int TQ, const int TK, const int H, const int G, const int padded,
                             SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int row_of_keys = KEY_ROW(b), first = get_global_id(0) * TILES * ROWS, last = min(TQ, first + TILES * ROWS);
  __global const float* k_blocks = k_packed + ((size_t)b * G + g) * D * padded;
  // What is known of each tile's softmax before the next block of keys.
  FLOATV kept[TILES][ROWS][DV], totals[TILES][ROWS];
  float highest_yet[TILES][ROWS];
  for (int tile = 0; tile < TILES; tile++) {
    EACH_ROW {
      highest_yet[tile][r] = LOWEST;
      totals[tile][r] = (FLOATV)(0.0f);
      EACH_ELEMENT kept[tile][r][e] = (FLOATV)(0.0f);
    }
  }
  const int end = LAST_KEY(last - 1) + 1;
  for (int block = FIRST_KEY(first) / COLUMNS * COLUMNS; block < end; block += KEY_BLOCK) {
    for (int t0 = first, tile = 0; t0 < last; t0 += ROWS, tile++) {
      __global const Q_TYPE* rows[ROWS];
      FLOATV sums[ROWS][DV];
      FLOATV total[ROWS];
      float best[ROWS];
      EACH_ROW {
        rows[r] = q + HEAD(b, min(t0 + r, TQ - 1), h, TQ, H);
        best[r] = highest_yet[tile][r];
        total[r] = totals[tile][r];
        EACH_ELEMENT sums[r][e] = kept[tile][r][e];
      }
      const int visible = min(LAST_KEY(t0 + ROWS - 1) + 1, block + KEY_BLOCK);
      for (int c0 = max(block, FIRST_KEY(t0) / COLUMNS * COLUMNS); c0 < visible; c0 += COLUMNS) {
        SCORES(score, rows, k_blocks + (size_t)c0 * D)
        float weights[ROWS][COLUMNS];
        EACH_ROW {
          const int last_key = LAST_KEY(t0 + r), first_key = FIRST_KEY(t0 + r);
          EACH_COLUMN score[r][j] = SCALED(score[r][j]);
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
        ACCUMULATE(sums, weights, v + HEAD(row_of_keys, c0, g, TK, G), G * D, 0, min(COLUMNS, visible - c0))
      }
      EACH_ROW {
        highest_yet[tile][r] = best[r];
        totals[tile][r] = total[r];
        EACH_ELEMENT kept[tile][r][e] = sums[r][e];
      }
    }
  }
  for (int t0 = first, tile = 0; t0 < last; t0 += ROWS, tile++) {
    EACH_ROW {
      if (t0 + r < last) {
        __global OUT_TYPE* to = out + HEAD(b, t0 + r, h, TQ, H);
        const float all = vector_sum(totals[tile][r]);
        const float inverse = 1.0f / all;
        EACH_ELEMENT STORE(kept[tile][r][e] * inverse, to + e * VECTOR);
        log_sum[(size_t)bh * TQ + t0 + r] = highest_yet[tile][r] + log(all);
      }
    }
  }
}

// The same for one query a head (TQ 1): keys are read once, as they lie. A work-item owns a head.
VECTOR_KERNEL attention_row(__global const Q_TYPE* q, __global const K_TYPE* k, __global const V_TYPE* v,
                            __global OUT_TYPE* out, __global float* log_sum, const int TQ, const int TK,
                            const int H, const int G, SCALE_PARAMETERS VISIBILITY_PARAMETER) {
  const int bh = get_global_id(0), b = bh / H, h = bh % H, g = h / (H / G), keys = KEYS(b);
  const int row_of_keys = KEY_ROW(b), end = LAST_KEY(0) + 1;
  FLOATV query[DV], sums[DV];
  EACH_ELEMENT {
    query[e] = LOAD(q + HEAD(b, 0, h, 1, H) + e * VECTOR) * SCALE;
    sums[e] = (FLOATV)(0.0f);
  }
  float best = LOWEST, total = 0.0f;
  for (int c0 = FIRST_KEY(0); c0 < end; c0 += COLUMNS) {
    const int count = min(COLUMNS, end - c0);
    float weights[COLUMNS];
    float now = best;
    for (int c = 0; c < count; c++) {
      __global const K_TYPE* key = k + HEAD(row_of_keys, c0 + c, g, TK, G);
      FLOATV product = (FLOATV)(0.0f);
      EACH_ELEMENT product = MAD(query[e], LOAD(key + e * VECTOR), product);
      weights[c] = WITH_CAP_ONE(vector_sum(product));
      now = max(now, weights[c]);
    }
    const float correction = exp_of_log(best - now);
    best = now;
    total *= correction;
    EACH_ELEMENT sums[e] *= correction;
    for (int c = 0; c < count; c++) {
      __global const V_TYPE* value = v + HEAD(row_of_keys, c0 + c, g, TK, G);
      const float weight = exp_of_log(weights[c] - best);
      total += weight;
      EACH_ELEMENT sums[e] = MAD((FLOATV)(weight), LOAD(value + e * VECTOR), sums[e]);
    }
  }
  EACH_ELEMENT STORE(sums[e] * (1.0f / total), out + HEAD(b, 0, h, 1, H) + e * VECTOR);
  log_sum[bh] = best + log(total);
}
