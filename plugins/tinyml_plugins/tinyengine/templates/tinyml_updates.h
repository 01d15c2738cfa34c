/* tinyml_updates.h: updates of integer parameters: stochastic rounding and saturating subtraction.
 *
 * C99, freestanding. Random bits are a hash of the step's number, of the parameter and of the element, so that nothing is
 * kept between steps. Source of the hash: C. Wellons, "Prospecting for hash functions" (2018), lowbias32.
 */
#ifndef TINYML_UPDATES_H
#define TINYML_UPDATES_H

#include "tinyml_arithmetic.h"
#include "tinyml_float.h"

TINYML_INLINE uint32_t tinyml_mixed(uint32_t value)
{
    value = (value ^ value >> 16) * UINT32_C(0x7feb352d);
    value = (value ^ value >> 15) * UINT32_C(0x846ca68b);
    return value ^ value >> 16;
}

/* floor(value + u) of the exact sum, u the upper 24 bits of random times 2^-24; value is limited to +-2^30, NaN is 0. */
TINYML_INLINE int32_t tinyml_round_stochastically(float value, uint32_t random)
{
    const float uniform = (float)(int32_t)(random >> 8) * 5.9604644775390625e-8f;
    const float low = value < -1073741824.0f ? -1073741824.0f : value;
    const float limited = low > 1073741824.0f ? 1073741824.0f : low;
    const float number = limited == limited ? limited : 0.0f;
    const int32_t whole = (int32_t)number;
    const float rest = number - (float)whole;

    return whole + (rest >= 1.0f - uniform ? 1 : 0) - (rest < -uniform ? 1 : 0);
}

TINYML_INLINE int8_t tinyml_subtract_int8(int8_t parameter, int32_t change)
{
    const int32_t most = change > 255 ? 255 : change; /* 255 reaches from one limit to the other */
    const int32_t limited = most < -255 ? -255 : most;

    return tinyml_clamp(parameter - limited, INT8_MIN, INT8_MAX);
}

TINYML_INLINE int32_t tinyml_subtract_int32(int32_t parameter, int32_t change)
{
    const int64_t difference = (int64_t)parameter - change;

    if (difference > INT32_MAX) {
        return INT32_MAX;
    }
    return difference < INT32_MIN ? INT32_MIN : (int32_t)difference;
}

#endif
