/* tinyml_float.h: square root, exponential, logarithm and power in float32, defined to the bit.
 *
 * C99, freestanding, without double. Every operation is rounded by itself, so that a network computes the same on every
 * core and on the host: compile with -ffp-contract=off where the compiler would contract a * b + c, and never with
 * -ffast-math. Source of the constants: the Cephes library.
 */
#ifndef TINYML_FLOAT_H
#define TINYML_FLOAT_H

#include <stdint.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

typedef union {
    float number;
    uint32_t bits;
} tinyml_float_bits;

static inline uint32_t tinyml_bits(float x)
{
    tinyml_float_bits word;

    word.number = x;
    return word.bits;
}

static inline float tinyml_number(uint32_t bits)
{
    tinyml_float_bits word;

    word.bits = bits;
    return word.number;
}

#define TINYML_INFINITY tinyml_number(UINT32_C(0x7f800000))
#define TINYML_NAN tinyml_number(UINT32_C(0x7fc00000))

/* 2^exponent, a normal number. */
static inline float tinyml_power_of_two(int32_t exponent)
{
    return tinyml_number((uint32_t)(exponent + 127) << 23);
}

static inline float tinyml_abs(float x)
{
    return tinyml_number(tinyml_bits(x) & UINT32_C(0x7fffffff));
}

static inline float tinyml_negate(float x)
{
    return tinyml_number(tinyml_bits(x) ^ UINT32_C(0x80000000));
}

/* x with the sign of another number; x is not negative. */
static inline float tinyml_signed(float x, float sign)
{
    return tinyml_number(tinyml_bits(x) | (tinyml_bits(sign) & UINT32_C(0x80000000)));
}

static inline float tinyml_trunc(float x)
{
    const float a = tinyml_abs(x);

    return a < 8388608.0f ? tinyml_signed((float)(int32_t)a, x) : x;
}

static inline float tinyml_floor(float x)
{
    const float whole = tinyml_trunc(x);

    return whole > x ? whole - 1.0f : whole;
}

static inline float tinyml_ceil(float x)
{
    const float whole = tinyml_trunc(x);

    return whole < x ? whole + 1.0f : whole;
}

/* To nearest, halves to even. */
static inline float tinyml_round(float x)
{
    const float a = tinyml_abs(x);
    const volatile float moved = a + 8388608.0f; /* volatile: no compiler may see that the next line undoes it */

    return a < 8388608.0f ? tinyml_signed(moved - 8388608.0f, x) : x;
}

/* Square root, rounded as IEEE 754 demands. */
static inline float tinyml_sqrt(float x)
{
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP) && (__ARM_FP & 4)
    float root;
    __asm__("vsqrt.f32 %0, %1" : "=t"(root) : "t"(x));
    return root;
#else
    const uint32_t bits = tinyml_bits(x);
    int32_t exponent = (int32_t)(bits >> 23);
    uint32_t rest = bits & UINT32_C(0x7fffff);
    uint32_t root = 0;
    uint32_t twice = 0;

    if (x == 0.0f || bits == UINT32_C(0x7f800000)) {
        return x;
    }
    if (!(x > 0.0f)) {
        return TINYML_NAN;
    }
    if (exponent == 0) {
        for (exponent = 1; rest < UINT32_C(0x800000); --exponent) {
            rest <<= 1;
        }
    }
    rest |= UINT32_C(0x800000);
    exponent -= 127;
    rest <<= (exponent & 1) + 1;
    for (uint32_t bit = UINT32_C(0x1000000); bit != 0; bit >>= 1) {
        if (twice + bit <= rest) {
            rest -= twice + bit;
            twice += bit << 1;
            root += bit;
        }
        rest <<= 1;
    }
    root += rest != 0 ? root & 1u : 0u; /* halves cannot happen */
    return tinyml_number((root >> 1) + UINT32_C(0x3f000000) + ((uint32_t)(exponent >> 1) << 23));
#endif
}

static inline float tinyml_rsqrt(float x)
{
    return 1.0f / tinyml_sqrt(x);
}

/* Exponential and logarithm */

/* n and exp(r) - 1 of x = n ln 2 + r, |x| <= 89. */
static inline float tinyml_exp_reduced(float x, int32_t *n)
{
    *n = (int32_t)(x * 1.44269504088896341f + (x > 0.0f ? 0.5f : -0.5f));

    const float whole = (float)*n;
    float r = x - whole * 0.693359375f;
    r = r - whole * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return p * (r * r) + r;
}

/* y * 2^n in two steps, since 2^128 is no float. */
static inline float tinyml_scaled(float y, int32_t n)
{
    return y * tinyml_power_of_two(n >> 1) * tinyml_power_of_two(n - (n >> 1));
}

/* 0 below -87, where the results would turn subnormal. */
static inline float tinyml_exp(float x)
{
    if (!(x >= -87.0f)) {
        return x < -87.0f ? 0.0f : x;
    }

    int32_t n;
    const float q = tinyml_exp_reduced(x > 89.0f ? 89.0f : x, &n);

    return tinyml_scaled(q + 1.0f, n);
}

/* exp(x) - 1, accurate near 0. */
static inline float tinyml_expm1(float x)
{
    if (!(x >= -20.0f)) {
        return x < -20.0f ? -1.0f : x;
    }
    if (x > 80.0f) {
        return tinyml_exp(x);
    }

    int32_t n;
    const float q = tinyml_exp_reduced(x, &n);

    return tinyml_scaled(q, n) + (tinyml_power_of_two(n) - 1.0f);
}

static inline float tinyml_log(float x)
{
    if (x == 0.0f) {
        return -TINYML_INFINITY;
    }
    if (x < 0.0f) {
        return TINYML_NAN;
    }
    if (!(x < TINYML_INFINITY)) {
        return x;
    }

    const uint32_t tiny = x < 1.17549435e-38f;
    const uint32_t bits = tinyml_bits(tiny ? x * 8388608.0f : x);
    int32_t exponent = (int32_t)(bits >> 23) - (tiny ? 126 + 23 : 126);
    float m = tinyml_number((bits & UINT32_C(0x7fffff)) | UINT32_C(0x3f000000));

    if (m < 0.707106781186547524f) {
        --exponent;
        m = m + m;
    }
    m = m - 1.0f;

    const float whole = (float)exponent;
    const float z = m * m;
    float y = 7.0376836292e-2f;
    y = y * m + -1.1514610310e-1f;
    y = y * m + 1.1676998740e-1f;
    y = y * m + -1.2420140846e-1f;
    y = y * m + 1.4249322787e-1f;
    y = y * m + -1.6668057665e-1f;
    y = y * m + 2.0000714765e-1f;
    y = y * m + -2.4999993993e-1f;
    y = y * m + 3.3333331174e-1f;
    y = y * m * z;
    y = y + whole * -2.12194440e-4f;
    y = y - z * 0.5f;
    y = m + y;
    return y + whole * 0.693359375f;
}

/* log(1 + x), accurate near 0. */
static inline float tinyml_log1p(float x)
{
    const float u = x + 1.0f;

    if (u == 1.0f) {
        return x;
    }
    if (u > 16777216.0f || !(u > 0.0f)) {
        return tinyml_log(u);
    }
    return tinyml_log(u) + (x - (u - 1.0f)) / u;
}

/* Multiplications for integer exponents up to 64, else exp(y * log(x)). */
static inline float tinyml_power(float x, float y)
{
    const int whole = tinyml_trunc(y) == y;

    if (whole && tinyml_abs(y) <= 64.0f) {
        float result = 1.0f;
        float base = x;

        for (int32_t count = (int32_t)tinyml_abs(y); count != 0; count >>= 1) {
            if (count & 1) {
                result = result * base;
            }
            base = base * base;
        }
        return y < 0.0f ? 1.0f / result : result;
    }

    const float magnitude = tinyml_abs(x);
    const int odd = whole && tinyml_abs(y) < 16777216.0f && ((int32_t)y & 1) != 0;

    if (magnitude == 1.0f) {
        return x > 0.0f ? 1.0f : odd ? -1.0f : whole ? 1.0f : TINYML_NAN;
    }
    if (x < 0.0f && !whole && magnitude < TINYML_INFINITY) {
        return TINYML_NAN;
    }

    const float p = tinyml_exp(y * tinyml_log(magnitude));

    return x < 0.0f && odd ? -p : p;
}

#endif
