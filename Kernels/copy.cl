// target[i] = source[i], word by word; both [count].
#include "common.cl"

__kernel void copy_words(__global const uint* source, __global uint* target, const int count) {
  const uint run = ((uint)count + get_global_size(0) - 1) / get_global_size(0);
  const uint first = get_global_id(0) * run;
  for (uint i = first; i < min((uint)count, first + run); i++) target[i] = source[i];
}
