// y = exp(x - max x) / sum exp(x - max x), along rows; or its logarithm.
// A work-group owns one row at a time.
#include "common.cl"

// x, y: [rows, columns]
__kernel void softmax(__global const float* x, __global float* y, const int rows, const int columns) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* xr = x + (size_t)row * columns;
    __global float* yr = y + (size_t)row * columns;
    ROW_HIGHEST(best, xr, columns)
    FLOATV sum_v = (FLOATV)(0.0f);
    float sum = 0.0f;
    FOR_VECTORS(c, columns) {
      const FLOATV e = exp_of_log(LOAD(xr + c) - best);
      STORE(e, yr + c);
      sum_v += e;
    }
    FOR_REST(c, columns) {
      const float e = exp_of_log(xr[c] - best);
      yr[c] = e;
      sum += e;
    }
    sum = row_sum(sum + vector_sum(sum_v));
    const float scale = 1.0f / sum;
    FOR_VECTORS(c, columns) STORE(LOAD(yr + c) * scale, yr + c);
    FOR_REST(c, columns) yr[c] *= scale;
  }
}

// y = x - max x - log(sum exp(x - max x)); x, y: [rows, columns]
__kernel void log_softmax(__global const float* x, __global float* y, const int rows,
                          const int columns) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* xr = x + (size_t)row * columns;
    __global float* yr = y + (size_t)row * columns;
    ROW_HIGHEST(best, xr, columns)
    ROW_SUM(sum, xr, columns, exp_of_log(value - best))
    const float shift = best + log(sum);
    FOR_VECTORS(c, columns) STORE(LOAD(xr + c) - shift, yr + c);
    FOR_REST(c, columns) yr[c] = xr[c] - shift;
  }
}

// dx = y (dy - sum y dy); y, dy, dx: [rows, columns]
__kernel void softmax_gradient(__global const float* y, __global const float* dy,
                               __global float* dx, const int rows, const int columns) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    const size_t start = (size_t)row * columns;
    __global const float* yr = y + start;
    __global const float* dyr = dy + start;
    FLOATV sum_v = (FLOATV)(0.0f);
    float sum = 0.0f;
    FOR_VECTORS(c, columns) sum_v += LOAD(yr + c) * LOAD(dyr + c);
    FOR_REST(c, columns) sum += yr[c] * dyr[c];
    sum = row_sum(sum + vector_sum(sum_v));
    FOR_VECTORS(c, columns) STORE(LOAD(yr + c) * (LOAD(dyr + c) - sum), dx + start + c);
    FOR_REST(c, columns) dx[start + c] = yr[c] * (dyr[c] - sum);
  }
}

// dx = dy - exp(y) sum dy; y, dy, dx: [rows, columns]
__kernel void log_softmax_gradient(__global const float* y, __global const float* dy,
                                   __global float* dx, const int rows, const int columns) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    const size_t start = (size_t)row * columns;
    __global const float* yr = y + start;
    __global const float* dyr = dy + start;
    ROW_SUM(sum, dyr, columns, value)
    FOR_VECTORS(c, columns) STORE(LOAD(dyr + c) - exp_of_log(LOAD(yr + c)) * sum, dx + start + c);
    FOR_REST(c, columns) dx[start + c] = dyr[c] - exp_of_log(yr[c]) * sum;
  }
}
