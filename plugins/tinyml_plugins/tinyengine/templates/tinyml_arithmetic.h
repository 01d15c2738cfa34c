/* tinyml_arithmetic.h: integer arithmetic of generated networks.
 *
 * C99, freestanding. Every function gives the same bits with the DSP extension of Cortex-M (inline assembly) and
 * without it (plain C), so that a network computes the same on every core and on the host. Accumulators are uint32_t:
 * they wrap modulo 2^32.
 */
#ifndef TINYML_ARITHMETIC_H
#define TINYML_ARITHMETIC_H

#include <stdint.h>

#if defined(__GNUC__)
#define TINYML_INLINE static inline __attribute__((always_inline))
#define TINYML_ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#define TINYML_INLINE static inline
#define TINYML_ALIGNED(bytes)
#endif

/* Functions of layers stay as they are: a profiler finds each by its name, and what the compiler knows about one does
 * not change another. GCC 12 drops calls without noipa: it takes addresses that it has itself rewritten as "0 + sum of
 * registers" for null, and a function that accesses them for one without effects.
 */
#if defined(__has_attribute)
#if __has_attribute(noipa)
#define TINYML_LAYER __attribute__((noipa))
#endif
#endif
#if !defined(TINYML_LAYER) && defined(__GNUC__)
#define TINYML_LAYER __attribute__((noinline))
#elif !defined(TINYML_LAYER)
#define TINYML_LAYER
#endif

#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FEATURE_DSP)
#define TINYML_DSP 1
#else
#define TINYML_DSP 0
#endif

/* Functions that layers share. */
#if defined(__GNUC__)
#define TINYML_SHARED static __attribute__((unused)) TINYML_LAYER
#else
#define TINYML_SHARED static
#endif

/* Functions that are assembly throughout; their parameters are unused as far as C can see. */
#if TINYML_DSP
#if defined(__has_attribute)
#if __has_attribute(noipa)
#define TINYML_ASSEMBLY __attribute__((naked, noinline, noipa, unused, aligned(4)))
#endif
#endif
#if !defined(TINYML_ASSEMBLY)
#define TINYML_ASSEMBLY __attribute__((naked, noinline, unused, aligned(4)))
#endif
#define TINYML_UNUSED __attribute__((unused))
#endif

typedef char tinyml_right_shift_keeps_the_sign[(-3 >> 1) == -2 ? 1 : -1];
typedef char tinyml_conversion_wraps[(int32_t)UINT32_C(0xffffffff) == -1 ? 1 : -1];

/* Channels: what follows the accumulator of one output channel. */
typedef struct {
    int32_t bias;
    int32_t mantissa;
} tinyml_channel;

typedef struct {
    int32_t bias;
    int32_t mantissa;
    int32_t shift; /* to the left when positive */
} tinyml_shifted_channel;

/* Limits */

TINYML_INLINE int8_t tinyml_clamp(int32_t value, int32_t low, int32_t high)
{
#if TINYML_DSP
    if (low == INT8_MIN && high == INT8_MAX) {
        int32_t saturated;
        __asm__("ssat %0, #8, %1" : "=r"(saturated) : "r"(value) : "cc");
        return (int8_t)saturated;
    }
#endif
    if (value < low) {
        value = low;
    }
    if (value > high) {
        value = high;
    }
    return (int8_t)value;
}

/* Clamps what was computed without limits. */
TINYML_SHARED void tinyml_limit(int8_t *values, int32_t count, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < count; ++i) {
        values[i] = tinyml_clamp(values[i], low, high);
    }
}

/* value + zero_point clamped to low..high, for any value. */
TINYML_INLINE int8_t tinyml_activate(int32_t value, int32_t zero_point, int32_t low, int32_t high)
{
    if (value < low - zero_point) {
        value = low - zero_point;
    }
    if (value > high - zero_point) {
        value = high - zero_point;
    }
    return (int8_t)(value + zero_point);
}

/* Products */

/* left * right / 2^32 rounded to nearest, halves up, plus addend. */
TINYML_INLINE int32_t tinyml_multiply_high(int32_t left, int32_t right, int32_t addend)
{
#if TINYML_DSP
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(left), "r"(right), "r"(addend));
    return result;
#else
    return addend + (int32_t)(((int64_t)left * right + INT64_C(0x80000000)) >> 32);
#endif
}

/* left * right / 2^31 rounded to nearest, halves up; not both may be -2^31. */
TINYML_INLINE int32_t tinyml_multiply_doubled(int32_t left, int32_t right)
{
    return (int32_t)(((int64_t)left * right + (INT64_C(1) << 30)) >> 31);
}

/* value / 2^shift rounded to nearest, halves away from zero; 0 <= shift <= 31. */
TINYML_INLINE int32_t tinyml_rounding_shift(int32_t value, int32_t shift)
{
    const uint32_t mask = (UINT32_C(1) << shift) - 1u;
    const uint32_t rest = (uint32_t)value & mask;
    const uint32_t threshold = (mask >> 1) + (value < 0 ? 1u : 0u);

    return (value >> shift) + (rest > threshold ? 1 : 0);
}

/* Rescaling, rounding mode "tflite": sum * 2^shift * mantissa / 2^31, two roundings. */
TINYML_INLINE int32_t tinyml_rescale(uint32_t sum, int32_t mantissa, int32_t shift)
{
    if (shift > 0) {
        return tinyml_multiply_doubled((int32_t)(sum << shift), mantissa);
    }
    return tinyml_rounding_shift(tinyml_multiply_doubled((int32_t)sum, mantissa), -shift);
}

/* The same for |sum| < 2^30 and shift <= 0, where 32 bits have room for the doubling and the rounding. */
TINYML_INLINE int32_t tinyml_rescale_bounded(int32_t sum, int32_t mantissa, int32_t shift)
{
    const int32_t high = tinyml_multiply_high(sum * 2, mantissa, 0);
    const int32_t half = (int32_t)((UINT32_C(1) << -shift) >> 1);
    const int32_t away = (high & shift) >> 31; /* -1 for negative values that are shifted at all */

    return (high + half + away) >> -shift;
}

/* Rescaling, rounding mode "single", where 32 bits do not suffice: sum * 2^shift * mantissa / 2^32, halves up, saturated;
 * 0 <= shift <= 31.
 */
TINYML_INLINE int32_t tinyml_rescale_shifted(uint32_t sum, int32_t mantissa, int32_t shift)
{
    const int64_t product = (int64_t)(int32_t)sum * mantissa;
    const int64_t rescaled = (product + (INT64_C(1) << (31 - shift))) >> (32 - shift);

    if (rescaled > INT32_MAX) {
        return INT32_MAX;
    }
    return rescaled < INT32_MIN ? INT32_MIN : (int32_t)rescaled;
}

/* Movement */

TINYML_INLINE void tinyml_fill(int8_t *to, int32_t value, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        to[i] = (int8_t)value;
    }
}

/* Softmax: 1 / sum as mantissa / 2^shift of probabilities in 1/256, by three Newton-Raphson steps (gemmlowp). */
typedef struct {
    int32_t mantissa;
    int32_t shift;
} tinyml_reciprocal;

TINYML_INLINE int32_t tinyml_saturating_shift(int32_t value, int32_t shift)
{
    const int64_t shifted = (int64_t)value * (INT64_C(1) << shift);

    if (shifted > INT32_MAX) {
        return INT32_MAX;
    }
    return shifted < INT32_MIN ? INT32_MIN : (int32_t)shifted;
}

TINYML_INLINE tinyml_reciprocal tinyml_reciprocal_of(int32_t sum) /* sum > 0 in Q12.19 */
{
    tinyml_reciprocal result = {0, 35};
    uint32_t normal = (uint32_t)sum;

    while (normal < UINT32_C(0x80000000)) {
        normal <<= 1;
        --result.shift;
    }
    if (result.shift > 31) { /* more than 511 equals: every share rounds to 0 */
        result.shift = 31;
        return result;
    }

    const int32_t half = (int32_t)(normal >> 1);                                  /* half the denominator, Q0.31 */
    int32_t x = 1515870810 + tinyml_multiply_doubled(half, -1010580540); /* 48/17 - 32/17 * half, Q2.29 */

    for (int step = 0; step < 3; ++step) {
        const int32_t error = (1 << 29) - tinyml_multiply_doubled(half, x);

        x += tinyml_saturating_shift(tinyml_multiply_doubled(x, error), 2);
    }
    result.mantissa = tinyml_saturating_shift(x, 1);
    return result;
}

/* value rounded to nearest, halves away from zero, plus zero_point; NaN becomes low. */
TINYML_INLINE int8_t tinyml_quantize(float value, int32_t zero_point, int32_t low, int32_t high)
{
    if (!(value > -512.0f)) {
        return (int8_t)low;
    }
    if (value > 512.0f) {
        return (int8_t)high;
    }

    int32_t whole = (int32_t)value;
    const float rest = value - (float)whole;

    if (rest >= 0.5f) {
        ++whole;
    }
    if (rest <= -0.5f) {
        --whole;
    }
    return tinyml_clamp(whole + zero_point, low, high);
}

#endif
