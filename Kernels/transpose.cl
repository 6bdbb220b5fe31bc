// y[o, b, m, a, i] = x[o, a, m, b, i]: two axes change places.
#include "common.cl"

// One work-item owns VECTOR neighbours i of y; inner is a multiple of VECTOR. n_b, n_m, n_a are the
// extents of the exchanged axes and of what lies between them.
__kernel void transpose(__global const X_TYPE* x, __global Y_TYPE* y, const int count, const int n_a,
                        const int n_m, const int n_b, const int inner) {
  FOR_OWN(index, count, VECTOR) {
    const uint i = index % inner;
    uint rest = index / inner;
    const uint a = rest % n_a;
    rest /= n_a;
    const uint m = rest % n_m;
    rest /= n_m;
    const uint b = rest % n_b;
    const uint o = rest / n_b;
    STORE(LOAD(x + ((((size_t)o * n_a + a) * n_m + m) * n_b + b) * inner + i), y + index);
  }
}
