// Where a row is largest, the first place of equals.
#ifndef RETORT_ROW_PLACE
#define RETORT_ROW_PLACE
#include "common.cl"

#if LANES == 1
#define ROW_BEST_SCRATCH
#define row_best(best, place)
#else
#define ROW_BEST_SCRATCH __local float best_scratch[LANES]; __local int place_scratch[LANES];
#define row_best(best, place) lanes_best(&best, &place, best_scratch, place_scratch)

// Gives lane 0 the largest of the lanes' values and its place, the first place of equals.
inline void lanes_best(float* best, int* place, __local float* values, __local int* places) {
  const uint own = get_local_id(0);
  values[own] = *best;
  places[own] = *place;
  barrier(CLK_LOCAL_MEM_FENCE);  // every lane has written its candidate
  if (own == 0) {
    for (int lane = 1; lane < LANES; lane++) {
      if (values[lane] > *best || (values[lane] == *best && places[lane] < *place)) {
        *best = values[lane];
        *place = places[lane];
      }
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);  // all candidates are read before scratch is used again
}
#endif

// Declares lane 0's `best`, the largest element of the row at x, and its `place`, the first of equals; needs ROW_BEST_SCRATCH.
#define ROW_PLACE(best, place, x, columns) \
  float best = -INFINITY; \
  int place = 0; \
  for (int c = get_local_id(0); c < (columns); c += LANES) { \
    if ((x)[c] > best) { \
      best = (x)[c]; \
      place = c; \
    } \
  } \
  row_best(best, place);

#endif
