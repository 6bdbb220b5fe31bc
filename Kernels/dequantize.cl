// The numbers of a matrix whose rows are blocks.
#include "common.cl"

// x, y: [rows, columns]
__kernel void dequantize(__global const X_TYPE* x, __global Y_TYPE* y, const int rows, const int columns) {
  FOR_ROWS(row, rows) {
    ROW_TYPE(X_TYPE) from = row_of(x, row, columns);
    __global Y_TYPE* to = y + (size_t)row * columns;
    FOR_VECTORS(c, columns) STORE(load_at(from, c), to + c);
    FOR_REST(c, columns) STORE_ONE(load_one_at(from, c), to + c);
  }
}
