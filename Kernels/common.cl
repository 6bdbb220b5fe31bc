// What every kernel file shares: vectors, sums over the lanes of a row, random numbers.
#ifndef RETORT_COMMON
#define RETORT_COMMON

// Elements per vector: 1, 2, 4, 8 or 16.
#ifndef VECTOR
#define VECTOR 4
#endif
// Work-items that share a row; 1 means that no barrier is compiled.
#ifndef LANES
#define LANES 1
#endif

// 1 where the device has subgroups and the language their functions.
#ifndef SUBGROUPS
#define SUBGROUPS 0
#endif
#if defined(cl_khr_subgroups)
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#elif !defined(cl_intel_subgroups) && !defined(__opencl_c_subgroups)
#undef SUBGROUPS
#define SUBGROUPS 0
#endif

// a b + c, which every compiler makes one instruction of where the device has one: contraction is on in
// OpenCL C unless it is turned off. `fma()` must round once, and is a slow call on drivers that doubt it.
#define MAD(a, b, c) ((a) * (b) + (c))

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

#if VECTOR == 1
typedef float FLOATV;
typedef uint UINTV;
#define GREATER(a, b) ((float)((a) > (b)))
#define SPLAT_UINT(x) (x)
#define TO_FLOATV(x) convert_float(x)
#define IOTA 0u
#define vector_sum(v) (v)
#define vector_max(v) (v)
#else
typedef PASTE(float, VECTOR) FLOATV;
typedef PASTE(uint, VECTOR) UINTV;
#define GREATER(a, b) select((FLOATV)(0.0f), (FLOATV)(1.0f), (a) > (b))
#define SPLAT_UINT(x) (UINTV)(x)
#define TO_FLOATV(x) PASTE(convert_float, VECTOR)(x)

// max, unlike fmax, is one instruction; where a NaN is lost in it, the sums that follow still have it.
inline float total2(float2 v) { return v.x + v.y; }
inline float highest2(float2 v) { return max(v.x, v.y); }
inline float total4(float4 v) { return total2(v.lo + v.hi); }
inline float highest4(float4 v) { return highest2(max(v.lo, v.hi)); }
inline float total8(float8 v) { return total4(v.lo + v.hi); }
inline float highest8(float8 v) { return highest4(max(v.lo, v.hi)); }
inline float total16(float16 v) { return total8(v.lo + v.hi); }
inline float highest16(float16 v) { return highest8(max(v.lo, v.hi)); }
#define vector_sum(v) PASTE(total, VECTOR)(v)
#define vector_max(v) PASTE(highest, VECTOR)(v)
#if VECTOR == 2
#define IOTA (uint2)(0, 1)
#elif VECTOR == 4
#define IOTA (uint4)(0, 1, 2, 3)
#elif VECTOR == 8
#define IOTA (uint8)(0, 1, 2, 3, 4, 5, 6, 7)
#elif VECTOR == 16
#define IOTA (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#endif
#endif

#include "storage.cl"

// A kernel for CPUs whose work-items are vectors already: no compiler needs to make vectors of several.
// Intel's runtime then builds a product's kernel in a tenth of the time.
#define VECTOR_KERNEL __kernel __attribute__((vec_type_hint(FLOATV))) void

// Where a compiler chooses how many work-items share an instruction (Intel's), kernels whose work-items hold many
// numbers say it, since it would choose more than there are registers for.
#ifdef REQUIRED_LANES
#define FEW_LANES __attribute__((intel_reqd_sub_group_size(REQUIRED_LANES)))
#else
#define FEW_LANES
#endif

// A finite stand-in for minus infinity, which survives a subtraction from itself.
#define LOWEST (-3.0e38f)

// Stores the 4 x 4 block whose rows are given as columns, `stride` elements apart.
#define STORE_TRANSPOSED(SPACE) \
  __attribute__((overloadable)) inline void store_transposed(float4 a, float4 b, float4 c, float4 d, \
                                                             SPACE float* to, int stride) { \
    const float4 ac_low = (float4)(a.x, c.x, a.y, c.y), bd_low = (float4)(b.x, d.x, b.y, d.y); \
    const float4 ac_high = (float4)(a.z, c.z, a.w, c.w), bd_high = (float4)(b.z, d.z, b.w, d.w); \
    vstore4((float4)(ac_low.x, bd_low.x, ac_low.y, bd_low.y), 0, to); \
    vstore4((float4)(ac_low.z, bd_low.z, ac_low.w, bd_low.w), 0, to + stride); \
    vstore4((float4)(ac_high.x, bd_high.x, ac_high.y, bd_high.y), 0, to + 2 * stride); \
    vstore4((float4)(ac_high.z, bd_high.z, ac_high.w, bd_high.w), 0, to + 3 * stride); \
  }
STORE_TRANSPOSED(__global)
STORE_TRANSPOSED(__private)

// Keeps a private array's vectors from lying across two lines of the cache.
#define ALIGNED_TO_VECTORS __attribute__((aligned(64)))

// ---- Shares ----------------------------------------------------------------
// What the worker `own` of `workers` has of [0, count), `step` at a time: a run of neighbours on a CPU
// (LANES 1), whose cores fetch ahead, and every so many on a GPU, whose lanes read together.
#if LANES == 1
#define FOR_SHARE(i, count, step, own, workers) \
  for (uint run_ = ((uint)(count) + (workers) * (step) - 1) / ((workers) * (step)) * (step), \
            i = (own) * run_, last_ = min((uint)(count), i + run_); i < last_; i += (step))
#else
#define FOR_SHARE(i, count, step, own, workers) \
  for (uint i = (own) * (step); i < (uint)(count); i += (workers) * (step))
#endif
// The same for a work-item.
#define FOR_OWN(i, count, step) \
  FOR_SHARE(i, count, step, (uint)get_global_id(0), (uint)get_global_size(0))

// ---- Rows ------------------------------------------------------------------
// A work-group of LANES work-items owns one row at a time. A lane takes every LANES-th vector,
// then every LANES-th element of what is left over at the end.

#define FOR_ROWS(row, rows) \
  FOR_SHARE(row, rows, 1, (uint)get_group_id(0), (uint)get_num_groups(0))
#define FOR_VECTORS(c, columns) \
  for (uint c = get_local_id(0) * VECTOR; c + VECTOR <= (uint)(columns); c += LANES * VECTOR)
#define FOR_REST(c, columns) \
  for (uint c = (uint)(columns) / VECTOR * VECTOR + get_local_id(0); c < (uint)(columns); c += LANES)

#if LANES == 1
#define ROW_SCRATCH
#define row_sum(x) (x)
#define row_max(x) (x)
#define row_sync()
#else
#define ROW_SCRATCH __local float row_scratch[LANES];
#define row_sum(x) lanes_sum(x, row_scratch)
#define row_max(x) lanes_max(x, row_scratch)
#define row_sync() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)

// Joins the lanes' values; every lane gets the result. Subgroups join their own where there are any,
// else it is a tree over the lanes, whose number is a power of two.
#if SUBGROUPS
#define JOIN_LANES(JOIN, join_subgroup) \
  x = join_subgroup(x); \
  if (get_sub_group_local_id() == 0) scratch[get_sub_group_id()] = x; \
  barrier(CLK_LOCAL_MEM_FENCE);  /* every subgroup has written */ \
  float all = scratch[0]; \
  for (uint i = 1; i < get_num_sub_groups(); i++) all = JOIN(all, scratch[i]);
#else
#define JOIN_LANES(JOIN, join_subgroup) \
  const uint lane = get_local_id(0); \
  scratch[lane] = x; \
  for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) { \
    barrier(CLK_LOCAL_MEM_FENCE);  /* the level above is complete */ \
    if (lane < half_) scratch[lane] = JOIN(scratch[lane], scratch[lane + half_]); \
  } \
  barrier(CLK_LOCAL_MEM_FENCE);  /* the result is complete */ \
  const float all = scratch[0];
#endif
#define ADD(a, b) ((a) + (b))

inline float lanes_sum(float x, __local float* scratch) {
  JOIN_LANES(ADD, sub_group_reduce_add)
  barrier(CLK_LOCAL_MEM_FENCE);  // all have read it before scratch is used again
  return all;
}

inline float lanes_max(float x, __local float* scratch) {
  JOIN_LANES(fmax, sub_group_reduce_max)
  barrier(CLK_LOCAL_MEM_FENCE);  // all have read it before scratch is used again
  return all;
}
#endif

// Declares `best`, the largest element of the row at x; every lane gets it.
#define ROW_HIGHEST(best, x, columns) \
  float best = LOWEST; \
  { \
    FLOATV best_v = (FLOATV)(LOWEST); \
    FOR_VECTORS(c, columns) best_v = max(best_v, LOAD((x) + c)); \
    FOR_REST(c, columns) best = max(best, LOAD_ONE((x) + c)); \
    best = row_max(max(best, vector_max(best_v))); \
  }

// Declares `total`, the sum over the row of `term`, a formula of FLOATV or float `value` = x[c].
#define ROW_SUM(total, x, columns, term) \
  float total = 0.0f; \
  { \
    FLOATV total_v = (FLOATV)(0.0f); \
    FOR_VECTORS(c, columns) { const FLOATV value = LOAD((x) + c); total_v += term; } \
    FOR_REST(c, columns) { const float value = LOAD_ONE((x) + c); total += term; } \
    total = row_sum(total + vector_sum(total_v)); \
  }

// ---- Functions -------------------------------------------------------------
// e^x for x up to 80 or so, such as the logarithm of a probability; 0 below -88. With x = n ln 2 + r it is
// 2^n e^r: n + 127 is read from the low bits of a sum that was rounded to integers, and is the exponent's
// field as it stands (0 for the least x); e^r is a polynomial whose largest relative error is below 1e-7. ln 2 is
// taken away in two parts, the first of nine bits, so that r is right whether or not MAD rounds once.
#define EXP(TYPE, AS_UINT, AS_FLOAT, given) \
  const TYPE x = max(given, (TYPE)(-88.0f)); \
  const TYPE shifted = MAD(x, (TYPE)(1.44269502f), (TYPE)(12583039.0f)); \
  const TYPE n = shifted - 12583039.0f; \
  const TYPE r = MAD(n, (TYPE)(2.12194440e-4f), MAD(n, (TYPE)(-0.693359375f), x)); \
  TYPE p = MAD(r, (TYPE)(8.29027e-3f), (TYPE)(4.189816e-2f)); \
  p = MAD(p, r, (TYPE)(1.6667638e-1f)); \
  p = MAD(p, r, (TYPE)(4.9999148e-1f)); \
  p = MAD(p, r, (TYPE)(9.9999970e-1f)); \
  p = MAD(p, r, (TYPE)(1.0f)); \
  return p * AS_FLOAT(AS_UINT(shifted) << 23);

__attribute__((overloadable)) inline float exp_of_log(float given) {
  EXP(float, as_uint, as_float, given)
}
#if VECTOR > 1
__attribute__((overloadable)) inline FLOATV exp_of_log(FLOATV given) {
  EXP(FLOATV, PASTE(as_uint, VECTOR), PASTE(as_float, VECTOR), given)
}
#endif

// tanh and erf as quotients of polynomials in x^2 (the coefficients are those of Eigen and XLA); the
// tests hold them to 1e-5 relative in norm for arguments of 1e-4, 0.1 and 30. PoCL's built-in ones
// are several times slower.

// A clamp loses NaN, so it is put back: a run must see that its numbers are lost.
#define TANH(x_type, given) \
  const x_type x = clamp(given, -9.0f, 9.0f), y = x * x; \
  const x_type quotient = x * \
      (((((((-2.76076847742355e-16f * y + 2.00018790482477e-13f) * y - 8.60467152213735e-11f) * y + \
           5.12229709037114e-08f) * y + 1.48572235717979e-05f) * y + 6.37261928875436e-04f) * y) + \
       4.89352455891786e-03f) / \
      (((1.19825839466702e-06f * y + 1.18534705686654e-04f) * y + 2.26843463243900e-03f) * y + \
       4.89352518554385e-03f); \
  return select(quotient, given, isnan(given));

#define ERF(x_type, given) \
  const x_type x = clamp(given, -4.0f, 4.0f), y = x * x; \
  const x_type quotient = x * \
      ((((((-2.72614225801306e-10f * y + 2.77068142495902e-08f) * y - 2.10102402082508e-06f) * y - \
          5.69250639462346e-05f) * y - 7.34990630326855e-04f) * y - 2.95459980854025e-03f) * y - \
       1.60960333262415e-02f) / \
      ((((-1.45660718464996e-05f * y - 2.13374055278905e-04f) * y - 1.68282697438203e-03f) * y - \
        7.37332916720468e-03f) * y - 1.42647390514189e-02f); \
  return select(quotient, given, isnan(given));

inline float tanh_scalar(float given) { TANH(float, given) }
inline FLOATV tanh_vector(FLOATV given) { TANH(FLOATV, given) }
inline float erf_scalar(float given) { ERF(float, given) }
inline FLOATV erf_vector(FLOATV given) { ERF(FLOATV, given) }

// ---- Random numbers --------------------------------------------------------
// Philox 4x32-10 (Salmon et al., SC 2011), first word, for counter (index, stream, step, 0) and
// key (seed, 0); as a number in [0, 1).

#define PHILOX(WORD, SPLAT, index, stream, seed, step) \
  WORD c0 = index, c1 = SPLAT(stream), c2 = SPLAT(step), c3 = SPLAT(0u); \
  uint k0 = seed, k1 = 0u; \
  for (int round_ = 0; round_ < 10; round_++) { \
    const WORD h0 = mul_hi(SPLAT(0xD2511F53u), c0), l0 = SPLAT(0xD2511F53u) * c0; \
    const WORD h1 = mul_hi(SPLAT(0xCD9E8D57u), c2), l1 = SPLAT(0xCD9E8D57u) * c2; \
    c0 = h1 ^ c1 ^ SPLAT(k0); c1 = l1; c2 = h0 ^ c3 ^ SPLAT(k1); c3 = l0; \
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u; \
  }

#define SAME(x) (x)

inline float uniform_scalar(uint index, uint stream, uint seed, uint step) {
  PHILOX(uint, SAME, index, stream, seed, step)
  return convert_float(c0 >> 8) * 0x1p-24f;
}

inline FLOATV uniform_vector(uint index, uint stream, uint seed, uint step) {
  PHILOX(UINTV, SPLAT_UINT, SPLAT_UINT(index) + IOTA, stream, seed, step)
  return TO_FLOATV(c0 >> 8) * 0x1p-24f;
}

#endif
