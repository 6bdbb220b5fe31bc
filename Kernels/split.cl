// Columns of rows: taken out of wide rows, or put back. A work-group owns one row at a time.
#include "common.cl"

// part[r, c] = wide[r, offset + c]; wide: [rows, wide_columns], part: [rows, columns]
__kernel void split_out(__global const WIDE_TYPE* wide, __global PART_TYPE* part, const int rows,
                        const int wide_columns, const int offset, const int columns) {
  FOR_ROWS(row, rows) {
    __global const WIDE_TYPE* from = wide + (size_t)row * wide_columns + offset;
    __global PART_TYPE* to = part + (size_t)row * columns;
    FOR_VECTORS(c, columns) STORE(LOAD(from + c), to + c);
    FOR_REST(c, columns) STORE_ONE(LOAD_ONE(from + c), to + c);
  }
}

// wide[r, offset + c] = part[r, c]
__kernel void split_in(__global const PART_TYPE* part, __global WIDE_TYPE* wide, const int rows,
                       const int wide_columns, const int offset, const int columns) {
  FOR_ROWS(row, rows) {
    __global const PART_TYPE* from = part + (size_t)row * columns;
    __global WIDE_TYPE* to = wide + (size_t)row * wide_columns + offset;
    FOR_VECTORS(c, columns) STORE(LOAD(from + c), to + c);
    FOR_REST(c, columns) STORE_ONE(LOAD_ONE(from + c), to + c);
  }
}
