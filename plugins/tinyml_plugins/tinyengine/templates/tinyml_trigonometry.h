/* tinyml_trigonometry.h: trigonometric and hyperbolic functions and the error function, defined to the bit.
 *
 * On top of tinyml_float.h, under the same rules. Sources: the Cephes library; Payne and Hanek, "Radian Reduction for
 * Trigonometric Functions" (1983).
 */
#ifndef TINYML_TRIGONOMETRY_H
#define TINYML_TRIGONOMETRY_H

#include "tinyml_float.h"

/* Trigonometric functions */

/* Quadrant and rest of x = quadrant * pi/2 + rest, modulo whole turns; the rest is from -pi/4 to pi/4. */
static inline uint32_t tinyml_turn(float x, float *rest)
{
    static const uint32_t two_over_pi[8] = {0x00000000u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                            0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu};
    const uint32_t bits = tinyml_bits(x);
    const int32_t exponent = (int32_t)(bits >> 23 & 0xffu);

    if (tinyml_abs(x) < 0.785398163397448310f || exponent == 255) {
        *rest = x;
        return 0;
    }

    const uint32_t first = (uint32_t)(exponent - 120); /* the bits before it make whole turns */
    const uint64_t mantissa = (bits & UINT32_C(0x7fffff)) | UINT32_C(0x800000);
    const uint32_t *const word = two_over_pi + (first >> 5);
    uint64_t window[3];

    for (int k = 0; k < 3; ++k) {
        window[k] = (((uint64_t)word[k] << 32 | word[k + 1]) << (first & 31u)) >> 32;
    }

    const uint64_t turns = ((window[0] * mantissa) << 32) + window[1] * mantissa + ((window[2] * mantissa) >> 32);
    const uint32_t quadrant = (uint32_t)((turns + (UINT64_C(1) << 61)) >> 62);

    *rest = (float)(int64_t)(turns - ((uint64_t)quadrant << 62)) * (1.57079632679489662f * 2.16840434497100887e-19f);
    if (x < 0.0f) {
        *rest = -*rest;
        return 0u - quadrant;
    }
    return quadrant;
}

static inline float tinyml_sin_near(float r)
{
    const float z = r * r;
    float p = -1.9515295891e-4f;
    p = p * z + 8.3321608736e-3f;
    p = p * z + -1.6666654611e-1f;
    return p * z * r + r;
}

static inline float tinyml_cos_near(float r)
{
    const float z = r * r;
    float p = 2.443315711809948e-5f;
    p = p * z + -1.388731625493765e-3f;
    p = p * z + 4.166664568298827e-2f;
    return p * z * z - z * 0.5f + 1.0f;
}

static inline float tinyml_sin(float x)
{
    float r;
    const uint32_t quadrant = tinyml_turn(x, &r);
    const float y = quadrant & 1u ? tinyml_cos_near(r) : tinyml_sin_near(r);

    return !(tinyml_abs(x) < TINYML_INFINITY) ? TINYML_NAN : quadrant & 2u ? -y : y;
}

static inline float tinyml_cos(float x)
{
    float r;
    const uint32_t quadrant = tinyml_turn(x, &r);
    const float y = quadrant & 1u ? tinyml_sin_near(r) : tinyml_cos_near(r);

    return !(tinyml_abs(x) < TINYML_INFINITY) ? TINYML_NAN : (quadrant + 1u) & 2u ? -y : y;
}

static inline float tinyml_tan(float x)
{
    float r;
    const uint32_t quadrant = tinyml_turn(x, &r);
    const float z = r * r;
    float p = 9.38540185543e-3f;
    p = p * z + 3.11992232697e-3f;
    p = p * z + 2.44301354525e-2f;
    p = p * z + 5.34112807005e-2f;
    p = p * z + 1.33387994085e-1f;
    p = p * z + 3.33331568548e-1f;
    p = p * z * r + r;
    return !(tinyml_abs(x) < TINYML_INFINITY) ? TINYML_NAN : quadrant & 1u ? -1.0f / p : p;
}

static inline float tinyml_asin_near(float x)
{
    const float z = x * x;
    float p = 4.2163199048e-2f;
    p = p * z + 2.4181311049e-2f;
    p = p * z + 4.5470025998e-2f;
    p = p * z + 7.4953002686e-2f;
    p = p * z + 1.6666752422e-1f;
    return p * z * x + x;
}

static inline float tinyml_asin(float x)
{
    const float a = tinyml_abs(x);

    if (!(a <= 1.0f)) {
        return TINYML_NAN;
    }

    const int outer = a > 0.5f;
    float y = tinyml_asin_near(outer ? tinyml_sqrt((1.0f - a) * 0.5f) : a);

    y = outer ? 1.57079632679489662f - (y + y) : y;
    return x < 0.0f ? -y : y;
}

static inline float tinyml_acos(float x)
{
    const float a = tinyml_abs(x);

    if (!(a <= 1.0f)) {
        return TINYML_NAN;
    }
    if (a > 0.5f) {
        const float y = tinyml_asin_near(tinyml_sqrt((1.0f - a) * 0.5f));

        return x < 0.0f ? 3.14159265358979324f - (y + y) : y + y;
    }
    return 1.57079632679489662f - tinyml_asin_near(x);
}

static inline float tinyml_atan(float x)
{
    const float a = tinyml_abs(x);
    float base = 0.0f;
    float r = a;

    if (x == 0.0f) {
        return x;
    }
    if (a > 2.414213562373095f) {
        base = 1.57079632679489662f;
        r = -1.0f / a;
    } else if (a > 0.4142135623730950f) {
        base = 0.785398163397448310f;
        r = (a - 1.0f) / (a + 1.0f);
    }

    const float z = r * r;
    float p = 8.05374449538e-2f;
    p = p * z + -1.38776856032e-1f;
    p = p * z + 1.99777106478e-1f;
    p = p * z + -3.33329491539e-1f;
    p = base + (p * z * r + r);
    return x < 0.0f ? -p : p;
}

/* Hyperbolic functions */

static inline float tinyml_tanh(float x)
{
    const float a = tinyml_abs(x);

    if (a < 0.625f) {
        const float z = x * x;
        float p = -5.70498872745e-3f;
        p = p * z + 2.06390887954e-2f;
        p = p * z + -5.37397155531e-2f;
        p = p * z + 1.33314422036e-1f;
        p = p * z + -3.33332819422e-1f;
        return p * z * x + x;
    }
    if (x != x) {
        return x;
    }

    const float y = 1.0f - 2.0f / (tinyml_exp(a > 10.0f ? 20.0f : a + a) + 1.0f);

    return x < 0.0f ? -y : y;
}

static inline float tinyml_sinh(float x)
{
    const float a = tinyml_abs(x);
    float y;

    if (!(a > 0.0f)) {
        return x;
    }
    if (a > 80.0f) {
        const float half = tinyml_exp(a * 0.5f);

        y = half * 0.5f * half;
    } else {
        const float t = tinyml_expm1(a);

        y = (t + t / (t + 1.0f)) * 0.5f;
    }
    return x < 0.0f ? -y : y;
}

static inline float tinyml_cosh(float x)
{
    const float a = tinyml_abs(x);

    if (a > 80.0f) {
        const float half = tinyml_exp(a * 0.5f);

        return half * 0.5f * half;
    }

    const float e = tinyml_exp(a);

    return e * 0.5f + 0.5f / e;
}

static inline float tinyml_asinh(float x)
{
    const float a = tinyml_abs(x);
    const float z = a * a;

    if (!(a > 0.0f)) {
        return x;
    }

    const float y = a > 1e9f ? tinyml_log(a) + 0.693147180559945309f
                             : tinyml_log1p(a + z / (tinyml_sqrt(z + 1.0f) + 1.0f));

    return x < 0.0f ? -y : y;
}

static inline float tinyml_acosh(float x)
{
    const float t = x - 1.0f;

    if (!(x >= 1.0f)) {
        return TINYML_NAN;
    }
    return x > 1e9f ? tinyml_log(x) + 0.693147180559945309f : tinyml_log1p(t + tinyml_sqrt(t + t + t * t));
}

static inline float tinyml_atanh(float x)
{
    const float a = tinyml_abs(x);

    if (!(a > 0.0f)) {
        return x;
    }
    if (a > 1.0f) {
        return TINYML_NAN;
    }

    const float y = tinyml_log1p((a + a) / (1.0f - a)) * 0.5f;

    return x < 0.0f ? -y : y;
}

static inline float tinyml_erf(float x)
{
    const float a = tinyml_abs(x);

    if (a < 0.93f) {
        const float z = x * x;
        float p = -5.97690698e-4f;
        p = p * z + 4.99098282e-3f;
        p = p * z + -2.67655682e-2f;
        p = p * z + 1.12818025e-1f;
        p = p * z + -3.76124948e-1f;
        p = p * z + 1.28379151e-1f;
        return p * x + x;
    }
    if (x != x) {
        return x;
    }

    const float t = a > 4.0f ? 4.0f : a;
    float p = 1.15247667e-5f;
    p = p * t + -3.25676549e-4f;
    p = p * t + 3.65385716e-3f;
    p = p * t + -2.37855352e-2f;
    p = p * t + 1.06263354e-1f;
    p = p * t + 6.3513577e-1f;
    p = p * t + 1.28652185e-1f;
    p = 1.0f - tinyml_exp(-(p * t + t));
    return x < 0.0f ? -p : p;
}

#endif
