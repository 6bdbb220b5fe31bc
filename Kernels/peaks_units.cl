// What a matrix unit can do at best: chains of products that stay in registers.
#include "units_multiply.cl"

// Independent chains per group of lanes: enough to hide the latency of a product.
#ifndef CHAINS
#define CHAINS 8
#endif
#ifndef ITEMS
#define ITEMS 256
#endif

// out: [global size]. CHAINS `count` products of UNIT_M x UNIT_N x 16 per group of lanes that act as one.
__kernel SUBGROUP_SIZE __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void peak_units(
    __global float* out, const int count) {
#if EMULATED
  __local uint shown[ITEMS * (A_WORDS + B_WORDS)];
#endif
  const int item = get_local_id(0), lane = item % LANES_PER_BLOCK;
  uint a[A_WORDS], b[CHAINS][B_WORDS];
  float sum[CHAINS][C_NUMBERS];
UNROLL
  for (int i = 0; i < A_WORDS; i++) a[i] = number_of((float)(item + i)) * 0x10001u;
UNROLL
  for (int c = 0; c < CHAINS; c++) {
UNROLL
    for (int i = 0; i < B_WORDS; i++) b[c][i] = number_of((float)(item * c - i)) * 0x10001u;
UNROLL
    for (int e = 0; e < C_NUMBERS; e++) sum[c][e] = 0.0f;
  }
  for (int k = 0; k < count; k++) {
UNROLL
    for (int c = 0; c < CHAINS; c++) MULTIPLY(sum[c], a, b[c]);
  }
  float all = 0.0f;
UNROLL
  for (int c = 0; c < CHAINS; c++) {
UNROLL
    for (int e = 0; e < C_NUMBERS; e++) all += sum[c][e];
  }
  out[get_global_id(0)] = all;
}
