// How weights of eight bits and fewer lie in memory: rows of blocks, and numbers read from them. The layouts are those of
// `Sources/Tensors/Quantization`; a launch that has such an argument defines QUANTIZED.
#ifndef RETORT_QUANTIZED
#define RETORT_QUANTIZED
#ifndef QUANTIZED
#define QUANTIZED
#endif
#include "common.cl"
#include "normal_float.cl"

// GGUF's blocks (ggml, ggml-common.h). A scale is the bits of a half.
typedef struct { ushort d; char q[32]; } q8_0;
typedef struct { ushort d; uchar q[16]; } q4_0;
typedef struct { ushort d, m; uchar q[16]; } q4_1;
typedef struct { ushort d; uchar h[4], q[16]; } q5_0;
typedef struct { ushort d, m; uchar h[4], q[16]; } q5_1;
typedef struct { ushort d, m; uchar s[12], q[128]; } q4_k;
typedef struct { ushort d, m; uchar s[12], h[32], q[128]; } q5_k;
typedef struct { uchar q[128], h[64]; char s[16]; ushort d; } q6_k;
// A group of 256 blocks of 64: the scale of its scales, their mean, their codes, the numbers.
typedef struct { float scale, mean; uchar code[256], q[8192]; } nf4;
// Each row: a scale, then bytes.
typedef struct { float scale; } int8_rows;

// What a kernel keeps of a row.
typedef __global const float* float_row;
typedef __global const half* half_row;
typedef __global const bfloat16* bfloat16_row;
typedef __global const q8_0* q8_0_row;
typedef __global const q4_0* q4_0_row;
typedef __global const q4_1* q4_1_row;
typedef __global const q5_0* q5_0_row;
typedef __global const q5_1* q5_1_row;
typedef __global const q4_k* q4_k_row;
typedef __global const q5_k* q5_k_row;
typedef __global const q6_k* q6_k_row;
typedef struct { __global const nf4* groups; size_t at; } nf4_row;
typedef struct { __global const char* q; float scale; } int8_rows_row;
#define ROW_TYPE(TYPE) PASTE(TYPE, _row)

#define ROW_OF_NUMBERS(TYPE) \
  OVERLOAD TYPE##_row row_of(__global const TYPE* x, const size_t row, const int columns) { \
    return x + row * columns; \
  }
ROW_OF_NUMBERS(float)
ROW_OF_NUMBERS(half)
ROW_OF_NUMBERS(bfloat16)
#define ROW_OF_BLOCKS(TYPE, LENGTH) \
  OVERLOAD TYPE##_row row_of(__global const TYPE* x, const size_t row, const int columns) { \
    return x + row * (columns / LENGTH); \
  }
ROW_OF_BLOCKS(q8_0, 32)
ROW_OF_BLOCKS(q4_0, 32)
ROW_OF_BLOCKS(q4_1, 32)
ROW_OF_BLOCKS(q5_0, 32)
ROW_OF_BLOCKS(q5_1, 32)
ROW_OF_BLOCKS(q4_k, 256)
ROW_OF_BLOCKS(q5_k, 256)
ROW_OF_BLOCKS(q6_k, 256)
OVERLOAD nf4_row row_of(__global const nf4* x, const size_t row, const int columns) {
  nf4_row own;
  own.groups = x;
  // Rows are whole blocks; written so, that is known.
  own.at = row * columns & ~(size_t)63;
  return own;
}
OVERLOAD int8_rows_row row_of(__global const int8_rows* x, const size_t row, const int columns) {
  __global const int8_rows* from = x + row * (columns / 4 + 1);
  int8_rows_row own;
  own.scale = from->scale;
  own.q = (__global const char*)(from + 1);
  return own;
}

// A finite half from its bits; drivers' own conversion is slow where it is not one instruction.
inline float half_bits(const ushort bits) {
#if defined(__F16C__) && defined(__x86_64__)
  return __builtin_astype(__builtin_ia32_vcvtph2ps(__builtin_astype((ushort8)(bits, 0, 0, 0, 0, 0, 0, 0), LANES_8S)), float4).x;
#else
  const uint size = bits & 0x7fffu;
  const float small = (float)size * 0x1p-24f, large = as_float((size << 13) + 0x38000000u);
  return as_float(as_uint(size < 0x400u ? small : large) | (uint)(bits & 0x8000u) << 16);
#endif
}
#define FIRST_2 (uint2)(0, 1)
#define FIRST_4 (uint4)(0, 1, 2, 3)
#define FIRST_8 (uint8)(0, 1, 2, 3, 4, 5, 6, 7)
#define FIRST_16 (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

// The scale and the least number of a part of a block of 256, six bits each.
inline uint2 six_bits(__global const uchar* s, const int part) {
  if (part < 4) return (uint2)(s[part] & 63, s[part + 4] & 63);
  return (uint2)((s[part + 4] & 15) | (s[part - 4] >> 6) << 4, (s[part + 4] >> 4) | (s[part] >> 6) << 4);
}

// Whether numbers of a row have a least one beside their scale.
#define HAS_LEAST(TYPE, IS) OVERLOAD bool has_least(const TYPE##_row row) { return IS; }
HAS_LEAST(int8_rows, false)
HAS_LEAST(nf4, false)
HAS_LEAST(q8_0, false)
HAS_LEAST(q4_0, true)
HAS_LEAST(q4_1, true)
HAS_LEAST(q5_0, true)
HAS_LEAST(q5_1, true)
HAS_LEAST(q4_k, true)
HAS_LEAST(q5_k, true)
HAS_LEAST(q6_k, true)
// The scale and the least number of the neighbours of a row that `at` is among: 64 of NF4, 16 of Q6_K, else 32.
OVERLOAD float2 step_of(const int8_rows_row row, const uint at) { return (float2)(row.scale, 0.0f); }
OVERLOAD float2 step_of(const q8_0_row row, const uint at) { return (float2)(half_bits(row[at / 32].d), 0.0f); }
OVERLOAD float2 step_of(const q4_0_row row, const uint at) {
  const float scale = half_bits(row[at / 32].d);
  return (float2)(scale, -8.0f * scale);
}
OVERLOAD float2 step_of(const q4_1_row row, const uint at) {
  return (float2)(half_bits(row[at / 32].d), half_bits(row[at / 32].m));
}
OVERLOAD float2 step_of(const q5_0_row row, const uint at) {
  const float scale = half_bits(row[at / 32].d);
  return (float2)(scale, -16.0f * scale);
}
OVERLOAD float2 step_of(const q5_1_row row, const uint at) {
  return (float2)(half_bits(row[at / 32].d), half_bits(row[at / 32].m));
}
OVERLOAD float2 step_of(const q4_k_row row, const uint at) {
  const q4_k_row block = row + at / 256;
  const uint2 six = six_bits(block->s, at % 256 / 32);
  return (float2)(half_bits(block->d) * (float)six.x, -half_bits(block->m) * (float)six.y);
}
OVERLOAD float2 step_of(const q5_k_row row, const uint at) {
  const q5_k_row block = row + at / 256;
  const uint2 six = six_bits(block->s, at % 256 / 32);
  return (float2)(half_bits(block->d) * (float)six.x, -half_bits(block->m) * (float)six.y);
}
OVERLOAD float2 step_of(const q6_k_row row, const uint at) {
  const q6_k_row block = row + at / 256;
  const float scale = half_bits(block->d) * (float)block->s[at % 256 / 16];
  return (float2)(scale, -32.0f * scale);
}
OVERLOAD float2 step_of(const nf4_row row, const uint at) {
  const size_t place = row.at + at;
  __global const nf4* group = row.groups + place / 16384;
  return (float2)(dynamic_map(group->code[place % 16384 / 64]) * group->scale + group->mean, 0.0f);
}

// N neighbours of a row before scale and least number, of which the first is a multiple of N; N divides every block.
#define CODES_OF(N) \
  OVERLOAD float##N PASTE(codes_, N)(const int8_rows_row row, const uint at) { \
    return convert_float##N(vload##N(0, row.q + at)); \
  } \
  OVERLOAD float##N PASTE(codes_, N)(const q8_0_row row, const uint at) { \
    return convert_float##N(vload##N(0, row[at / 32].q + at % 32)); \
  } \
  OVERLOAD float##N PASTE(codes_, N)(const q4_0_row row, const uint at) { FOUR_BITS(N, row[at / 32]) } \
  OVERLOAD float##N PASTE(codes_, N)(const q4_1_row row, const uint at) { FOUR_BITS(N, row[at / 32]) } \
  OVERLOAD float##N PASTE(codes_, N)(const q5_0_row row, const uint at) { FIVE_BITS(N, row[at / 32]) } \
  OVERLOAD float##N PASTE(codes_, N)(const q5_1_row row, const uint at) { FIVE_BITS(N, row[at / 32]) } \
  OVERLOAD float##N PASTE(codes_, N)(const q4_k_row row, const uint at) { \
    const q4_k_row block = row + at / 256; \
    const uint part = at % 256 / 32; \
    const uint##N codes = convert_uint##N(vload##N(0, block->q + part / 2 * 32 + at % 32)); \
    return convert_float##N(codes >> (part % 2 * 4) & 15u); \
  } \
  OVERLOAD float##N PASTE(codes_, N)(const q5_k_row row, const uint at) { \
    const q5_k_row block = row + at / 256; \
    const uint part = at % 256 / 32; \
    const uint##N codes = convert_uint##N(vload##N(0, block->q + part / 2 * 32 + at % 32)); \
    const uint##N high = convert_uint##N(vload##N(0, block->h + at % 32)) >> part; \
    return convert_float##N((codes >> (part % 2 * 4) & 15u) | (high & 1u) << 4); \
  } \
  OVERLOAD float##N PASTE(codes_, N)(const q6_k_row row, const uint at) { \
    const q6_k_row block = row + at / 256; \
    const uint half_ = at % 256 / 128, quarter = at % 128 / 32, place = at % 32; \
    const uint##N codes = convert_uint##N(vload##N(0, block->q + half_ * 64 + quarter % 2 * 32 + place)); \
    const uint##N high = convert_uint##N(vload##N(0, block->h + half_ * 32 + place)) >> (quarter * 2); \
    return convert_float##N((codes >> (quarter / 2 * 4) & 15u) | (high & 3u) << 4); \
  }
#define FOUR_BITS(N, block) \
  const uint##N codes = convert_uint##N(vload##N(0, (block).q + at % 16)) >> (at % 32 / 16 * 4); \
  return convert_float##N(codes & 15u);
#define FIVE_BITS(N, block) \
  const uint##N codes = convert_uint##N(vload##N(0, (block).q + at % 16)) >> (at % 32 / 16 * 4); \
  const uint##N high = (uint##N)(as_uint(vload4(0, (block).h))) >> (FIRST_##N + at % 32); \
  return convert_float##N((codes & 15u) | (high & 1u) << 4);
// Two codes a byte, the upper half first. Lane i of BYTES has the word that holds its code, shifted down to it; higher bits are left.
#define CODES_OF_NF4(N, BYTES) \
  OVERLOAD float##N PASTE(codes_, N)(const nf4_row row, const uint at) { \
    const size_t place = row.at + at; \
    __global const uchar* from = row.groups[place / 16384].q + place % 16384 / 2; \
    return normal_floats(BYTES); \
  }
#define SHIFTS_2 (uint2)(4, 0)
#define SHIFTS_4 (uint4)(4, 0, 12, 8)
#define SHIFTS_8 (uint8)(4, 0, 12, 8, 20, 16, 28, 24)
#define HALVES_2 ((uint2)(*from) >> SHIFTS_2)
#define HALVES_4 ((uint4)(*(__global const ushort*)from) >> SHIFTS_4)
#define HALVES_8 ((uint8)(*(__global const uint*)from) >> SHIFTS_8)
#define HALVES_16 \
  ((uint16)((uint8)(((__global const uint*)from)[0]), (uint8)(((__global const uint*)from)[1])) >> \
   (uint16)(SHIFTS_8, SHIFTS_8))

// The same as numbers.
#define LOADS_OF(N) \
  OVERLOAD float##N PASTE(numbers_, N)(const float_row row, const uint at) { return vload##N(0, row + at); } \
  OVERLOAD float##N PASTE(numbers_, N)(const half_row row, const uint at) { return vload_half##N(0, row + at); } \
  OVERLOAD float##N PASTE(numbers_, N)(const bfloat16_row row, const uint at) { \
    return as_float##N(convert_uint##N(vload##N(0, row + at)) << 16); \
  } \
  NUMBERS_OF(int8_rows, N) NUMBERS_OF(nf4, N) NUMBERS_OF(q8_0, N) NUMBERS_OF(q4_0, N) NUMBERS_OF(q4_1, N) \
  NUMBERS_OF(q5_0, N) NUMBERS_OF(q5_1, N) NUMBERS_OF(q4_k, N) NUMBERS_OF(q5_k, N) NUMBERS_OF(q6_k, N)
#define NUMBERS_OF(TYPE, N) \
  OVERLOAD float##N PASTE(numbers_, N)(const TYPE##_row row, const uint at) { \
    const float2 step = step_of(row, at); \
    return MAD(PASTE(codes_, N)(row, at), (float##N)(step.x), (float##N)(step.y)); \
  }

NORMAL_FLOATS(4)
CODES_OF(4)
CODES_OF_NF4(4, HALVES_4)
LOADS_OF(4)
#if VECTOR == 2
NORMAL_FLOATS(2)
CODES_OF(2)
CODES_OF_NF4(2, HALVES_2)
LOADS_OF(2)
#elif VECTOR == 8
#ifdef NORMAL_FLOATS_8
OVERLOAD float8 normal_floats(const uint8 codes) { return NORMAL_FLOATS_8(codes); }
#else
NORMAL_FLOATS(8)
#endif
CODES_OF(8)
CODES_OF_NF4(8, HALVES_8)
LOADS_OF(8)
#elif VECTOR == 16
#ifdef NORMAL_FLOATS_16
OVERLOAD float16 normal_floats(const uint16 codes) { return NORMAL_FLOATS_16(codes); }
#else
NORMAL_FLOATS(16)
#endif
CODES_OF(16)
CODES_OF_NF4(16, HALVES_16)
LOADS_OF(16)
#endif

// One number of a row.
#define ONE_OF(TYPE) \
  OVERLOAD float load_one_at(const TYPE##_row row, const uint at) { \
    float four_[4]; \
    vstore4(numbers_4(row, at / 4 * 4), 0, four_); \
    return four_[at % 4]; \
  }
ONE_OF(int8_rows)
ONE_OF(nf4)
ONE_OF(q8_0)
ONE_OF(q4_0)
ONE_OF(q4_1)
ONE_OF(q5_0)
ONE_OF(q5_1)
ONE_OF(q4_k)
ONE_OF(q5_k)
ONE_OF(q6_k)
OVERLOAD float load_one_at(const float_row row, const uint at) { return LOAD_ONE(row + at); }
OVERLOAD float load_one_at(const half_row row, const uint at) { return LOAD_ONE(row + at); }
OVERLOAD float load_one_at(const bfloat16_row row, const uint at) { return LOAD_ONE(row + at); }

#define load_4_at(row, at) numbers_4(row, at)
#if VECTOR == 1
#define load_at(row, at) load_one_at(row, at)
#else
#define load_at(row, at) PASTE(numbers_, VECTOR)(row, at)
#define codes_at(row, at) PASTE(codes_, VECTOR)(row, at)
#endif

#endif
