// Divergences between p = softmax(teacher / T) and q = softmax(student / T), along rows.
//   KIND 0, forward KL:  sum p (log p - log q)
//   KIND 1, reverse KL:  sum q (log q - log p)
//   KIND 2, JSD(beta):   beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q
//   KIND 3, skew KL:     KL(p || m), m as above
//   KIND 4, skew reverse KL:  KL(q || m)
//   KIND 5, total variation:  1/2 sum |p - q|
// With g the derivative of the loss with respect to q, the gradient is q (g - sum q g) / T; the kernels keep
// the sum, as `inner`, without parts of g that are the same for all classes.
// Rows whose label is negative give 0. A work-group owns one row at a time.
#include "common.cl"

#ifndef KIND
#define KIND 0
#endif

// log m = logsumexp(log p + log beta, log q + log(1 - beta))
#define LOG_MIXTURE(lp, lq) \
  (fmax((lp) + log_beta, (lq) + log_rest) + \
   log(1.0f + exp_of_log(-fabs(((lp) + log_beta) - ((lq) + log_rest)))))

// log p as the formulas see it: finite, and for the reverse KL at least ln 1e-30. A NaN stays one.
#ifdef LOG_FLOOR
#define LEAST_LOG ((float)(LOG_FLOOR))
#else
#define LEAST_LOG LOWEST
#endif
#define LOG_OF_TEACHER(x) max(x, LEAST_LOG)

// One element of the divergence, and of `inner`, the sum that its gradient needs.
#if KIND == 0
#define TERM(lp, lq) exp_of_log(lp) * ((lp) - (lq))
#define INNER(lp, lq) 0.0f
#elif KIND == 1
#define TERM(lp, lq) exp_of_log(lq) * ((lq) - (lp))
#define INNER(lp, lq) TERM(lp, lq)
#elif KIND == 2
#define TERM(lp, lq) \
  (beta * exp_of_log(lp) * ((lp) - LOG_MIXTURE(lp, lq)) + \
   (1.0f - beta) * exp_of_log(lq) * ((lq) - LOG_MIXTURE(lp, lq)))
#define INNER(lp, lq) (1.0f - beta) * exp_of_log(lq) * ((lq) - LOG_MIXTURE(lp, lq))
#elif KIND == 3
#define TERM(lp, lq) exp_of_log(lp) * ((lp) - LOG_MIXTURE(lp, lq))
#define INNER(lp, lq) (beta - 1.0f) * exp_of_log((lp) + (lq) - LOG_MIXTURE(lp, lq))
#elif KIND == 4
#define TERM(lp, lq) exp_of_log(lq) * ((lq) - LOG_MIXTURE(lp, lq))
#define INNER(lp, lq) \
  exp_of_log(lq) * ((lq) - LOG_MIXTURE(lp, lq) - \
                    (1.0f - beta) * exp_of_log((lq) - LOG_MIXTURE(lp, lq)))
#else
#define TERM(lp, lq) 0.5f * fabs(exp_of_log(lp) - exp_of_log(lq))
#define INNER(lp, lq) 0.5f * exp_of_log(lq) * sign((lq) - (lp))
#endif

// The gradient with respect to the student's logits, times T.
#if KIND == 0
#define SLOPE(lp, lq) (exp_of_log(lq) - exp_of_log(lp))
#elif KIND == 1
#define SLOPE(lp, lq) exp_of_log(lq) * ((lq) - (lp) - inner)
#else
#define SLOPE(lp, lq) (INNER(lp, lq) - exp_of_log(lq) * inner)
#endif

// student, teacher: [rows, columns], labels: [rows], loss: [rows],
// sums: [rows, 3] = log-sum-exp of student / T and of teacher / T, inner
__kernel void divergence(__global const float* student, __global const float* teacher,
                         __global const int* labels, __global float* loss, __global float* sums,
                         const int rows, const int columns, const float inverse_temperature,
                         const float beta, const float log_beta, const float log_rest) {
  ROW_SCRATCH
  FOR_ROWS(row, rows) {
    __global const float* s = student + (size_t)row * columns;
    __global const float* t = teacher + (size_t)row * columns;
    ROW_HIGHEST(best_s, s, columns)
    ROW_HIGHEST(best_t, t, columns)
    ROW_SUM(sum_s, s, columns, exp_of_log((value - best_s) * inverse_temperature))
    ROW_SUM(sum_t, t, columns, exp_of_log((value - best_t) * inverse_temperature))
    const float shift_s = best_s * inverse_temperature + log(sum_s);
    const float shift_t = best_t * inverse_temperature + log(sum_t);
    FLOATV term_v = (FLOATV)(0.0f), inner_v = (FLOATV)(0.0f);
    float term = 0.0f, inner = 0.0f;
    FOR_VECTORS(c, columns) {
      const FLOATV lq = LOAD(s + c) * inverse_temperature - shift_s;
      const FLOATV lp = LOG_OF_TEACHER(LOAD(t + c) * inverse_temperature - shift_t);
      term_v += TERM(lp, lq);
      inner_v += INNER(lp, lq);
    }
    FOR_REST(c, columns) {
      const float lq = s[c] * inverse_temperature - shift_s;
      const float lp = LOG_OF_TEACHER(t[c] * inverse_temperature - shift_t);
      term += TERM(lp, lq);
      inner += INNER(lp, lq);
    }
    term = row_sum(term + vector_sum(term_v));
    inner = row_sum(inner + vector_sum(inner_v));
    if (get_local_id(0) == 0) {
      loss[row] = labels[row] < 0 ? 0.0f : term;
      sums[row * 3] = shift_s;
      sums[row * 3 + 1] = shift_t;
      sums[row * 3 + 2] = inner;
    }
  }
}

// dstudent = slope / T * dloss; shapes as above, dloss: [rows]. dstudent may lie over student.
__kernel void divergence_gradient(__global const float* student, __global const float* teacher,
                                  __global const int* labels, __global const float* sums,
                                  __global const float* dloss, __global float* dstudent,
                                  const int rows, const int columns,
                                  const float inverse_temperature, const float beta,
                                  const float log_beta, const float log_rest) {
  FOR_ROWS(row, rows) {
    const size_t start = (size_t)row * columns;
    const float shift_s = sums[row * 3], shift_t = sums[row * 3 + 1], inner = sums[row * 3 + 2];
    const float scale = labels[row] < 0 ? 0.0f : dloss[row] * inverse_temperature;
    FOR_VECTORS(c, columns) {
      const FLOATV lq = LOAD(student + start + c) * inverse_temperature - shift_s;
      const FLOATV lp = LOG_OF_TEACHER(LOAD(teacher + start + c) * inverse_temperature - shift_t);
      STORE(SLOPE(lp, lq) * scale, dstudent + start + c);
    }
    FOR_REST(c, columns) {
      const float lq = student[start + c] * inverse_temperature - shift_s;
      const float lp = LOG_OF_TEACHER(teacher[start + c] * inverse_temperature - shift_t);
      dstudent[start + c] = SLOPE(lp, lq) * scale;
    }
  }
}
