// The numbers of NF4 by code, and of the dynamic map of 8 bits that its scales are written by.
#ifndef RETORT_NORMAL_FLOAT
#define RETORT_NORMAL_FLOAT
#include "common.cl"

// What processors' own instructions take.
#ifdef __x86_64__
typedef short LANES_8S __attribute__((__vector_size__(16)));
typedef float LANES_8F __attribute__((__vector_size__(32)));
typedef int LANES_8I __attribute__((__vector_size__(32)));
typedef float LANES_16F __attribute__((__vector_size__(64)));
typedef int LANES_16I __attribute__((__vector_size__(64)));
#endif

// QLoRA, appendix E.
#define NORMAL_FLOATS_LOW \
  -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, \
  -0.18477343022823334f, -0.09105003625154495f, 0.0f
#define NORMAL_FLOATS_HIGH \
  0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, \
  0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f
__constant float normal_float[16] = {NORMAL_FLOATS_LOW, NORMAL_FLOATS_HIGH};
// The dynamic map of 8 bits: decades of 1, 2, 4 ... 64 points on either side of zero, and how far these are apart. A processor
// looks numbers up, by their place beside zero; many lanes work them out.
#if VECTOR >= 8
#define POINTS_1(decade, distance, i) (0.1f + distance * ((float)(i) + 0.5f)) * decade
#define POINTS_2(decade, distance, i) POINTS_1(decade, distance, i), POINTS_1(decade, distance, i + 1)
#define POINTS_4(decade, distance, i) POINTS_2(decade, distance, i), POINTS_2(decade, distance, i + 2)
#define POINTS_8(decade, distance, i) POINTS_4(decade, distance, i), POINTS_4(decade, distance, i + 4)
#define POINTS_16(decade, distance, i) POINTS_8(decade, distance, i), POINTS_8(decade, distance, i + 8)
#define POINTS_32(decade, distance, i) POINTS_16(decade, distance, i), POINTS_16(decade, distance, i + 16)
#define POINTS_64(decade, distance, i) POINTS_32(decade, distance, i), POINTS_32(decade, distance, i + 32)
__constant float dynamic_points[129] = {
  0.0f, POINTS_1(1e-6f, 0.9f, 0), POINTS_2(1e-5f, 0.45f, 0), POINTS_4(1e-4f, 0.225f, 0), POINTS_8(1e-3f, 0.1125f, 0),
  POINTS_16(1e-2f, 0.05625f, 0), POINTS_32(1e-1f, 0.028125f, 0), POINTS_64(1.0f, 0.0140625f, 0), 1.0f};
inline float dynamic_map(const int code) {
  const int place = code - 127;
  return as_float(as_uint(dynamic_points[place < 0 ? -place : place]) | ((uint)place & 0x80000000u));
}
#else
__constant float decades[7] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
__constant float distances[7] = {0.9f, 0.45f, 0.225f, 0.1125f, 0.05625f, 0.028125f, 0.0140625f};
inline float dynamic_map(const int code) {
  const int place = code - 127;
  if (place == 0) return 0.0f;
  if (place == 128) return 1.0f;
  const int size = place < 0 ? -place : place;
  const int decade = (int)(as_uint((float)size) >> 23) - 127;
  const float middle = 0.1f + distances[decade] * ((float)(size - (1 << decade)) + 0.5f);
  return (place < 0 ? -middle : middle) * decades[decade];
}
#endif

// The sixteen numbers of NF4 by the last four bits of each code, where a processor looks up a vector at once.
#if defined(__AVX512F__) && defined(__x86_64__)
#define NORMAL_FLOATS_16(codes) \
  __builtin_astype(__builtin_ia32_permvarsf512(__builtin_astype((float16)(NORMAL_FLOATS_LOW, NORMAL_FLOATS_HIGH), LANES_16F), \
                                               __builtin_astype(codes, LANES_16I)), float16)
#endif
#if defined(__AVX2__) && defined(__x86_64__)
#define EIGHT_OF(numbers, codes) \
  __builtin_astype(__builtin_ia32_permvarsf256(__builtin_astype((float8)(numbers), LANES_8F), \
                                               __builtin_astype(codes, LANES_8I)), float8)
#define NORMAL_FLOATS_8(codes) \
  (as_int8(codes << 28) < 0 ? EIGHT_OF(NORMAL_FLOATS_HIGH, codes) : EIGHT_OF(NORMAL_FLOATS_LOW, codes))
#endif
#define LOOK_UP(N, codes, numbers) \
  float numbers[N]; \
  { \
    uint codes_[N]; \
    vstore##N(codes, 0, codes_); \
    _Pragma("unroll") for (int i = 0; i < N; i++) numbers[i] = normal_float[codes_[i] & 15u]; \
  }
#define NORMAL_FLOATS(N) \
  OVERLOAD float##N normal_floats(const uint##N codes) { \
    LOOK_UP(N, codes, numbers) \
    return vload##N(0, numbers); \
  }

#endif
