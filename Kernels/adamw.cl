// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), in one sweep:
//   m = b1 m + (1 - b1) g      v = b2 v + (1 - b2) g^2
//   p = p - rate (m c1 / (sqrt(v c2) + epsilon) + decay p)
#include "optimizer.cl"

#define UPDATE(TYPE, LOAD_, STORE_) \
  const TYPE g = LOAD_(gradient + i) * scale; \
  const TYPE m = LOAD_(first + i) * beta1 + g * (1.0f - beta1); \
  const TYPE v = LOAD_(second + i) * beta2 + g * g * (1.0f - beta2); \
  const TYPE p = LOAD_(parameter + i); \
  STORE_(m, new_first + i); \
  STORE_(v, new_second + i); \
  STORE_(p - (m * correction1 / (sqrt(v * correction2) + epsilon) + p * decay) * rate, \
         new_parameter + i);
#define KEEP(LOAD_, STORE_) \
  STORE_(LOAD_(first + i), new_first + i); \
  STORE_(LOAD_(second + i), new_second + i); \
  STORE_(LOAD_(parameter + i), new_parameter + i);

// All arrays: [count]; step: [4] = learning rate, c1 = 1 / (1 - b1^t), c2 = 1 / (1 - b2^t), unused;
// clip: [1], by which the gradient is scaled, or negative: then nothing changes. The new arrays may lie
// over the old ones.
__kernel void adamw(__global const float* parameter, __global const float* gradient,
                    __global const float* first, __global const float* second,
                    __global const float* step, __global const float* clip,
                    __global float* new_parameter, __global float* new_first,
                    __global float* new_second, const int count, const float beta1,
                    const float beta2, const float epsilon, const float decay) {
  const float rate = step[0], correction1 = step[1], correction2 = step[2], scale = clip[0];
  FOR_EVERY_NUMBER(count, scale < 0.0f)
}
