// RMS 1:  y = gain x / sqrt(mean x^2 + epsilon)
// RMS 0:  y = gain (x - mean x) / sqrt(variance x + epsilon) + bias
// A work-group owns one row at a time; in the gradient, a run of rows.
#include "common.cl"

#ifndef RMS
#define RMS 0
#endif

// Declares the mean (0 for RMS) and the inverse deviation of the row at xr.
#define ROW_STATISTICS(xr) \
  float mean = 0.0f; \
  if (!RMS) { \
    ROW_SUM(sum, xr, columns, value) \
    mean = sum / columns; \
  } \
  ROW_SUM(square, xr, columns, (value - mean) * (value - mean)) \
  const float scale = 1.0f / sqrt(square / columns + epsilon);

// x, y: [rows, columns], gain, bias: [columns]; bias is not read for RMS.
__kernel void normalize_rows(__global const X_TYPE* x, __global const float* gain,
                        __global const float* bias, __global Y_TYPE* y, const int rows,
                        const int columns, const float epsilon) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const X_TYPE* xr = x + (size_t)row * columns;
    __global Y_TYPE* yr = y + (size_t)row * columns;
    ROW_STATISTICS(xr)
    FOR_VECTORS(c, columns) {
      FLOATV value = (LOAD(xr + c) - mean) * scale * LOAD(gain + c);
      if (!RMS) value += LOAD(bias + c);
      STORE(value, yr + c);
    }
    FOR_REST(c, columns) {
      float value = (LOAD_ONE(xr + c) - mean) * scale * gain[c];
      if (!RMS) value += bias[c];
      STORE_ONE(value, yr + c);
    }
  }
}

// With n = (x - mean) scale and g = gain dy:  dx = scale (g - mean g - n mean(g n)), where mean g
// is left out for RMS. A work-group also sums dgain = dy n and dbias = dy over its run of rows
// into its own row of the partials, in the order of the rows.
// x, dy, dx: [rows, columns], gain: [columns], partial_gain, partial_bias: [groups, columns]
__kernel void normalize_gradient(__global const X_TYPE* x, __global const float* gain,
                                 __global const DY_TYPE* dy, __global DX_TYPE* dx,
                                 __global float* partial_gain, __global float* partial_bias,
                                 const int rows, const int columns, const float epsilon) {
  ROW_SCRATCH
  const uint run = (rows + get_num_groups(0) - 1) / get_num_groups(0);
  const uint first = get_group_id(0) * run;
  const uint last = min((uint)rows, first + run);
  __global float* gain_sum = partial_gain + (size_t)get_group_id(0) * columns;
  __global float* bias_sum = partial_bias + (size_t)get_group_id(0) * columns;
  FOR_VECTORS(c, columns) {
    STORE((FLOATV)(0.0f), gain_sum + c);
    if (!RMS) STORE((FLOATV)(0.0f), bias_sum + c);
  }
  FOR_REST(c, columns) {
    gain_sum[c] = 0.0f;
    if (!RMS) bias_sum[c] = 0.0f;
  }
  for (uint row = first; row < last; row++) {
    __global const X_TYPE* xr = x + (size_t)row * columns;
    __global const DY_TYPE* dyr = dy + (size_t)row * columns;
    __global DX_TYPE* dxr = dx + (size_t)row * columns;
    ROW_STATISTICS(xr)
    FLOATV g_v = (FLOATV)(0.0f), gn_v = (FLOATV)(0.0f);
    float g_sum = 0.0f, gn_sum = 0.0f;
    FOR_VECTORS(c, columns) {
      const FLOATV d = LOAD(dyr + c), n = (LOAD(xr + c) - mean) * scale;
      const FLOATV g = d * LOAD(gain + c);
      g_v += g;
      gn_v += g * n;
      STORE(LOAD(gain_sum + c) + d * n, gain_sum + c);
      if (!RMS) STORE(LOAD(bias_sum + c) + d, bias_sum + c);
    }
    FOR_REST(c, columns) {
      const float d = LOAD_ONE(dyr + c), n = (LOAD_ONE(xr + c) - mean) * scale;
      const float g = d * gain[c];
      g_sum += g;
      gn_sum += g * n;
      gain_sum[c] += d * n;
      if (!RMS) bias_sum[c] += d;
    }
    const float mean_g = RMS ? 0.0f : row_sum(g_sum + vector_sum(g_v)) / columns;
    const float mean_gn = row_sum(gn_sum + vector_sum(gn_v)) / columns;
    FOR_VECTORS(c, columns) {
      const FLOATV n = (LOAD(xr + c) - mean) * scale;
      const FLOATV g = LOAD(dyr + c) * LOAD(gain + c);
      STORE((g - mean_g - n * mean_gn) * scale, dxr + c);
    }
    FOR_REST(c, columns) {
      const float n = (LOAD_ONE(xr + c) - mean) * scale;
      STORE_ONE((LOAD_ONE(dyr + c) * gain[c] - mean_g - n * mean_gn) * scale, dxr + c);
    }
  }
}

// sum[c] = the sum of partial[g, c] over g, in order; one work-item owns a column.
__kernel void normalize_sum(__global const float* partial, __global float* sum, const int groups,
                            const int columns) {
  const uint c = get_global_id(0);
  if (c >= (uint)columns) return;
  float total = 0.0f;
  for (int g = 0; g < groups; g++) total += partial[(size_t)g * columns + c];
  sum[c] = total;
}
