// loss = log(sum exp z) - z[label], 0 where the label is negative; dz = (softmax z - onehot) dloss.
// A label that is no class gives NaN, so that it shows.
// A work-group owns one row at a time.
#include "common.cl"

// z: [rows, columns], labels: [rows], loss: [rows], log_sum: [rows]
__kernel void cross_entropy(__global const float* z, __global const int* labels,
                            __global float* loss, __global float* log_sum, const int rows,
                            const int columns) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* zr = z + (size_t)row * columns;
    ROW_HIGHEST(best, zr, columns)
    ROW_SUM(sum, zr, columns, exp_of_log(value - best))
    if (get_local_id(0) == 0) {
      const int label = labels[row];
      log_sum[row] = best + log(sum);
      loss[row] = label < 0 ? 0.0f : label < columns ? best + log(sum) - zr[label] : NAN;
    }
  }
}

// z, dz: [rows, columns], labels, log_sum, dloss: [rows]. dz may lie over z.
__kernel void cross_entropy_gradient(__global const float* z, __global const int* labels,
                                     __global const float* log_sum, __global const float* dloss,
                                     __global float* dz, const int rows, const int columns) {
  FOR_ROWS(row, rows) {
    const size_t start = (size_t)row * columns;
    const int label = labels[row];
    const float shift = log_sum[row];
    const float scale = label < 0 ? 0.0f : label < columns ? dloss[row] : NAN;
    FOR_VECTORS(c, columns) STORE(exp_of_log(LOAD(z + start + c) - shift) * scale, dz + start + c);
    FOR_REST(c, columns) dz[start + c] = exp_of_log(z[start + c] - shift) * scale;
    row_sync();  // the lane below subtracts from what another lane may have written
    if (label >= 0 && label < columns && get_local_id(0) == 0) dz[start + label] -= scale;
  }
}
