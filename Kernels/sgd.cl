// Gradient descent with momentum and decoupled weight decay (SGDW: Loshchilov and Hutter, arXiv 1711.05101), in one sweep:
//   v = momentum v + g      p = p - rate (v + decay p)
#include "optimizer.cl"

#define UPDATE(TYPE, LOAD_, STORE_) \
  const TYPE v = LOAD_(velocity + i) * momentum + LOAD_(gradient + i) * scale; \
  const TYPE p = LOAD_(parameter + i); \
  STORE_(v, new_velocity + i); \
  STORE_(p - (v + p * decay) * rate, new_parameter + i);
#define KEEP(LOAD_, STORE_) \
  STORE_(LOAD_(velocity + i), new_velocity + i); \
  STORE_(LOAD_(parameter + i), new_parameter + i);

// All arrays: [count]; step: [4] = learning rate and three numbers that are not read; clip: [1], by which the gradient is
// scaled, or negative: then nothing changes. The new arrays may lie over the old ones.
__kernel void sgd(__global const float* parameter, __global const float* gradient,
                  __global const float* velocity, __global const float* step,
                  __global const float* clip, __global float* new_parameter,
                  __global float* new_velocity, const int count, const float momentum,
                  const float decay) {
  const float rate = step[0], scale = clip[0];
  FOR_EVERY_NUMBER(count, scale < 0.0f)
}
