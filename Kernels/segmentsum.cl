// y[r, s] = the sum of x[r, t] over the t with segments[r, t] = s, and its gradient. What is in no segment of its row
// counts for nothing.
#include "common.cl"

// x, segments, y: [rows, columns]. A work-item owns whole rows, whose sums are so in order.
__kernel void segment_sum(__global const float* x, __global const int* segments, __global float* y,
                          const int rows, const int columns) {
  for (int row = get_global_id(0); row < rows; row += get_global_size(0)) {
    const size_t start = (size_t)row * columns;
    for (int s = 0; s < columns; s++) y[start + s] = 0.0f;
    for (int t = 0; t < columns; t++) {
      const int s = segments[start + t];
      if ((uint)s < (uint)columns) y[start + s] += x[start + t];
    }
  }
}

// dy, segments, dx: [rows, columns]
__kernel void segment_sum_gradient(__global const float* dy, __global const int* segments,
                                   __global float* dx, const int rows, const int columns) {
  for (size_t i = get_global_id(0); i < (size_t)rows * columns; i += get_global_size(0)) {
    const size_t start = i / columns * columns;
    dx[i] = (uint)segments[i] < (uint)columns ? dy[start + segments[i]] : 0.0f;
  }
}
