// How numbers lie in memory: arguments may be stored as float, half or bfloat16, and are float in
// registers; formulas read integers, too.
#include "common.cl"

#ifndef RETORT_STORAGE
#define RETORT_STORAGE

// The upper half of a float.
typedef ushort bfloat16;

// How a kernel's argument is stored, by its name; a launch defines those that are not float.
#ifndef A_TYPE
#define A_TYPE float
#endif
#ifndef B_TYPE
#define B_TYPE float
#endif
#ifndef C_TYPE
#define C_TYPE float
#endif
#ifndef DK_TYPE
#define DK_TYPE float
#endif
#ifndef DOUT_TYPE
#define DOUT_TYPE float
#endif
#ifndef DQ_TYPE
#define DQ_TYPE float
#endif
#ifndef DV_TYPE
#define DV_TYPE float
#endif
#ifndef DX_TYPE
#define DX_TYPE float
#endif
#ifndef DY_TYPE
#define DY_TYPE float
#endif
#ifndef FRESH_TYPE
#define FRESH_TYPE float
#endif
#ifndef K_TYPE
#define K_TYPE float
#endif
#ifndef KEPT_TYPE
#define KEPT_TYPE float
#endif
#ifndef OUT_TYPE
#define OUT_TYPE float
#endif
#ifndef PART_TYPE
#define PART_TYPE float
#endif
#ifndef Q_TYPE
#define Q_TYPE float
#endif
#ifndef SLOPES_TYPE
#define SLOPES_TYPE float
#endif
#ifndef SOURCE_TYPE
#define SOURCE_TYPE float
#endif
#ifndef TABLE_TYPE
#define TABLE_TYPE float
#endif
#ifndef TARGET_TYPE
#define TARGET_TYPE float
#endif
#ifndef V_TYPE
#define V_TYPE float
#endif
#ifndef WIDE_TYPE
#define WIDE_TYPE float
#endif
#ifndef X_TYPE
#define X_TYPE float
#endif
#ifndef Y_TYPE
#define Y_TYPE float
#endif

// LOAD and STORE move VECTOR neighbours, LOAD_ONE and STORE_ONE one number; the pointer's type says
// how they lie. Rounding is to the nearest, ties to even.
#define LOAD_ONE(p) load_one(p)
#define STORE_ONE(v, p) store_one(v, p)
#if VECTOR == 1
#define LOAD(p) load_one(p)
#define STORE(v, p) store_one(v, p)
#else
#define LOAD(p) load_vector(p)
#define STORE(v, p) store_vector(v, p)
#endif

#define OVERLOAD __attribute__((overloadable)) inline

// NaN keeps a bit that survives the cut.
#define ROUND_TO_BFLOAT16(TYPE, bits) \
  select((bits) + (TYPE)(0x7fffu) + (((bits) >> 16) & (TYPE)(1u)), (bits) | (TYPE)(0x400000u), \
         ((bits) & (TYPE)(0x7fffffffu)) > (TYPE)(0x7f800000u)) >> 16

OVERLOAD float load_one(__global const float* p) { return *p; }
OVERLOAD float load_one(__local const float* p) { return *p; }
OVERLOAD float load_one(__private const float* p) { return *p; }
OVERLOAD float load_one(__global const half* p) { return vload_half(0, p); }
OVERLOAD float load_one(__global const bfloat16* p) { return as_float((uint)*p << 16); }
OVERLOAD float load_one(__global const int* p) { return (float)*p; }
OVERLOAD void store_one(float v, __global float* p) { *p = v; }
OVERLOAD void store_one(float v, __local float* p) { *p = v; }
OVERLOAD void store_one(float v, __private float* p) { *p = v; }
OVERLOAD void store_one(float v, __global half* p) { vstore_half_rte(v, 0, p); }
OVERLOAD void store_one(float v, __global bfloat16* p) {
  const uint bits = as_uint(v);
  *p = (ushort)(ROUND_TO_BFLOAT16(uint, bits));
}

// Two or four neighbours, whatever VECTOR is; where they are aligned to their own size, in one load.
OVERLOAD float2 load_2(__global const float* p) { return vload2(0, p); }
OVERLOAD float2 load_2(__global const half* p) { return vload_half2(0, p); }
OVERLOAD float2 load_2(__global const bfloat16* p) {
  return as_float2(convert_uint2(vload2(0, p)) << 16);
}
OVERLOAD float4 load_4(__global const float* p) { return vload4(0, p); }
OVERLOAD float4 load_4(__global const half* p) { return vload_half4(0, p); }
OVERLOAD float4 load_4(__global const bfloat16* p) {
  return as_float4(convert_uint4(vload4(0, p)) << 16);
}
OVERLOAD float4 load_aligned_4(__global const float* p) { return *(__global const float4*)p; }
OVERLOAD float4 load_aligned_4(__global const half* p) { return vloada_half4(0, p); }
OVERLOAD float4 load_aligned_4(__global const bfloat16* p) {
  return as_float4(convert_uint4(*(__global const ushort4*)p) << 16);
}

OVERLOAD void store_aligned_2(float2 v, __global float* p) { *(__global float2*)p = v; }
OVERLOAD void store_aligned_2(float2 v, __global half* p) { vstorea_half2_rte(v, 0, p); }
OVERLOAD void store_aligned_2(float2 v, __global bfloat16* p) {
  const uint2 bits = as_uint2(v);
  *(__global ushort2*)p = convert_ushort2(ROUND_TO_BFLOAT16(uint2, bits));
}

// Elements at ..< at + 4 of x, which has `extent`: zeros beyond it, and nothing stored there. `at` is a
// multiple of 4.
#define WITHIN(TYPE) \
  OVERLOAD float4 load_4_within(__global const TYPE* x, const int at, const int extent) { \
    if (at + 4 <= extent) return load_4(x + at); \
    return (float4)(at < extent ? LOAD_ONE(x + at) : 0.0f, \
                    at + 1 < extent ? LOAD_ONE(x + at + 1) : 0.0f, \
                    at + 2 < extent ? LOAD_ONE(x + at + 2) : 0.0f, 0.0f); \
  } \
  OVERLOAD void store_4_within(float4 v, __global TYPE* x, const int at, const int extent) { \
    if (at < extent) STORE_ONE(v.x, x + at); \
    if (at + 1 < extent) STORE_ONE(v.y, x + at + 1); \
    if (at + 2 < extent) STORE_ONE(v.z, x + at + 2); \
    if (at + 3 < extent) STORE_ONE(v.w, x + at + 3); \
  }
WITHIN(float)
WITHIN(half)
WITHIN(bfloat16)

#if VECTOR > 1
OVERLOAD FLOATV load_vector(__global const float* p) { return PASTE(vload, VECTOR)(0, p); }
OVERLOAD FLOATV load_vector(__local const float* p) { return PASTE(vload, VECTOR)(0, p); }
OVERLOAD FLOATV load_vector(__private const float* p) { return PASTE(vload, VECTOR)(0, p); }
OVERLOAD FLOATV load_vector(__global const half* p) { return PASTE(vload_half, VECTOR)(0, p); }
OVERLOAD FLOATV load_vector(__global const bfloat16* p) {
  return PASTE(as_float, VECTOR)(PASTE(convert_uint, VECTOR)(PASTE(vload, VECTOR)(0, p)) << 16);
}
OVERLOAD FLOATV load_vector(__global const int* p) {
  return PASTE(convert_float, VECTOR)(PASTE(vload, VECTOR)(0, p));
}
OVERLOAD void store_vector(FLOATV v, __global float* p) { PASTE(vstore, VECTOR)(v, 0, p); }
OVERLOAD void store_vector(FLOATV v, __local float* p) { PASTE(vstore, VECTOR)(v, 0, p); }
OVERLOAD void store_vector(FLOATV v, __private float* p) { PASTE(vstore, VECTOR)(v, 0, p); }
OVERLOAD void store_vector(FLOATV v, __global half* p) {
  PASTE(PASTE(vstore_half, VECTOR), _rte)(v, 0, p);
}
OVERLOAD void store_vector(FLOATV v, __global bfloat16* p) {
  const UINTV bits = PASTE(as_uint, VECTOR)(v);
  PASTE(vstore, VECTOR)(PASTE(convert_ushort, VECTOR)(ROUND_TO_BFLOAT16(UINTV, bits)), 0, p);
}
#endif

// Rows of a matrix that may be quantised, by their number; elements by their place in a row.
#ifdef QUANTIZED
#include "quantized.cl"
#else
#define ROW_TYPE(TYPE) __global const TYPE*
#define row_of(x, row, columns) ((x) + (size_t)(row) * (columns))
#define load_at(row, at) LOAD((row) + (at))
#define load_4_at(row, at) load_4((row) + (at))
#define load_one_at(row, at) LOAD_ONE((row) + (at))
#endif

#endif
