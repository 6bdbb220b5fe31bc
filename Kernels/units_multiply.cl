// MULTIPLY(c, a, b): c += A B, of a lane's fragments, by a GPU's matrix unit or by ordinary instructions.
#ifndef RETORT_UNITS_MULTIPLY
#define RETORT_UNITS_MULTIPLY
#include "units.cl"

#if EMULATED
// The two numbers of a word.
inline float2 pair(const uint word) {
#if BRAIN
  return (float2)(as_float(word << 16), as_float(word & 0xffff0000u));
#else
  const uint kept = word;
  return vload_half2(0, (__private const half*)&kept);
#endif
}

// Every lane shows its registers, then adds up its own elements.
inline void multiply(float* c, const uint* a, const uint* b, const int lane, __local uint* shown) {
  for (int i = 0; i < A_WORDS; i++) shown[lane * (A_WORDS + B_WORDS) + i] = a[i];
  for (int i = 0; i < B_WORDS; i++) shown[lane * (A_WORDS + B_WORDS) + A_WORDS + i] = b[i];
  barrier(CLK_LOCAL_MEM_FENCE);  // all registers are shown
  for (int i = 0; i < C_NUMBERS; i++) {
    const int row = C_ROW(lane, i), column = C_COLUMN(lane, i);
    for (int w = 0; w < 8; w++) {
#if HALF_WORDS
      const float2 x = pair(shown[2 * w * (A_WORDS + B_WORDS) + row] |
                            shown[(2 * w + 1) * (A_WORDS + B_WORDS) + row] << 16);
#else
      const float2 x = pair(shown[A_LANE(row, w) * (A_WORDS + B_WORDS) + A_INDEX(row, w)]);
#endif
      const float2 y =
          pair(shown[B_LANE(column, w) * (A_WORDS + B_WORDS) + A_WORDS + B_INDEX(column, w)]);
      c[i] += x.x * y.x + x.y * y.y;
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);  // all have read them before they are shown again
}
#define MULTIPLY(c, a, b) multiply(c, a, b, lane, shown + (item - lane) * (A_WORDS + B_WORDS))
#elif UNIT == 1
#if BRAIN
#define PTX_TYPES "f32.bf16.bf16.f32"
#else
#define PTX_TYPES "f32.f16.f16.f32"
#endif
#define MULTIPLY(c, a, b) \
  __asm("mma.sync.aligned.m16n8k16.row.col." PTX_TYPES \
                 " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
                 : "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3]) \
                 : "r"((a)[0]), "r"((a)[1]), "r"((a)[2]), "r"((a)[3]), "r"((b)[0]), "r"((b)[1]))
#elif UNIT == 7
#if BRAIN
#error "this unit has no bfloat16"
#endif
#define MULTIPLY_EIGHT(c, a0, a1, b) \
  __asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};" \
        : "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3]) : "r"(a0), "r"(a1), "r"(b))
#define MULTIPLY(c, a, b) { \
    MULTIPLY_EIGHT(c, (a)[0], (a)[1], (b)[0]); \
    MULTIPLY_EIGHT(c, (a)[2], (a)[3], (b)[1]); \
  }
#elif UNIT == 2 || UNIT == 5 || UNIT == 6
// AMD's compilers end the process at an instruction that the device lacks, so it is asked for by name first.
#if !defined(__has_builtin)
#error "this compiler does not say which instructions it has"
#elif __has_builtin(__builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12)
#define AMD_UNIT 5
#elif __has_builtin(__builtin_amdgcn_wmma_f32_16x16x16_f16_w32)
#define AMD_UNIT 2
#elif __has_builtin(__builtin_amdgcn_mfma_f32_16x16x16bf16_1k)
#define AMD_UNIT 6
#endif
#if AMD_UNIT != UNIT
#error "the device has another matrix unit, or none"
#endif
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#if BRAIN
typedef short NUMBER_;
#else
typedef half NUMBER_;
#endif
// An operand's numbers in a lane: as many as its words have.
typedef NUMBER_ OPERAND __attribute__((ext_vector_type(2 * A_WORDS)));
#define OPERAND_OF(x) __builtin_astype(PASTE(vload, A_WORDS)(0, x), OPERAND)
#if UNIT == 2
#if BRAIN
#define UNIT_PRODUCT(a, b, c) __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(a, b, c)
#else
#define UNIT_PRODUCT(a, b, c) __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a, b, c)
#endif
#elif UNIT == 5
#if BRAIN
#define UNIT_PRODUCT(a, b, c) __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(a, b, c)
#else
#define UNIT_PRODUCT(a, b, c) __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(a, b, c)
#endif
#else
#if BRAIN
#define UNIT_PRODUCT(a, b, c) __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(a, b, c, 0, 0, 0)
#else
#define UNIT_PRODUCT(a, b, c) __builtin_amdgcn_mfma_f32_16x16x16f16(a, b, c, 0, 0, 0)
#endif
#endif
#define MULTIPLY(c, a, b) \
  PASTE(vstore, C_NUMBERS)(UNIT_PRODUCT(OPERAND_OF(a), OPERAND_OF(b), PASTE(vload, C_NUMBERS)(0, c)), 0, c)
#else
#if BRAIN
#define MULTIPLY_ADD intel_sub_group_bf16_bf16_matrix_mad_k16
#else
#define MULTIPLY_ADD intel_sub_group_f16_f16_matrix_mad_k16
#endif
#if HALF_WORDS
#define LEFT(a) as_short8(convert_ushort8(vload8(0, a)))
#else
#define LEFT(a) as_int8(vload8(0, a))
#endif
#define MULTIPLY(c, a, b) vstore8(MULTIPLY_ADD(LEFT(a), as_int8(vload8(0, b)), vload8(0, c)), 0, c)
#endif
#if (UNIT == 3 || UNIT == 4) && !EMULATED
#define SUBGROUP_SIZE __attribute__((intel_reqd_sub_group_size(LANES_PER_BLOCK)))
#else
#define SUBGROUP_SIZE
#endif

#endif
