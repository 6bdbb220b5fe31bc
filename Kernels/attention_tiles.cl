// The register tiles of a CPU's attention: each block of scores is a tile of ROWS x COLUMNS, the same
// micro-kernel as a matrix product's.
#include "attention.cl"

#ifndef RETORT_ATTENTION_TILES
#define RETORT_ATTENTION_TILES

// Rows of a tile, and vectors of a block of scores.
#ifndef ROWS
#define ROWS 6
#endif
#ifndef CV
#define CV 2
#endif
#define COLUMNS (CV * VECTOR)
// Vectors of a head's elements whose sums are made at a time: as many as stay in registers.
#ifndef EV
#define EV DV
#endif

#define EACH_ROW _Pragma("unroll") for (int r = 0; r < ROWS; r++)
#define EACH_COLUMN _Pragma("unroll") for (int j = 0; j < CV; j++)
#define EACH_ELEMENT _Pragma("unroll") for (int e = 0; e < DV; e++)
// The parts of a head's elements, and the vectors of one.
#define EACH_PART _Pragma("unroll") for (int part = 0; part < DV; part += EV)
#define EACH_OF_PART _Pragma("unroll") for (int e = 0; e < EV; e++) if (part + e < DV)

// Copies head h of rows t0 ..< t0 + COLUMNS of x [B, T, H, D] as [D][COLUMNS]; 0 from T on.
#if D % 4 == 0
#define TRANSPOSE_FOURS(to, x, b, h, t0, T, H) \
  for (; column + 4 <= COLUMNS && (t0) + column + 4 <= (T); column += 4) { \
    const size_t own = HEAD(b, (t0) + column, h, T, H), row = (size_t)(H) * D; \
    for (int d = 0; d < D; d += 4) { \
      store_transposed(load_4((x) + own + d), load_4((x) + own + row + d), \
                       load_4((x) + own + 2 * row + d), load_4((x) + own + 3 * row + d), \
                       (to) + d * COLUMNS + column, COLUMNS); \
    } \
  }
#else
#define TRANSPOSE_FOURS(to, x, b, h, t0, T, H)
#endif
#define TRANSPOSE(to, x, b, h, t0, T, H) { \
    int column = 0; \
    TRANSPOSE_FOURS(to, x, b, h, t0, T, H) \
    for (; column < COLUMNS; column++) { \
      const size_t own = HEAD(b, min((t0) + column, (T) - 1), h, T, H); \
      for (int d = 0; d < D; d++) { \
        (to)[d * COLUMNS + column] = (t0) + column < (T) ? LOAD_ONE((x) + own + d) : 0.0f; \
      } \
    } \
  }

// tile[r][j] = sum over d of rows[r][d] columns[d][j]: a block of scores.
#define SCORES(tile, rows, columns) \
  FLOATV tile[ROWS][CV]; \
  EACH_ROW EACH_COLUMN tile[r][j] = (FLOATV)(0.0f); \
  for (int d = 0; d < D; d++) { \
    FLOATV right[CV]; \
    EACH_COLUMN right[j] = LOAD((columns) + d * COLUMNS + j * VECTOR); \
    EACH_ROW { \
      const FLOATV left = (FLOATV)(LOAD_ONE(rows[r] + d)); \
      EACH_COLUMN tile[r][j] = MAD(left, right[j], tile[r][j]); \
    } \
  }

// sums[r][first + e] += sum over start <= c < count of weights[r][c] values[c stride + part + e], for the vectors e of a part.
#define ACCUMULATE_PART(sums, first, weights, values, stride, start, count) \
  for (int c = (start); c < (count); c++) { \
    FLOATV right[EV]; \
    EACH_OF_PART right[e] = LOAD((values) + (size_t)c * (stride) + (part + e) * VECTOR); \
    EACH_ROW { \
      const FLOATV left = (FLOATV)(weights[r][c]); \
      EACH_OF_PART sums[r][first + e] = MAD(left, right[e], sums[r][first + e]); \
    } \
  }

// The same for all elements.
#define ACCUMULATE(sums, weights, values, stride, start, count) \
  EACH_PART ACCUMULATE_PART(sums, part, weights, values, stride, start, count)

// 1 where column j of the block that starts at c0 lies beyond `limit`, or below it.
#define INDICES(c0) TO_FLOATV(SPLAT_UINT((c0) + j * VECTOR) + IOTA)
#define BEYOND(c0, limit) GREATER(INDICES(c0), (FLOATV)(limit))
#define BELOW(c0, limit) GREATER((FLOATV)(limit), INDICES(c0))
// 1 where it lies outside of [first, last].
#if IS_BANDED
#define OUTSIDE(c0, first, last) max(BELOW(c0, first), BEYOND(c0, last))
#else
#define OUTSIDE(c0, first, last) BEYOND(c0, last)
#endif

#endif
