// y[o, i] = the sum, sum of squares or maximum of x[o, n, i] over n.
#include "common.cl"

// KIND 0: sum, 1: sum of squares, 2: maximum
#ifndef KIND
#define KIND 0
#endif

#if KIND == 2
#define START LOWEST
#define JOIN(a, b) fmax(a, b)
#define JOIN_VECTOR(v) vector_max(v)
#define JOIN_ROW(x) row_max(x)
#else
#define START 0.0f
#define JOIN(a, b) ((a) + (b))
#define JOIN_VECTOR(v) vector_sum(v)
#define JOIN_ROW(x) row_sum(x)
#endif
#if KIND == 1
#define TAKE(v) ((v) * (v))
#else
#define TAKE(v) (v)
#endif

// x: [rows, columns], y: [rows]. A work-group owns one row at a time.
__kernel void reduce_rows(__global const X_TYPE* x, __global float* y, const int rows,
                          const int columns) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const X_TYPE* xr = x + (size_t)row * columns;
    FLOATV all_v = (FLOATV)(START);
    float all = START;
    FOR_VECTORS(c, columns) { const FLOATV v = LOAD(xr + c); all_v = JOIN(all_v, TAKE(v)); }
    FOR_REST(c, columns) { const float v = LOAD_ONE(xr + c); all = JOIN(all, TAKE(v)); }
    all = JOIN_ROW(JOIN(all, JOIN_VECTOR(all_v)));
    if (get_local_id(0) == 0) y[row] = all;
  }
}

// x: [count], partial: [groups]. Work-group g owns the g-th run of elements.
__kernel void reduce_runs(__global const X_TYPE* x, __global float* partial, const int count,
                          const int run) {
  ROW_SCRATCH
  const int start = get_group_id(0) * run;
  const int columns = min(run, count - start);
  __global const X_TYPE* xr = x + start;
  FLOATV all_v = (FLOATV)(START);
  float all = START;
  FOR_VECTORS(c, columns) { const FLOATV v = LOAD(xr + c); all_v = JOIN(all_v, TAKE(v)); }
  FOR_REST(c, columns) { const float v = LOAD_ONE(xr + c); all = JOIN(all, TAKE(v)); }
  all = JOIN_ROW(JOIN(all, JOIN_VECTOR(all_v)));
  if (get_local_id(0) == 0) partial[get_group_id(0)] = all;
}

// x: [outer, extent, inner], partial: [outer, runs, inner], with one work-item for each VECTOR
// neighbours i, each run of n, each o. inner is a multiple of VECTOR.
__kernel void reduce_columns(__global const X_TYPE* x, __global float* partial, const int extent,
                             const int inner, const int run) {
  const uint i = get_global_id(0) * VECTOR;
  if (i >= (uint)inner) return;
  const uint r = get_global_id(1), o = get_global_id(2), runs = get_global_size(1);
  const uint first = r * run, last = min((uint)extent, first + run);
  __global const X_TYPE* from = x + (size_t)o * extent * inner + i;
  FLOATV all = (FLOATV)(START);
  for (uint n = first; n < last; n++) {
    const FLOATV v = LOAD(from + (size_t)n * inner);
    all = JOIN(all, TAKE(v));
  }
  STORE(all, partial + ((size_t)o * runs + r) * inner + i);
}
