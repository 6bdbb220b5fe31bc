// y = the column of the largest element of each row, the first of equals.
#include "row_place.cl"

// x: [rows, columns], y: [rows]. A work-group owns one row at a time.
__kernel void argmax(__global const float* x, __global int* y, const int rows, const int columns) {
  ROW_BEST_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* xr = x + (size_t)row * columns;
    ROW_PLACE(best, place, xr, columns)
    if (get_local_id(0) == 0) y[row] = place;
  }
}
