/* tinyml_int16.h: what int16 activations need beyond tinyml_arithmetic.h. Accumulators of 64 bits stay below 2^47. */
#ifndef TINYML_INT16_H
#define TINYML_INT16_H

#include "tinyml_arithmetic.h"

/* What follows the 64-bit accumulator of one output channel. */
typedef struct {
    int64_t bias;
    int32_t mantissa; /* of 15 bits */
    int32_t shift;    /* to the left when positive */
} tinyml_wide_channel;

TINYML_INLINE int16_t tinyml_clamp_int16(int32_t value, int32_t low, int32_t high)
{
#if TINYML_DSP
    if (low == INT16_MIN && high == INT16_MAX) {
        int32_t saturated;
        __asm__("ssat %0, #16, %1" : "=r"(saturated) : "r"(value) : "cc");
        return (int16_t)saturated;
    }
#endif
    if (value < low) {
        value = low;
    }
    if (value > high) {
        value = high;
    }
    return (int16_t)value;
}

/* value + zero_point clamped to low..high, for any value. */
TINYML_INLINE int16_t tinyml_activate_int16(int32_t value, int32_t zero_point, int32_t low, int32_t high)
{
    return (int16_t)(tinyml_clamp_int16(value, low - zero_point, high - zero_point) + zero_point);
}

TINYML_INLINE uint8_t tinyml_clamp_uint8(int32_t value, int32_t low, int32_t high)
{
    if (value < low) {
        value = low;
    }
    return (uint8_t)(value > high ? high : value);
}

TINYML_INLINE uint8_t tinyml_activate_uint8(int32_t value, int32_t zero_point, int32_t low, int32_t high)
{
    if (value < low - zero_point) {
        value = low - zero_point;
    }
    if (value > high - zero_point) {
        value = high - zero_point;
    }
    return (uint8_t)(value + zero_point);
}

/* sum * 2^shift * mantissa / 2^15 rounded to nearest, halves up, modulo 2^32; -31 <= shift <= 7. */
TINYML_INLINE int32_t tinyml_rescale_wide(int64_t sum, int32_t mantissa, int32_t shift)
{
    return (int32_t)(uint32_t)((sum * mantissa + (INT64_C(1) << (14 - shift))) >> (15 - shift));
}

TINYML_INLINE void tinyml_fill_int16(int16_t *to, int32_t value, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        to[i] = (int16_t)value;
    }
}

/* value rounded to nearest, halves away from zero, plus zero_point; NaN becomes low. */
TINYML_INLINE int16_t tinyml_quantize_int16(float value, int32_t zero_point, int32_t low, int32_t high)
{
    if (!(value > -131072.0f)) {
        return (int16_t)low;
    }
    if (value > 131072.0f) {
        return (int16_t)high;
    }

    int32_t whole = (int32_t)value;
    const float rest = value - (float)whole;

    if (rest >= 0.5f) {
        ++whole;
    }
    if (rest <= -0.5f) {
        --whole;
    }
    return tinyml_clamp_int16(whole + zero_point, low, high);
}

/* What lies at a place, -32768 to 32767, of a table of 512 steps: straight lines between its 513 values. */
TINYML_INLINE int32_t tinyml_interpolate(const int16_t *table, int32_t place)
{
    const int32_t bounded = place < INT16_MIN ? INT16_MIN : place > INT16_MAX ? INT16_MAX : place;
    const int16_t *const left = table + 256 + (bounded >> 7);

    return left[0] + (((left[1] - left[0]) * (bounded & 127) + 64) >> 7);
}

/* sigmoid(magnitude / 2^bits / 24) in Q0.16 times 2^bits, between two entries of a table; beyond it, beyond. */
TINYML_INLINE int32_t tinyml_between(const uint16_t *table, uint32_t magnitude, int32_t bits, int32_t beyond)
{
    const uint32_t place = magnitude >> bits;

    if (place >= 255u) {
        return beyond;
    }

    const uint32_t rest = magnitude & ((UINT32_C(1) << bits) - 1u);
    const uint32_t low = table[place];

    return (int32_t)((low << bits) + rest * (table[place + 1u] - low));
}

/* Sigmoid in Q0.15 of an argument in 1/12288, by a table of sigmoid(i / 24) in Q0.16, as TensorFlow Lite's
 * reference/integer_ops/logistic.h has it.
 */
TINYML_INLINE int16_t tinyml_sigmoid_int16(const uint16_t *table, int32_t argument)
{
    const uint32_t magnitude = (uint32_t)(argument < 0 ? -argument : argument);
    const int32_t result = tinyml_between(table, magnitude, 9, 0x7fff << 10);

    return (int16_t)((argument >= 0 ? result + 512 : (1 << 25) - result + 511) >> 10);
}

/* The hyperbolic tangent, likewise: tanh(x) = 2 * sigmoid(2 * x) - 1. */
TINYML_INLINE int16_t tinyml_tanh_int16(const uint16_t *table, int32_t argument)
{
    const uint32_t magnitude = (uint32_t)(argument < 0 ? -argument : argument);
    const int32_t result = tinyml_between(table, magnitude, 8, 0xffff << 8);

    return (int16_t)((argument >= 0 ? result - (1 << 23) + 128 : (1 << 23) - result + 127) >> 8);
}

#endif
