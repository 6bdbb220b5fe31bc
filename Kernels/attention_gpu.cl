// Attention for many narrow lanes: a work-item owns one row in its registers, and a work-group of
// GROUP rows shares tiles of TILE rows of the other side through local memory.
#include "attention.cl"

#define GROUP 64
#define TILE 16

#define EACH_ELEMENT _Pragma("unroll") for (int e = 0; e < DV; e++)

// Copies rows [c0, c0 + TILE) of head h of x into a tile, zeros beyond T.
#define STAGE(tile, x, b, c0, h, T, H) \
  for (int i = get_local_id(0); i < TILE * DV; i += GROUP) { \
    const int row = (c0) + i / DV; \
    tile[i / DV][i % DV] = \
        row < (T) ? LOAD((x) + HEAD(b, row, h, T, H) + i % DV * VECTOR) : (FLOATV)(0.0f); \
  }

// q, out: [B, TQ, H, D], k, v: [B, TK, G, D], log_sum: [B, H, TQ]. Work-items: (queries, B H).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_rows(
    __global const float* q, __global const float* k, __global const float* v, __global float* out,
    __global float* log_sum, const int TQ, const int TK, const int H, const int G,
    const float scale) {
  __local FLOATV k_tile[TILE][DV];
  __local FLOATV v_tile[TILE][DV];
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G);
  const int t = get_global_id(0), row = min(t, TQ - 1);
  // Every lane of the group walks over the same tiles, up to what its last row sees.
  const int last = min(TQ, (int)(get_group_id(0) + 1) * GROUP);
  const int visible = CAUSAL ? min(TK, last + TK - TQ) : TK;
  const int limit = CAUSAL ? min(TK - 1, row + TK - TQ) : TK - 1;
  FLOATV own[DV], sums[DV];
  EACH_ELEMENT {
    own[e] = LOAD(q + HEAD(b, row, h, TQ, H) + e * VECTOR);
    sums[e] = (FLOATV)(0.0f);
  }
  float best = LOWEST, total = 0.0f;
  for (int c0 = 0; c0 < visible; c0 += TILE) {
    STAGE(k_tile, k, b, c0, g, TK, G)
    STAGE(v_tile, v, b, c0, g, TK, G)
    barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are complete
    float score[TILE];
    float now = best;
#pragma unroll
    for (int c = 0; c < TILE; c++) {
      FLOATV dot_v = (FLOATV)(0.0f);
      EACH_ELEMENT dot_v = fma(own[e], k_tile[c][e], dot_v);
      score[c] = c0 + c > limit ? LOWEST : vector_sum(dot_v) * scale;
      now = fmax(now, score[c]);
    }
    const float correction = exp_of_log(best - now);
    best = now;
    total *= correction;
    EACH_ELEMENT sums[e] *= correction;
#pragma unroll
    for (int c = 0; c < TILE; c++) {
      const float weight = c0 + c > limit ? 0.0f : exp_of_log(score[c] - now);
      total += weight;
      EACH_ELEMENT sums[e] = fma((FLOATV)(weight), v_tile[c][e], sums[e]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
  }
  if (t < TQ) {
    __global float* to = out + HEAD(b, t, h, TQ, H);
    EACH_ELEMENT STORE(sums[e] / total, to + e * VECTOR);
    log_sum[(size_t)bh * TQ + t] = best + log(total);
  }
}

// dq, dout: [B, TQ, H, D], statistics: [B, H, 2, padded]. Work-items: (queries, B H).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_rows_gradient(
    __global const float* q, __global const float* k, __global const float* v,
    __global const float* dout, __global const float* statistics, __global float* dq, const int TQ,
    const int TK, const int H, const int G, const int padded, const float scale) {
  __local FLOATV k_tile[TILE][DV];
  __local FLOATV v_tile[TILE][DV];
  const int bh = get_global_id(1), b = bh / H, h = bh % H, g = h / (H / G);
  const int t = get_global_id(0), row = min(t, TQ - 1);
  const int last = min(TQ, (int)(get_group_id(0) + 1) * GROUP);
  const int visible = CAUSAL ? min(TK, last + TK - TQ) : TK;
  const int limit = CAUSAL ? min(TK - 1, row + TK - TQ) : TK - 1;
  // Read where it is used: kept in a register across the barriers, Intel's runtime for CPUs
  // (2026.22) gives every lane the last lane's value.
  __global const float* log_sum = statistics + (size_t)bh * 2 * padded;
  const float delta = log_sum[padded + row];
  FLOATV own[DV], slope[DV], sums[DV];
  EACH_ELEMENT {
    own[e] = LOAD(q + HEAD(b, row, h, TQ, H) + e * VECTOR);
    slope[e] = LOAD(dout + HEAD(b, row, h, TQ, H) + e * VECTOR);
    sums[e] = (FLOATV)(0.0f);
  }
  for (int c0 = 0; c0 < visible; c0 += TILE) {
    STAGE(k_tile, k, b, c0, g, TK, G)
    STAGE(v_tile, v, b, c0, g, TK, G)
    barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are complete
    for (int c = 0; c < TILE; c++) {
      if (c0 + c <= limit) {
        FLOATV s = (FLOATV)(0.0f), ds = (FLOATV)(0.0f);
        EACH_ELEMENT {
          s = fma(own[e], k_tile[c][e], s);
          ds = fma(slope[e], v_tile[c][e], ds);
        }
        const float weight = exp_of_log(vector_sum(s) * scale - log_sum[row]);
        const float dscore = weight * (vector_sum(ds) - delta) * scale;
        EACH_ELEMENT sums[e] = fma((FLOATV)(dscore), k_tile[c][e], sums[e]);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
  }
  if (t < TQ) {
    EACH_ELEMENT STORE(sums[e], dq + HEAD(b, t, h, TQ, H) + e * VECTOR);
  }
}

// dk, dv: [B, TK, G, D], statistics: [B, H, 2, padded]. Work-items: (keys, B G).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_columns_gradient(
    __global const float* q, __global const float* k, __global const float* v,
    __global const float* dout, __global const float* statistics, __global float* dk,
    __global float* dv, const int TQ, const int TK, const int H, const int G, const int padded,
    const float scale) {
  __local FLOATV q_tile[TILE][DV];
  __local FLOATV d_tile[TILE][DV];
  const int bg = get_global_id(1), b = bg / G, g = bg % G, group = H / G;
  const int t = get_global_id(0), row = min(t, TK - 1);
  // The first query that the group's first key is seen by, and the first that sees this key.
  const int start = CAUSAL ? max(0, (int)get_group_id(0) * GROUP - (TK - TQ)) : 0;
  const int seen = CAUSAL ? row - (TK - TQ) : 0;
  FLOATV own_k[DV], own_v[DV], k_sums[DV], v_sums[DV];
  EACH_ELEMENT {
    own_k[e] = LOAD(k + HEAD(b, row, g, TK, G) + e * VECTOR);
    own_v[e] = LOAD(v + HEAD(b, row, g, TK, G) + e * VECTOR);
    k_sums[e] = (FLOATV)(0.0f);
    v_sums[e] = (FLOATV)(0.0f);
  }
  for (int h = g * group; h < (g + 1) * group; h++) {
    __global const float* log_sum = statistics + ((size_t)b * H + h) * 2 * padded;
    for (int c0 = start / TILE * TILE; c0 < TQ; c0 += TILE) {
      STAGE(q_tile, q, b, c0, h, TQ, H)
      STAGE(d_tile, dout, b, c0, h, TQ, H)
      barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are complete
      for (int c = 0; c < TILE; c++) {
        if (c0 + c < TQ && c0 + c >= seen) {
          FLOATV s = (FLOATV)(0.0f), ds = (FLOATV)(0.0f);
          EACH_ELEMENT {
            s = fma(own_k[e], q_tile[c][e], s);
            ds = fma(own_v[e], d_tile[c][e], ds);
          }
          const float weight = exp_of_log(vector_sum(s) * scale - log_sum[c0 + c]);
          const float dscore = weight * (vector_sum(ds) - log_sum[padded + c0 + c]) * scale;
          EACH_ELEMENT {
            v_sums[e] = fma((FLOATV)(weight), d_tile[c][e], v_sums[e]);
            k_sums[e] = fma((FLOATV)(dscore), q_tile[c][e], k_sums[e]);
          }
        }
      }
      barrier(CLK_LOCAL_MEM_FENCE);  // all have read the tiles before they are overwritten
    }
  }
  if (t < TK) {
    EACH_ELEMENT {
      STORE(k_sums[e], dk + HEAD(b, t, g, TK, G) + e * VECTOR);
      STORE(v_sums[e], dv + HEAD(b, t, g, TK, G) + e * VECTOR);
    }
  }
}
