// Rotary position embedding: with h = D / 2, element d < h of each head and its partner d + h
// turn by the angle of position t:  (a, b) -> (a cos - b sin, b cos + a sin).
#include "common.cl"

// x, y: [B, T, H, D], cosine, sine: [T, D / 2]; direction is 1, or -1 for the gradient. One
// work-item owns a head of a token; D / 2 is a multiple of VECTOR. y may lie over x.
__kernel void rotary(__global const X_TYPE* x, __global const float* cosine,
                     __global const float* sine, __global Y_TYPE* y, const int count,
                     const int positions, const int heads, const int half_size,
                     const float direction) {
  FOR_OWN(index, count, 1) {
    const uint t = index / heads % positions;
    const size_t start = (size_t)index * 2 * half_size;
    for (int d = 0; d < half_size; d += VECTOR) {
      const FLOATV c = LOAD(cosine + t * half_size + d);
      const FLOATV s = LOAD(sine + t * half_size + d) * direction;
      const FLOATV a = LOAD(x + start + d), b = LOAD(x + start + half_size + d);
      STORE(a * c - b * s, y + start + d);
      STORE(b * c + a * s, y + start + half_size + d);
    }
  }
}
