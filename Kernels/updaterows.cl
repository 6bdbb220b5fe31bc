// y = kept, with `count` rows from starts[b] on replaced by new ones in each batch b.
#include "common.cl"

// 1 where `starts` [fresh_batches, 2] says where new rows begin, and in which batch of `kept`. Where several name one, the first does.
#ifndef REFERRED
#define REFERRED 0
#endif

// kept, y: [batch, rows, columns], fresh: [batch, count, columns], starts: [batch]. y may lie over
// kept, which is then left alone where it stays. A work-group owns a row.
__kernel void update_rows(__global const KEPT_TYPE* kept, __global const FRESH_TYPE* fresh,
                          __global const int* starts, __global Y_TYPE* y, const int batches,
                          const int rows, const int fresh_batches, const int count, const int columns) {
  FOR_ROWS(index, batches * rows) {
#if REFERRED
    int b = 0;
    while (b < fresh_batches && starts[2 * b + 1] != index / rows) b++;
    const int row = b < fresh_batches ? (int)index % rows - starts[2 * b] : -1;
#else
    const int b = index / rows, row = (int)index % rows - starts[b];
#endif
    __global Y_TYPE* to = y + (size_t)index * columns;
    if (row >= 0 && row < count) {
      __global const FRESH_TYPE* from = fresh + ((size_t)b * count + row) * columns;
      FOR_VECTORS(c, columns) STORE(LOAD(from + c), to + c);
      FOR_REST(c, columns) STORE_ONE(LOAD_ONE(from + c), to + c);
    } else if ((__global const void*)kept != (__global const void*)y) {
      __global const KEPT_TYPE* from = kept + (size_t)index * columns;
      FOR_VECTORS(c, columns) STORE(LOAD(from + c), to + c);
      FOR_REST(c, columns) STORE_ONE(LOAD_ONE(from + c), to + c);
    }
  }
}
