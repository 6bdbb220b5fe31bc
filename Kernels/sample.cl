// Draws a column with probability softmax(logits / temperature), by the Gumbel-max rule:
//   the largest of logits / temperature - log(-log u), u uniform and keyed by (seed, step, position).
#include "common.cl"

// logits: [rows, columns], controls: [1] = temperature (0 picks the largest logit),
// seed: [2] = seed, step; y: [rows]. A work-group owns one row at a time.
__kernel void sample(__global const float* logits, __global const float* controls,
                     __global const int* seed, __global int* y, const int rows,
                     const int columns) {
  ROW_BEST_SCRATCH
  const float temperature = controls[0];
  FOR_ROWS(row, rows) {
    __global const float* z = logits + (size_t)row * columns;
    float best = -INFINITY;
    int place = 0;
    for (int c = get_local_id(0); c < columns; c += LANES) {
      float score = z[c];
      if (temperature > 0.0f) {
        const float u =
            fmax(uniform_scalar(row * (uint)columns + c, 0u, (uint)seed[0], (uint)seed[1]), 0x1p-25f);
        score = score / temperature - log(-log(u));
      }
      if (score > best) {
        best = score;
        place = c;
      }
    }
    row_best(best, place);
    if (get_local_id(0) == 0) y[row] = place;
  }
}
