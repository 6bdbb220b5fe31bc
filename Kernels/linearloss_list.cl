// The losses of a head's logits with a teacher of which some classes of each row are known; all others count
// as one, the tail. Otherwise as in linearloss.cl. A work-group owns one row at a time.
#include "divergence.cl"

#ifndef GRADIENT
#define GRADIENT 1
#endif
#ifndef IS_T_ONE
#define IS_T_ONE 0
#endif
#include "cap.cl"

// The least probability of the tail is one part in TAIL_PARTS.
#define LOG_OF_TAIL(listed) log(max(1.0f - (listed), 1.0f / (float)(TAIL_PARTS)))

// A lane's share of the list.
#define FOR_LISTED(i) for (uint i = get_local_id(0); i < (uint)count; i += LANES)

// student, slopes: [rows, columns], of the rows from `first` on of all; slopes may be the student's own logits in
// float; kept: [rows, count], where the student's logits of the list survive. Of all rows: labels, ce; classes and
// given, the teacher's logits of them: [count each]; sums: [2 each], the teacher's log-sum-exp at T and at 1; term,
// unit_kl, floored, dce, dterm.
__kernel void linear_loss_list(__global const float* student, __global const int* labels,
                               __global float* ce, __global SLOPES_TYPE* slopes, const int rows,
                               const int columns, const int first CAP_PARAMETER,
                               __global const int* classes,
                               __global const float* given, __global const float* sums,
                               __global float* kept, const int count, __global float* term,
                               __global float* unit_kl, __global float* floored,
                               const float inverse_temperature, const float beta,
                               const float log_beta, const float log_rest
#if GRADIENT
                               , __global const float* dce, __global const float* dterm
#endif
) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* s = student + (size_t)row * columns;
    const size_t place = (size_t)first + row;
    __global const int* own = classes + place * count;
    __global const float* t = given + place * count;
    __global float* k = kept + (size_t)row * count;
    const int label = labels[place];
    const float chosen = label < columns ? s[max(label, 0)] : NAN;
    ROW_HIGHEST(best, s, columns)
    ROW_SUM(sum, s, columns, exp_of_log(value - best))
    const float log_s = best + log(sum);
#if IS_T_ONE
    const float shift_s = log_s;
#else
    ROW_SUM(warm, s, columns, exp_of_log((value - best) * inverse_temperature))
    const float shift_s = best * inverse_temperature + log(warm);
#endif
    const float shift_t = sums[2 * place], log_t = sums[2 * place + 1];
    float loss = 0.0f, inner = 0.0f, kl = 0.0f, low = 0.0f, has_label = 0.0f;
    // What the list has of each distribution: of student and teacher at T, then at 1.
    float listed_s = 0.0f, listed_t = 0.0f, unit_s = 0.0f, unit_t = 0.0f;
    FOR_LISTED(i) {
      const float z = (uint)own[i] < (uint)columns ? s[own[i]] : NAN;
      k[i] = z;
      has_label += own[i] == label ? 1.0f : 0.0f;
      const float lq = z * inverse_temperature - shift_s, raw = t[i] * inverse_temperature - shift_t;
      const float lp = LOG_OF_TEACHER(raw);
      listed_s += exp_of_log(lq);
      listed_t += exp_of_log(lp);
      loss += TERM(lp, lq);
      inner += INNER(lp, lq);
#if KIND == 1
      low += raw < LEAST_LOG ? 1.0f : 0.0f;
#endif
      const float unit = max(t[i] - log_t, LOWEST);
      unit_s += exp_of_log(z - log_s);
      unit_t += exp_of_log(unit);
      kl += exp_of_log(unit) * (unit - (z - log_s));
    }
    const float tail_s = LOG_OF_TAIL(row_sum(listed_s)), tail_t = LOG_OF_TAIL(row_sum(listed_t));
    const float tail_unit_s = LOG_OF_TAIL(row_sum(unit_s)), tail_unit_t = LOG_OF_TAIL(row_sum(unit_t));
    loss = row_sum(loss) + TERM(tail_t, tail_s);
    inner = row_sum(inner) + INNER(tail_t, tail_s);
    kl = row_sum(kl) + exp_of_log(tail_unit_t) * (tail_unit_t - tail_unit_s);
    low = row_sum(low);
    has_label = row_sum(has_label);
    row_sync();  // every lane has read what it needs before a gradient is written over it
    if (get_local_id(0) == 0) {
      ce[place] = label < 0 ? 0.0f : log_s - chosen;
      term[place] = label < 0 ? 0.0f : loss;
      unit_kl[place] = label < 0 ? 0.0f : kl;
      floored[place] = label < 0 ? 0.0f : low;
    }
#if GRADIENT
    __global SLOPES_TYPE* out = slopes + (size_t)row * columns;
    const float weight = label < 0 ? 0.0f : label < columns ? dce[place] : NAN;
    const float scale = label < 0 ? 0.0f : dterm[place] * inverse_temperature;
    // A class of the tail has its part of the tail's slope.
    const float tail_slope = SLOPE(tail_t, tail_s) * scale;
    FOR_VECTORS(c, columns) {
      const FLOATV z = LOAD(s + c);
      STORE((exp_of_log(z * inverse_temperature - shift_s - tail_s) * tail_slope +
                exp_of_log(z - log_s) * weight) TIMES_BEND(z), out + c);
    }
    FOR_REST(c, columns) {
      const float z = s[c];
      STORE_ONE((exp_of_log(z * inverse_temperature - shift_s - tail_s) * tail_slope +
                    exp_of_log(z - log_s) * weight) TIMES_BEND(z), out + c);
    }
    row_sync();  // what the list has is written again
    FOR_LISTED(i) {
      const float lq = k[i] * inverse_temperature - shift_s;
      const float lp = LOG_OF_TEACHER(t[i] * inverse_temperature - shift_t);
      const float hit = own[i] == label ? 1.0f : 0.0f;
      if ((uint)own[i] >= (uint)columns) continue;
      STORE_ONE((SLOPE(lp, lq) * scale + (exp_of_log(k[i] - log_s) - hit) * weight) TIMES_BEND(k[i]),
                out + own[i]);
    }
    if (label >= 0 && label < columns && has_label == 0.0f && get_local_id(0) == 0) {
      STORE_ONE((exp_of_log(chosen * inverse_temperature - shift_s - tail_s) * tail_slope +
                    (exp_of_log(chosen - log_s) - 1.0f) * weight) TIMES_BEND(chosen), out + label);
    }
#endif
  }
}
