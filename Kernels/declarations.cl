// The part of OpenCL C that kernels use, in place of a compiler's own header, which takes longer to read than most kernels take to
// compile. It stands before a program where a driver gains from it (`DriverFacts.swift`). Source: OpenCL C 1.2, section 6.12.
#ifndef RETORT_DECLARATIONS
#define RETORT_DECLARATIONS

// PoCL brings types by themselves.
#ifndef _OPENCL_BASE_H_
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef __SIZE_TYPE__ size_t;
typedef uint cl_mem_fence_flags;

#define VECTORS(T) \
  typedef T T##2 __attribute__((ext_vector_type(2))); \
  typedef T T##4 __attribute__((ext_vector_type(4))); \
  typedef T T##8 __attribute__((ext_vector_type(8))); \
  typedef T T##16 __attribute__((ext_vector_type(16)));
VECTORS(char)
VECTORS(uchar)
VECTORS(short)
VECTORS(ushort)
VECTORS(int)
VECTORS(uint)
VECTORS(float)
#endif

#undef INFINITY
#undef NAN
#undef M_LOG2E_F
#define INFINITY (__builtin_huge_valf())
#define NAN (__builtin_nanf(""))
#define M_LOG2E_F 1.44269504088896340736f
#undef CLK_LOCAL_MEM_FENCE
#undef CLK_GLOBAL_MEM_FENCE
#define CLK_LOCAL_MEM_FENCE 1
#define CLK_GLOBAL_MEM_FENCE 2

#define OVERLOADED __attribute__((overloadable))
// Depends on its arguments alone.
#define PURE __attribute__((overloadable, const))

PURE uint get_work_dim(void);
PURE size_t get_global_id(uint);
PURE size_t get_local_id(uint);
PURE size_t get_group_id(uint);
PURE size_t get_global_size(uint);
PURE size_t get_local_size(uint);
PURE size_t get_num_groups(uint);
PURE size_t get_global_offset(uint);
OVERLOADED __attribute__((convergent)) void barrier(cl_mem_fence_flags);

#define as_float(x) __builtin_astype((x), float)
#define as_float2(x) __builtin_astype((x), float2)
#define as_float4(x) __builtin_astype((x), float4)
#define as_float8(x) __builtin_astype((x), float8)
#define as_float16(x) __builtin_astype((x), float16)
#define as_uint(x) __builtin_astype((x), uint)
#define as_uint2(x) __builtin_astype((x), uint2)
#define as_uint4(x) __builtin_astype((x), uint4)
#define as_uint8(x) __builtin_astype((x), uint8)
#define as_uint16(x) __builtin_astype((x), uint16)
#define as_int(x) __builtin_astype((x), int)
#define as_int8(x) __builtin_astype((x), int8)
#define as_short8(x) __builtin_astype((x), short8)
#define as_ushort(x) __builtin_astype((x), ushort)

// What each width has; n is empty for one element.
#define NUMBERS(n) \
  PURE float##n exp(float##n); \
  PURE float##n log(float##n); \
  PURE float##n sqrt(float##n); \
  PURE float##n sin(float##n); \
  PURE float##n cos(float##n); \
  PURE float##n fabs(float##n); \
  PURE float##n sign(float##n); \
  PURE float##n native_exp2(float##n); \
  PURE float##n fmax(float##n, float##n); \
  PURE float##n fma(float##n, float##n, float##n); \
  PURE float##n pow(float##n, float##n); \
  PURE float##n min(float##n, float##n); \
  PURE float##n max(float##n, float##n); \
  PURE int##n min(int##n, int##n); \
  PURE int##n max(int##n, int##n); \
  PURE uint##n min(uint##n, uint##n); \
  PURE uint##n max(uint##n, uint##n); \
  PURE float##n clamp(float##n, float##n, float##n); \
  PURE int##n clamp(int##n, int##n, int##n); \
  PURE uint##n mul_hi(uint##n, uint##n); \
  PURE int##n isnan(float##n); \
  PURE float##n select(float##n, float##n, int##n); \
  PURE float##n select(float##n, float##n, uint##n); \
  PURE uint##n select(uint##n, uint##n, int##n); \
  PURE uint##n select(uint##n, uint##n, uint##n); \
  PURE float##n convert_float##n(int##n); \
  PURE float##n convert_float##n(uint##n); \
  PURE float##n convert_float##n(ushort##n); \
  PURE float##n convert_float##n(char##n); \
  PURE int##n convert_int##n(float##n); \
  PURE uint##n convert_uint##n(float##n); \
  PURE uint##n convert_uint##n(int##n); \
  PURE uint##n convert_uint##n(ushort##n); \
  PURE uint##n convert_uint##n(uchar##n); \
  PURE ushort##n convert_ushort##n(uint##n);
NUMBERS()
NUMBERS(2)
NUMBERS(4)
NUMBERS(8)
NUMBERS(16)

#define MEMORY(SPACE, T, n) \
  __attribute__((overloadable, pure)) T##n vload##n(size_t, const SPACE T*); \
  OVERLOADED void vstore##n(T##n, size_t, SPACE T*);
#define HALVES(SPACE, n) \
  __attribute__((overloadable, pure)) float##n vload_half##n(size_t, const SPACE half*); \
  OVERLOADED void vstore_half##n##_rte(float##n, size_t, SPACE half*);
#define ALIGNED_HALVES(SPACE, n) \
  __attribute__((overloadable, pure)) float##n vloada_half##n(size_t, const SPACE half*); \
  OVERLOADED void vstorea_half##n##_rte(float##n, size_t, SPACE half*);
#define MEMORY_OF(SPACE) \
  MEMORY(SPACE, float, 2) MEMORY(SPACE, float, 4) MEMORY(SPACE, float, 8) MEMORY(SPACE, float, 16) \
  MEMORY(SPACE, int, 2) MEMORY(SPACE, int, 4) MEMORY(SPACE, int, 8) MEMORY(SPACE, int, 16) \
  MEMORY(SPACE, uint, 2) MEMORY(SPACE, uint, 4) MEMORY(SPACE, uint, 8) MEMORY(SPACE, uint, 16) \
  MEMORY(SPACE, ushort, 2) MEMORY(SPACE, ushort, 4) MEMORY(SPACE, ushort, 8) MEMORY(SPACE, ushort, 16) \
  HALVES(SPACE, ) HALVES(SPACE, 2) HALVES(SPACE, 4) HALVES(SPACE, 8) HALVES(SPACE, 16) \
  ALIGNED_HALVES(SPACE, 2) ALIGNED_HALVES(SPACE, 4) ALIGNED_HALVES(SPACE, 8) ALIGNED_HALVES(SPACE, 16)
MEMORY_OF(__global)
MEMORY_OF(__local)
MEMORY_OF(__private)
#define BYTES(n) MEMORY(__global, char, n) MEMORY(__global, uchar, n)
BYTES(2) BYTES(4) BYTES(8) BYTES(16)

#endif
