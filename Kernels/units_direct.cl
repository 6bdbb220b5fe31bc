// Tiles of warps that lie in local memory as their operands lie in global memory. They are copied there without
// passing through registers, several tiles ahead (PTX ISA, "cp.async", from sm_80 on); fragments of an operand that
// is stored across k are transposed while they are loaded.
#ifndef RETORT_UNITS_DIRECT
#define RETORT_UNITS_DIRECT
#include "units.cl"

// COPY_EIGHT: eight numbers, or zeros where `is_there` is false. COMMIT_COPIES ends a batch of copies;
// AWAIT_COPIES waits until at most so many of this work-item's batches are under way.
#if EMULATED
#define COPY_EIGHT(to, from, is_there) \
  *(__local uint4*)(to) = (is_there) ? *(__global const uint4*)(from) : (uint4)(0u);
#define COMMIT_COPIES
#define AWAIT_COPIES(pending)
#else
#define COPY_EIGHT(to, from, is_there) { \
    const int bytes_ = (is_there) ? 16 : 0; \
    __asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" \
                   : : "l"(to), "l"(from), "r"(bytes_) : "memory"); \
  }
#define COMMIT_COPIES __asm volatile("cp.async.commit_group;" : : : "memory");
#define AWAIT_COPIES(pending) __asm volatile("cp.async.wait_group %0;" : : "n"(pending) : "memory");
// As LOAD_MATRICES, each matrix transposed.
#define LOAD_MATRICES_TRANSPOSED(x, from) \
  __asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" \
                 : "=r"((x)[0]), "=r"((x)[1]), "=r"((x)[2]), "=r"((x)[3]) : "l"(from) : "memory")
#endif

// The work-item's copies of a tile of `rows` rows along k, or of DEPTH rows across k: where each comes from. Beyond
// the operand's last row or column there is the last one again, which only parts of C see that do not exist.
#define FROM_ALONG_K(from, x, rows, first, extent) \
  UNROLL for (int c = 0; c < COPIES(rows); c++) { \
    const int copy = item + c * ITEMS, row = min(first + copy / (DEPTH / 8), extent - 1); \
    from[c] = (__global const ushort*)x + (size_t)row * K + first_k + copy % (DEPTH / 8) * 8; \
  }
#define COPY_ALONG_K(tile, from, rows, extent) \
  UNROLL for (int c = 0; c < COPIES(rows); c++) { \
    const int copy = item + c * ITEMS, word = copy % (DEPTH / 8) * 4; \
    COPY_EIGHT((tile) + PLACE(copy / (DEPTH / 8), word, WORDS), from[c], k0 + 2 * word < last_k) \
    from[c] += DEPTH; \
  }
#define FROM_ACROSS_K(from, x, rows, first, extent) \
  UNROLL for (int c = 0; c < COPIES(rows); c++) { \
    const int copy = item + c * ITEMS, row = min(first + copy % ((rows) / 8) * 8, extent - 8); \
    from[c] = (__global const ushort*)x + (size_t)(first_k + copy / ((rows) / 8)) * extent + row; \
  }
#define COPY_ACROSS_K(tile, from, rows, extent) \
  UNROLL for (int c = 0; c < COPIES(rows); c++) { \
    const int copy = item + c * ITEMS, k = copy / ((rows) / 8), word = copy % ((rows) / 8) * 4; \
    COPY_EIGHT((tile) + PLACE(k, word, (rows) / 2), from[c], k0 + k < last_k) \
    from[c] += (size_t)DEPTH * extent; \
  }

#if EMULATED
// The numbers at (k, column) and (k + 1, column) of a tile across k, as a word.
inline uint pair_across(__local const uint* tile, const int k, const int column, const int words) {
  __local const ushort* numbers = (__local const ushort*)tile;
  return numbers[PLACE(k, column / 2, words) * 2 + column % 2] |
         (uint)numbers[PLACE(k + 1, column / 2, words) * 2 + column % 2] << 16;
}
#endif

// A lane's fragment of A, and those of B for COLUMNS_LOADED columns, from tiles across k.
inline void load_a_across(uint* a, __local const uint* tile, const int row0, const int step, const int words,
                          const int lane) {
#if EMULATED
  for (int i = 0; i < 4; i++) {
    a[i] = pair_across(tile, step * 16 + lane % 4 * 2 + i / 2 * 8, row0 + lane / 4 + i % 2 * 8, words);
  }
#else
  LOAD_MATRICES_TRANSPOSED(
      a, tile + PLACE(step * 16 + lane / 16 * 8 + lane % 8, (row0 + lane / 8 % 2 * 8) / 2, words));
#endif
}
inline void load_b_across(uint (*b)[B_WORDS], __local const uint* tile, const int column0, const int step,
                          const int words, const int lane) {
#if EMULATED
  for (int i = 0; i < 4; i++) {
    b[i / 2][i % 2] =
        pair_across(tile, step * 16 + lane % 4 * 2 + i % 2 * 8, column0 + lane / 4 + i / 2 * 8, words);
  }
#else
  uint both[4];
  LOAD_MATRICES_TRANSPOSED(
      both, tile + PLACE(step * 16 + lane / 8 % 2 * 8 + lane % 8, (column0 + lane / 16 * 8) / 2, words));
  vstore2((uint2)(both[0], both[1]), 0, b[0]);
  vstore2((uint2)(both[2], both[3]), 0, b[1]);
#endif
}

#endif
