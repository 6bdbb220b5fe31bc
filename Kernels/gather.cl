// y[n] = table[ids[n]], and its gradient: the ordered sum of dy[n] over the n with one id. An id that is no row of
// the table gives NaN, so that it shows, and reads and changes nothing.
#include "common.cl"

// table: [rows, columns], ids: [count], y: [count, columns]
__kernel void gather(__global const TABLE_TYPE* table, __global const int* ids, __global Y_TYPE* y,
                     const int rows, const int count, const int columns) {
  FOR_ROWS(n, count) {
    if ((uint)ids[n] >= (uint)rows) {
      __global Y_TYPE* lost = y + (size_t)n * columns;
      for (int c = get_local_id(0); c < columns; c += LANES) STORE_ONE(NAN, lost + c);
      continue;
    }
    ROW_TYPE(TABLE_TYPE) from = row_of(table, ids[n], columns);
    __global Y_TYPE* to = y + (size_t)n * columns;
    FOR_VECTORS(c, columns) STORE(load_at(from, c), to + c);
    FOR_REST(c, columns) STORE_ONE(load_one_at(from, c), to + c);
  }
}

// Zeroes dtable [size] and followers [count].
__kernel void gather_clear(__global float* dtable, __global int* followers, const int size,
                           const int count) {
  FOR_OWN(i, size, VECTOR) {
    if (i + VECTOR <= (uint)size) {
      STORE((FLOATV)(0.0f), dtable + i);
    } else {
      for (uint rest = i; rest < (uint)size; rest++) dtable[rest] = 0.0f;
    }
  }
  FOR_OWN(n, count, 1) followers[n] = 0;
}

// Links each position to the next one with the same id (-1 where there is none), and marks the
// positions that follow another; exactly one position writes each mark.
// ids, next, followers: [count]
__kernel void gather_links(__global const int* ids, __global int* next, __global int* followers,
                           const int count) {
  FOR_OWN(n, count, 1) {
    const int id = ids[n];
    int other = (int)n + 1;
    while (other < count && ids[other] != id) other++;
    next[n] = other < count ? other : -1;
    if (other < count) followers[other] = 1;
  }
}

// The first position of each id walks along the links and sums. A work-group owns a position.
// dy: [count, columns], dtable: [rows, columns]
__kernel void gather_gradient(__global const int* ids, __global const int* next,
                              __global const int* followers, __global const DY_TYPE* dy,
                              __global float* dtable, const int rows, const int count,
                              const int columns) {
  FOR_ROWS(n, count) {
    if (followers[n] || (uint)ids[n] >= (uint)rows) continue;
    __global float* to = dtable + (size_t)ids[n] * columns;
    FOR_VECTORS(c, columns) {
      FLOATV sum = (FLOATV)(0.0f);
      for (int m = n; m >= 0; m = next[m]) sum += LOAD(dy + (size_t)m * columns + c);
      STORE(sum, to + c);
    }
    FOR_REST(c, columns) {
      float sum = 0.0f;
      for (int m = n; m >= 0; m = next[m]) sum += LOAD_ONE(dy + (size_t)m * columns + c);
      to[c] = sum;
    }
  }
}
