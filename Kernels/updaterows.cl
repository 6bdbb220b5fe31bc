// y = kept, with `count` rows from starts[b] on replaced by new ones in each batch b.
#include "common.cl"

// kept, y: [batch, rows, columns], fresh: [batch, count, columns], starts: [batch]. y may lie over
// kept, which is then left alone where it stays. A work-group owns a row.
__kernel void update_rows(__global const T0* kept, __global const T1* fresh,
                          __global const int* starts, __global T3* y, const int batches,
                          const int rows, const int count, const int columns) {
  FOR_ROWS(index, batches * rows) {
    const int b = index / rows, row = (int)index % rows - starts[b];
    __global T3* to = y + (size_t)index * columns;
    if (row >= 0 && row < count) {
      __global const T1* from = fresh + ((size_t)b * count + row) * columns;
      FOR_VECTORS(c, columns) STORE(LOAD(from + c), to + c);
      FOR_REST(c, columns) STORE_ONE(LOAD_ONE(from + c), to + c);
    } else if ((__global const void*)kept != (__global const void*)y) {
      __global const T0* from = kept + (size_t)index * columns;
      FOR_VECTORS(c, columns) STORE(LOAD(from + c), to + c);
      FOR_REST(c, columns) STORE_ONE(LOAD_ONE(from + c), to + c);
    }
  }
}
