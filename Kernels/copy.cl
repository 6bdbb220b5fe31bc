// target[i] = source[i], word by word; both [count].
#include "common.cl"

__kernel void copy_words(__global const uint* source, __global uint* target, const int count) {
  FOR_OWN(i, count, 1) target[i] = source[i];
}
