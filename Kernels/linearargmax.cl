// The likeliest class of a head's logits in each row, and the negative logarithm of its probability. A work-group owns one row at a
// time.
#include "row_place.cl"

// logits: [rows, columns], of the rows from `first` on of all; y, surprise: of all rows.
__kernel void linear_argmax(__global const float* logits, __global int* y, __global float* surprise,
                            const int rows, const int columns, const int first) {
  ROW_BEST_SCRATCH
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* s = logits + (size_t)row * columns;
    ROW_PLACE(best, place, s, columns)
    ROW_HIGHEST(highest, s, columns)
    ROW_SUM(sum, s, columns, exp_of_log(value - highest))
    if (get_local_id(0) == 0) {
      y[first + row] = place;
      surprise[first + row] = log(sum);
    }
  }
}
