/* tinyml_pointwise.h: functions that networks apply element by element, on top of tinyml_trigonometry.h.
 *
 * Integers wrap; a division by zero gives 0.
 */
#ifndef TINYML_POINTWISE_H
#define TINYML_POINTWISE_H

#include "tinyml_trigonometry.h"

/* Activations */

static inline float tinyml_sigmoid(float x)
{
    const float e = tinyml_exp(-tinyml_abs(x));

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

static inline float tinyml_softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + tinyml_log1p(tinyml_exp(-tinyml_abs(x)));
}

static inline float tinyml_gelu(float x)
{
    return 0.5f * x * (1.0f + tinyml_erf(x * 0.707106781186547524f));
}

static inline float tinyml_gelu_tanh(float x)
{
    return 0.5f * x * (1.0f + tinyml_tanh(0.797884560802865356f * (x + 0.044715f * x * x * x)));
}

static inline float tinyml_mish(float x)
{
    return x * tinyml_tanh(tinyml_softplus(x));
}

static inline float tinyml_swish(float x, float alpha)
{
    return x * tinyml_sigmoid(alpha * x);
}

static inline float tinyml_hard_sigmoid(float x, float alpha, float beta)
{
    const float y = alpha * x + beta;

    return y < 0.0f ? 0.0f : y > 1.0f ? 1.0f : y;
}

static inline float tinyml_hard_swish(float x)
{
    return x * tinyml_hard_sigmoid(x, 1.66666666666666667e-1f, 0.5f);
}

static inline float tinyml_elu(float x, float alpha)
{
    return x < 0.0f ? alpha * tinyml_expm1(x) : x;
}

static inline float tinyml_celu(float x, float alpha)
{
    return x < 0.0f ? alpha * tinyml_expm1(x / alpha) : x;
}

static inline float tinyml_selu(float x, float alpha, float beta)
{
    return beta * tinyml_elu(x, alpha);
}

static inline float tinyml_leaky_relu(float x, float alpha)
{
    return x < 0.0f ? alpha * x : x;
}

static inline float tinyml_shrink(float x, float alpha, float beta)
{
    return x < -alpha ? x + beta : x > alpha ? x - beta : 0.0f;
}

static inline float tinyml_thresholded_relu(float x, float alpha)
{
    return x > alpha ? x : 0.0f;
}

static inline float tinyml_sign(float x)
{
    return x < 0.0f ? -1.0f : x > 0.0f ? 1.0f : x;
}

static inline float tinyml_softsign(float x)
{
    return x / (1.0f + tinyml_abs(x));
}

/* Remainders of floats; exact. The first has the sign of x, the second that of y. */

static inline uint32_t tinyml_normalised(uint32_t bits, int32_t *exponent)
{
    uint32_t mantissa = bits & UINT32_C(0x7fffff);

    *exponent = (int32_t)(bits >> 23);
    if (*exponent != 0) {
        return mantissa | UINT32_C(0x800000);
    }
    for (*exponent = 1; mantissa < UINT32_C(0x800000); --*exponent) {
        mantissa <<= 1;
    }
    return mantissa;
}

static inline float tinyml_remainder(float x, float y)
{
    const float a = tinyml_abs(x);
    const float b = tinyml_abs(y);
    int32_t exponent;
    int32_t least;

    if (!(a < TINYML_INFINITY) || !(b > 0.0f)) {
        return TINYML_NAN;
    }
    if (a < b) {
        return x;
    }

    uint32_t rest = tinyml_normalised(tinyml_bits(a), &exponent);
    const uint32_t divisor = tinyml_normalised(tinyml_bits(b), &least);

    for (; exponent > least; --exponent) {
        rest = (rest >= divisor ? rest - divisor : rest) << 1;
    }
    rest = rest >= divisor ? rest - divisor : rest;
    if (rest == 0) {
        return tinyml_signed(0.0f, x);
    }
    while (rest < UINT32_C(0x800000)) {
        rest <<= 1;
        --exponent;
    }
    if (exponent > 0) {
        return tinyml_signed(tinyml_number((rest & UINT32_C(0x7fffff)) | (uint32_t)exponent << 23), x);
    }
    return tinyml_signed(tinyml_number(rest >> (1 - exponent)), x);
}

static inline float tinyml_modulo(float x, float y)
{
    const float rest = tinyml_remainder(x, y);

    return (rest < 0.0f && y > 0.0f) || (rest > 0.0f && y < 0.0f) ? rest + y : rest;
}

/* Integers */

#define TINYML_INTEGER(type, unsigned_type, name)                                                                      \
    static inline type tinyml_divide_##name(type x, type y)                                                            \
    {                                                                                                                  \
        return y == 0 ? 0 : y == -1 ? (type)(0u - (unsigned_type)x) : x / y;                                           \
    }                                                                                                                  \
    static inline type tinyml_remainder_##name(type x, type y)                                                         \
    {                                                                                                                  \
        return y == 0 || y == -1 ? 0 : x % y;                                                                          \
    }                                                                                                                  \
    static inline type tinyml_modulo_##name(type x, type y)                                                            \
    {                                                                                                                  \
        const type rest = tinyml_remainder_##name(x, y);                                                               \
                                                                                                                       \
        return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;                                                   \
    }                                                                                                                  \
    static inline type tinyml_power_##name(type x, type y)                                                             \
    {                                                                                                                  \
        unsigned_type result = 1;                                                                                      \
        unsigned_type base = (unsigned_type)x;                                                                         \
                                                                                                                       \
        if (y < 0) {                                                                                                   \
            return x == 1 ? 1 : x == -1 ? ((y & 1) != 0 ? -1 : 1) : 0;                                                 \
        }                                                                                                              \
        for (; y != 0; y >>= 1) {                                                                                      \
            result *= (y & 1) != 0 ? base : 1u;                                                                        \
            base *= base;                                                                                              \
        }                                                                                                              \
        return (type)result;                                                                                           \
    }                                                                                                                  \
    static inline type tinyml_cast_##name(float x)                                                                     \
    {                                                                                                                  \
        const float limit = (float)((unsigned_type)1 << (8 * sizeof(type) - 1));                                       \
                                                                                                                       \
        if (!(x < limit)) {                                                                                            \
            return x != x ? 0 : (type)(((unsigned_type)1 << (8 * sizeof(type) - 1)) - 1u);                             \
        }                                                                                                              \
        return x < -limit ? (type)((unsigned_type)1 << (8 * sizeof(type) - 1)) : (type)x;                              \
    }

TINYML_INTEGER(int32_t, uint32_t, int32)
TINYML_INTEGER(int64_t, uint64_t, int64)

#endif
