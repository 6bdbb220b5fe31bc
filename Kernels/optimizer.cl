// One sweep over all numbers of a parameter, in which an optimizer moves them.
#ifndef RETORT_OPTIMIZER
#define RETORT_OPTIMIZER
#include "common.cl"

// UPDATE(type, load, store) moves what stands at i; KEEP(load, store) copies it, where `isKept`.
#define FOR_EVERY_NUMBER(count, isKept) \
  FOR_OWN(i, count, VECTOR) { \
    if (i + VECTOR <= (uint)(count)) { \
      if (isKept) { \
        KEEP(LOAD, STORE) \
      } else { \
        UPDATE(FLOATV, LOAD, STORE) \
      } \
    } else { \
      for (uint at = i; at < (uint)(count); at++) { \
        const uint i = at; \
        if (isKept) { \
          KEEP(LOAD_ONE, STORE_ONE) \
        } else { \
          UPDATE(float, LOAD_ONE, STORE_ONE) \
        } \
      } \
    } \
  }

#endif
