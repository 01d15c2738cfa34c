/* tinyml_float.h: elementary functions in float32, defined to the bit.
 *
 * C99, freestanding, without double. Every operation is rounded by itself, so that a network computes the same on every
 * core and on the host: compile with -ffp-contract=off where the compiler would contract a * b + c, and never with
 * -ffast-math. Sources of constants and algorithms: the Cephes library, and Payne and Hanek (1983) for whole turns.
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
} tinyml_word;

static inline uint32_t tinyml_bits(float x)
{
    tinyml_word word;

    word.number = x;
    return word.bits;
}

static inline float tinyml_number(uint32_t bits)
{
    tinyml_word word;

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
