// What a device can do at best: a chain of products and sums that stays in registers, a copy, and a
// kernel that does nothing.
#include "common.cl"

// Independent chains per work-item: enough to hide the latency of a multiply-add.
#ifndef CHAINS
#define CHAINS 12
#endif

// out: [global size]. 2 CHAINS VECTOR `count` floating-point operations per work-item.
__kernel void peak_fma(__global float* out, const int count, const float factor) {
  FLOATV sum[CHAINS];
#pragma unroll
  for (int i = 0; i < CHAINS; i++) sum[i] = (FLOATV)(factor + (float)i);
  const FLOATV left = (FLOATV)(factor), right = (FLOATV)(1.0f - factor);
  for (int k = 0; k < count; k++) {
#pragma unroll
    for (int i = 0; i < CHAINS; i++) sum[i] = MAD(sum[i], left, right);
  }
  FLOATV all = sum[0];
#pragma unroll
  for (int i = 1; i < CHAINS; i++) all += sum[i];
  out[get_global_id(0)] = vector_sum(all);
}

// target = source, `count` vectors in all, in runs of neighbours on a CPU (LANES 1), side by side on
// a GPU.
__kernel void peak_copy(__global const FLOATV* source, __global FLOATV* target, const int count) {
#if LANES == 1
  const int run = (count + (int)get_global_size(0) - 1) / (int)get_global_size(0);
  const int first = get_global_id(0) * run, last = min(count, first + run);
  for (int i = first; i < last; i++) target[i] = source[i];
#else
  for (int i = get_global_id(0); i < count; i += get_global_size(0)) target[i] = source[i];
#endif
}

__kernel void peak_launch(__global float* out) {
  if (get_global_id(0) == 0) out[0] = 0.0f;
}
