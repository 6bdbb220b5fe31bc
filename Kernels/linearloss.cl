// The losses of a head's logits, and the gradient of their weighted sum with respect to the logits. A
// work-group owns one row at a time. Rows whose label is negative give 0, those whose label is no class NaN.
#include "divergence.cl"

// 1 where there is a teacher whose logits are of the same rows, 2 where they are of all; 1 where the gradient is
// wanted; 1 where the temperature is 1.
#ifndef TEACHER
#define TEACHER 1
#endif
#ifndef GRADIENT
#define GRADIENT 1
#endif
#ifndef IS_T_ONE
#define IS_T_ONE 0
#endif
#include "cap.cl"

// student, slopes: [rows, columns], of the rows from `first` on of all; slopes may be the student's own logits in
// float. Of all rows: labels, ce, dce, the weight of ce, and with a teacher its logits [columns each], term (the
// divergence at T), unit_kl (forward KL at T = 1), floored (how many log p the floor of the reverse KL raised) and
// dterm, the weight of term.
__kernel void linear_loss(__global const float* student, __global const int* labels,
                          __global float* ce, __global SLOPES_TYPE* slopes, const int rows, const int columns,
                          const int first CAP_PARAMETER
#if TEACHER
                          , __global const float* teacher, __global float* term,
                          __global float* unit_kl, __global float* floored,
                          const float inverse_temperature,
                          const float beta, const float log_beta, const float log_rest
#endif
#if GRADIENT
                          , __global const float* dce
#if TEACHER
                          , __global const float* dterm
#endif
#endif
) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* s = student + (size_t)row * columns;
    const size_t place = (size_t)first + row;
    const int label = labels[place];
    const float chosen = label < columns ? s[max(label, 0)] : NAN;
    ROW_HIGHEST(best_s, s, columns)
    ROW_SUM(sum_s, s, columns, exp_of_log(value - best_s))
    const float log_s = best_s + log(sum_s);
#if TEACHER
    __global const float* t = teacher + (TEACHER == 2 ? place : row) * columns;
    ROW_HIGHEST(best_t, t, columns)
    ROW_SUM(sum_t, t, columns, exp_of_log(value - best_t))
    const float log_t = best_t + log(sum_t);
#if IS_T_ONE
    const float shift_s = log_s, shift_t = log_t;
#else
    ROW_SUM(warm_s, s, columns, exp_of_log((value - best_s) * inverse_temperature))
    ROW_SUM(warm_t, t, columns, exp_of_log((value - best_t) * inverse_temperature))
    const float shift_s = best_s * inverse_temperature + log(warm_s);
    const float shift_t = best_t * inverse_temperature + log(warm_t);
#endif
    FLOATV loss_v = (FLOATV)(0.0f), inner_v = (FLOATV)(0.0f), kl_v = (FLOATV)(0.0f);
    float loss = 0.0f, inner = 0.0f, kl = 0.0f;
    FLOATV low_v = (FLOATV)(0.0f);
    float low = 0.0f;
    FOR_VECTORS(c, columns) {
      const FLOATV own = LOAD(s + c), given = LOAD(t + c);
      const FLOATV lq = own * inverse_temperature - shift_s;
      const FLOATV lp = LOG_OF_TEACHER(given * inverse_temperature - shift_t);
#if KIND == 1
      low_v += GREATER((FLOATV)(LEAST_LOG), given * inverse_temperature - shift_t);
#endif
      loss_v += TERM(lp, lq);
      inner_v += INNER(lp, lq);
      const FLOATV unit = max(given - log_t, LOWEST);
      kl_v += exp_of_log(unit) * (unit - (own - log_s));
    }
    FOR_REST(c, columns) {
      const float lq = s[c] * inverse_temperature - shift_s;
      const float lp = LOG_OF_TEACHER(t[c] * inverse_temperature - shift_t);
#if KIND == 1
      low += t[c] * inverse_temperature - shift_t < LEAST_LOG ? 1.0f : 0.0f;
#endif
      loss += TERM(lp, lq);
      inner += INNER(lp, lq);
      const float unit = max(t[c] - log_t, LOWEST);
      kl += exp_of_log(unit) * (unit - (s[c] - log_s));
    }
    loss = row_sum(loss + vector_sum(loss_v));
    inner = row_sum(inner + vector_sum(inner_v));
    kl = row_sum(kl + vector_sum(kl_v));
#if KIND == 1
    low = row_sum(low + vector_sum(low_v));
#endif
#endif
    row_sync();  // every lane has read `chosen` before a gradient is written over it
    if (get_local_id(0) == 0) {
      ce[place] = label < 0 ? 0.0f : log_s - chosen;
#if TEACHER
      term[place] = label < 0 ? 0.0f : loss;
      unit_kl[place] = label < 0 ? 0.0f : kl;
      floored[place] = label < 0 ? 0.0f : low;
#endif
    }
#if GRADIENT
    __global SLOPES_TYPE* out = slopes + (size_t)row * columns;
    const float weight = label < 0 ? 0.0f : label < columns ? dce[place] : NAN;
#if TEACHER
    const float scale = label < 0 ? 0.0f : dterm[place] * inverse_temperature;
    FOR_VECTORS(c, columns) {
      const FLOATV own = LOAD(s + c);
      const FLOATV lq = own * inverse_temperature - shift_s;
      const FLOATV lp = LOG_OF_TEACHER(LOAD(t + c) * inverse_temperature - shift_t);
      STORE((SLOPE(lp, lq) * scale + exp_of_log(own - log_s) * weight) TIMES_BEND(own), out + c);
    }
    FOR_REST(c, columns) {
      const float lq = s[c] * inverse_temperature - shift_s;
      const float lp = LOG_OF_TEACHER(t[c] * inverse_temperature - shift_t);
      STORE_ONE((SLOPE(lp, lq) * scale + exp_of_log(s[c] - log_s) * weight) TIMES_BEND(s[c]), out + c);
    }
#else
    FOR_VECTORS(c, columns) STORE(exp_of_log(LOAD(s + c) - log_s) * weight TIMES_BEND(LOAD(s + c)), out + c);
    FOR_REST(c, columns) STORE_ONE(exp_of_log(s[c] - log_s) * weight TIMES_BEND(s[c]), out + c);
#endif
    row_sync();  // lane 0 writes again what another lane may have written
    if (label >= 0 && label < columns && get_local_id(0) == 0) {
      float slope = exp_of_log(chosen - log_s) * weight - weight;
#if TEACHER
      const float lq = chosen * inverse_temperature - shift_s;
      const float lp = LOG_OF_TEACHER(t[label] * inverse_temperature - shift_t);
      slope += SLOPE(lp, lq) * scale;
#endif
      STORE_ONE(slope TIMES_BEND(chosen), out + label);
    }
#endif
  }
}

#if CAPPED
// x = cap tanh(x / cap): [count].
__kernel void linear_loss_cap(__global float* x, const int count CAP_PARAMETER) {
  FOR_OWN(i, count, 1) x[i] = tanh_scalar(x[i] / cap) * cap;
}
#endif

// Zeros for all of x: [count].
__kernel void linear_loss_clear(__global float* x, const int count) {
  FOR_OWN(i, count, 1) x[i] = 0.0f;
}
