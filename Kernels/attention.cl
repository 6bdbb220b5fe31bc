// out = softmax(scale Q K^T) V per head, with an online softmax: nothing of size T x T exists.
//
// B batches, TQ queries, TK keys, H query heads, G key heads (each serves H / G query heads), D
// elements per head. With a cap a score s is cap tanh(s / cap) (Gemma 2, arXiv 2408.00118). A batch's
// first `keys` keys count: all TK, or as many as `lengths` says. Causal: query t sees keys up to t + keys - TQ, the last WINDOW of them. log_sum is kept for the gradient:
// with P = exp(scale S - log_sum), delta = sum dout out, dS = scale P (dout V^T - delta), times
// 1 - (S / cap)^2 where there is a cap:
//   dQ = dS K      dK = dS^T Q      dV = P^T dout
// One kernel owns query rows, one owns key rows, so that no sum needs an atomic; on a CPU with heads
// for all its cores one kernel owns both.
// Files of each family: attention_cpu.cl, attention_gpu.cl; both take the arguments named here.
#ifndef RETORT_ATTENTION
#define RETORT_ATTENTION
#include "common.cl"

#ifndef D
#define D 64
#endif
#ifndef CAUSAL
#define CAUSAL 1
#endif
// The most keys that a causal query sees; 0 for all.
#ifndef WINDOW
#define WINDOW 0
#endif
// 1 where `lengths` [B] says how many keys count; 2 where `lengths` [B, 2] also says in which row of the keys and values, which may
// be more than B, they lie.
#ifndef LENGTHS
#define LENGTHS 0
#endif
// 1 where rows hold several texts: `segments` [B, TQ, 2] says where each position's text begins, and its
// last position. Causal, TQ = TK, without lengths.
#ifndef SEGMENTS
#define SEGMENTS 0
#endif
// 1 where a key has a last query that sees it, a query a first key.
#define IS_BANDED (WINDOW || SEGMENTS)
#define DV (D / VECTOR)
// 1 where scores have a cap, which comes after the scale.
#ifndef CAPPED
#define CAPPED 0
#endif
#if CAPPED
#define SCALE_PARAMETERS const float scale, const float cap
#define SCALE (scale / cap)
#define WITH_CAP(x) (tanh_vector(x) * cap)
#define WITH_CAP_ONE(x) (tanh_scalar(x) * cap)
// The scale of a score's gradient, from the score itself: scale (1 - (s / cap)^2).
#define SLOPE_OF_SCORE(s) (scale * (1.0f - ((s) / cap) * ((s) / cap)))
#else
#define SCALE_PARAMETERS const float scale
#define SCALE scale
#define WITH_CAP(x) (x)
#define WITH_CAP_ONE(x) (x)
#define SLOPE_OF_SCORE(s) scale
#endif
#define SCALED(x) WITH_CAP((x) * SCALE)
#define SCALED_ONE(x) WITH_CAP_ONE((x) * SCALE)

#if LENGTHS
#define VISIBILITY_PARAMETER , __global const int* lengths
#define KEYS(b) clamp(lengths[(b) * LENGTHS], 1, TK)
#elif SEGMENTS
#define VISIBILITY_PARAMETER , __global const int* segments
#define KEYS(b) TK
#else
#define VISIBILITY_PARAMETER
#define KEYS(b) TK
#endif
// The row of keys and values that batch b reads.
#if LENGTHS == 2
#define KEY_ROW(b) lengths[(b) * 2 + 1]
#else
#define KEY_ROW(b) (b)
#endif
#if SEGMENTS
#define SEGMENT(t, end) segments[((size_t)b * TQ + min(t, TQ - 1)) * 2 + (end)]
#else
#define SEGMENT(t, end) ((end) ? TQ - 1 : 0)
#endif
// The last and the first key that query t sees, the first and the last query that sees key k.
#define LAST_KEY(t) (CAUSAL ? min(keys - 1, (t) + keys - TQ) : keys - 1)
#define FIRST_KEY(t) (WINDOW ? max(SEGMENT(t, 0), (t) + keys - TQ - WINDOW + 1) : SEGMENT(t, 0))
#define FIRST_QUERY(k) ((k) >= keys ? TQ : CAUSAL ? max(0, (k) - keys + TQ) : 0)
#define LAST_QUERY(k) (WINDOW ? min(SEGMENT(k, 1), (k) - keys + TQ + WINDOW - 1) : SEGMENT(k, 1))

// Offsets of a token's head in [B, T, H, D].
#define HEAD(b, t, h, T, H) ((((size_t)(b) * (T) + (t)) * (H) + (h)) * D)

// delta[b, h, t] = sum dout out, beside a copy of log_sum; both padded with zeros to `padded`, so
// that vectors may read past the last query. A work-item owns a query.
// out, dout: [B, TQ, H, D], log_sum: [B, H, TQ], statistics: [B, H, 2, padded]
__kernel void attention_delta(__global const OUT_TYPE* out, __global const DOUT_TYPE* dout,
                              __global const float* log_sum, __global float* statistics,
                              const int TQ, const int H, const int padded) {
  const int t = get_global_id(0), bh = get_global_id(1);
  if (t >= padded) return;
  float sum = 0.0f, kept = 0.0f;
  if (t < TQ) {
    const size_t start = HEAD(bh / H, t, bh % H, TQ, H);
    FLOATV sum_v = (FLOATV)(0.0f);
    for (int d = 0; d < D; d += VECTOR) sum_v += LOAD(out + start + d) * LOAD(dout + start + d);
    sum = vector_sum(sum_v);
    kept = log_sum[(size_t)bh * TQ + t];
  }
  statistics[(size_t)bh * 2 * padded + t] = kept;
  statistics[((size_t)bh * 2 + 1) * padded + t] = sum;
}

#endif
