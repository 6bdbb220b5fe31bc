// AdamW (adamw.cl) whose moments are codes of 8 bits, in blocks of 256 numbers with a scale each (Dettmers et al., arXiv 2110.02861).
// The maps stand before this file, where MAPS is defined: signed_map, unsigned_map [256], and the borders between their numbers [255].
#include "common.cl"

#ifndef MAPS
__constant float signed_map[256] = {0.0f}, unsigned_map[256] = {0.0f};
__constant float signed_borders[255] = {0.0f}, unsigned_borders[255] = {0.0f};
#endif

#define WORDS ((64 + LANES - 1) / LANES)

// The code of the nearest number of a map.
inline uint code_of(const float x, __constant const float* borders) {
  uint code = 0;
  for (uint part = 128; part > 0; part /= 2) code += x > borders[code + part - 1] ? part : 0;
  return code;
}

// parameter, gradient: [count]; first, second: [blocks, 64], four codes a word; scales: [blocks, 2]; step: [4] and clip: [1] as in
// adamw.cl. The new arrays may lie over the old ones. A work-group owns a block at a time, a lane every LANES-th word.
__kernel void adamw8(__global const float* parameter, __global const float* gradient, __global const int* first,
                     __global const int* second, __global const float* scales, __global const float* step,
                     __global const float* clip, __global float* new_parameter, __global int* new_first,
                     __global int* new_second, __global float* new_scales, const int count, const float beta1,
                     const float beta2, const float epsilon, const float decay) {
  ROW_SCRATCH
  const float rate = step[0], correction1 = step[1], correction2 = step[2], scale = clip[0];
  const uint lane = get_local_id(0);
  FOR_ROWS(block, (count + 255) / 256) {
    const float scale_m = scales[2 * block], scale_v = scales[2 * block + 1];
    float m[4 * WORDS], v[4 * WORDS];
    float most_m = 0.0f, most_v = 0.0f;
    for (int w = 0; w < WORDS; w++) {
      const uint word = lane + w * LANES;
      if (word >= 64) continue;
      const uint code_m = first[block * 64 + word], code_v = second[block * 64 + word];
      for (int e = 0; e < 4; e++) {
        const uint at = block * 256 + word * 4 + e;
        const float g = at < (uint)count ? gradient[at] * scale : 0.0f;
        const float new_m = signed_map[code_m >> 8 * e & 255u] * scale_m * beta1 + g * (1.0f - beta1);
        const float new_v = unsigned_map[code_v >> 8 * e & 255u] * scale_v * beta2 + g * g * (1.0f - beta2);
        const bool is_there = at < (uint)count;
        m[4 * w + e] = is_there ? new_m : 0.0f;
        v[4 * w + e] = is_there ? new_v : 0.0f;
        most_m = max(most_m, fabs(m[4 * w + e]));
        most_v = max(most_v, v[4 * w + e]);
      }
    }
    most_m = row_max(most_m);
    most_v = row_max(most_v);
    const float inverse_m = most_m > 1e-37f ? 1.0f / most_m : 0.0f;
    const float inverse_v = most_v > 1e-37f ? 1.0f / most_v : 0.0f;
    for (int w = 0; w < WORDS; w++) {
      const uint word = lane + w * LANES;
      if (word >= 64) continue;
      uint codes_m = 0, codes_v = 0;
      for (int e = 0; e < 4; e++) {
        const uint at = block * 256 + word * 4 + e;
        const float own_m = m[4 * w + e], own_v = v[4 * w + e], part = own_m * inverse_m;
        uint code = code_of(part, signed_borders);
        // A first moment keeps its sign.
        if ((signed_map[code] < 0.0f) != (part < 0.0f)) code = part > 0.0f ? code + 1 : code - 1;
        codes_m |= code << 8 * e;
        codes_v |= code_of(own_v * inverse_v, unsigned_borders) << 8 * e;
        if (at < (uint)count) {
          const float p = parameter[at];
          const float moved =
              p - (own_m * correction1 / (sqrt(own_v * correction2) + epsilon) + p * decay) * rate;
          new_parameter[at] = scale < 0.0f ? p : moved;
        }
      }
      new_first[block * 64 + word] = scale < 0.0f ? first[block * 64 + word] : (int)codes_m;
      new_second[block * 64 + word] = scale < 0.0f ? second[block * 64 + word] : (int)codes_v;
    }
    if (lane == 0) {
      new_scales[2 * block] = scale < 0.0f ? scale_m : most_m;
      new_scales[2 * block + 1] = scale < 0.0f ? scale_v : most_v;
    }
  }
}
