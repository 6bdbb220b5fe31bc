// Copies between buffers.
#include "common.cl"

// target[i] = source[i], word by word; both [count].
__kernel void copy_words(__global const uint* source, __global uint* target, const int count) {
  FOR_OWN(i, count, 1) target[i] = source[i];
}

// Rows of `columns` numbers: `rows` of them, from row `from` of source on to row `to` of target on.
__kernel void copy_rows(__global const SOURCE_TYPE* source, __global TARGET_TYPE* target, const int from, const int to,
                        const int rows, const int columns) {
  source += (size_t)from * columns;
  target += (size_t)to * columns;
  FOR_OWN(i, (uint)rows * (uint)columns, 1) STORE_ONE(LOAD_ONE(source + i), target + i);
}
