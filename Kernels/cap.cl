// Logits with a cap, z = cap tanh(x W^T / cap): what it makes of their gradient.
#ifndef RETORT_CAP
#define RETORT_CAP

#ifndef CAPPED
#define CAPPED 0
#endif
#if CAPPED
#define CAP_PARAMETER , const float cap
// The factor of a gradient, from the logit with its cap: 1 - (z / cap)^2.
#define TIMES_BEND(z) * (1.0f - ((z) / cap) * ((z) / cap))
#else
#define CAP_PARAMETER
#define TIMES_BEND(z)
#endif

#endif
