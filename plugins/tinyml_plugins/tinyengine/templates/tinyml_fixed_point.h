/* tinyml_fixed_point.h: quotients, reciprocal square roots and logarithms in fixed point, as TensorFlow Lite computes
 * them. A value of format Qi.f stands for value / 2^f; i + f = 31.
 */
#ifndef TINYML_FIXED_POINT_H
#define TINYML_FIXED_POINT_H

#include "tinyml_arithmetic.h"

/* Shifts value to the left by as much as 31 bits have room for: up to 31 for 0 and -1. */
TINYML_INLINE int32_t tinyml_room(int32_t value)
{
    uint32_t magnitude = (uint32_t)(value < 0 ? ~value : value);
    int32_t room = 31;

    for (; magnitude != 0; magnitude >>= 1) {
        --room;
    }
    return room;
}

/* dividend * reciprocal / 2^31 / 2^exponent * mantissa / 2^31 * 2^shift; the whole shift to the right is not negative. */
TINYML_INLINE int32_t tinyml_divide(int32_t dividend, int32_t reciprocal, int32_t exponent, int32_t mantissa, int32_t shift)
{
    const int32_t room = tinyml_room(dividend);
    const int32_t quotient = tinyml_multiply_doubled((int32_t)((uint32_t)dividend << room), reciprocal);
    const int32_t by = room + exponent - shift;

    return by > 31 ? 0 : tinyml_rounding_shift(tinyml_multiply_doubled(quotient, mantissa), by);
}

/* 1 / sqrt(value) = mantissa / 2^31 * 2^shift with shift <= 0, by five Newton-Raphson steps; 0 counts as 1. */
typedef struct {
    int32_t mantissa;
    int32_t shift;
} tinyml_root;

TINYML_INLINE tinyml_root tinyml_inverse_square_root(int32_t value)
{
    tinyml_root result = {INT32_MAX, 0};
    int32_t shift = 11;

    if (value <= 1) {
        return result;
    }
    while (value >= 1 << 29) {
        value >>= 2;
        ++shift;
    }
    while (value < 1 << 27) {
        value <<= 2;
        --shift;
    }

    const int32_t half = tinyml_rounding_shift(value >> 1, 1); /* Q3.28 */
    int32_t x = 1 << 28;

    for (int step = 0; step < 5; ++step) {
        const int32_t cube = tinyml_multiply_doubled(tinyml_multiply_doubled(x, x), x);
        const int32_t next = tinyml_multiply_doubled(3 << 27, x) -
                             tinyml_multiply_doubled(half, tinyml_saturating_shift(cube, 6));

        x = tinyml_saturating_shift(next, 3);
    }
    result.mantissa = tinyml_multiply_doubled(x, 1518500250);
    if (shift < 0) {
        result.mantissa = (int32_t)((uint32_t)result.mantissa << -shift);
        shift = 0;
    }
    result.shift = -shift;
    return result;
}

/* 1 / (1 + value) of a value from 0 to 1, both in Q0.31. */
TINYML_INLINE int32_t tinyml_reciprocal_of_one_plus(int32_t value)
{
    const int32_t half = (int32_t)(((int64_t)value + INT32_MAX + 1) >> 1);
    int32_t x = 1515870810 + tinyml_multiply_doubled(half, -1010580540); /* 48/17 - 32/17 * half, Q2.29 */

    for (int step = 0; step < 3; ++step) {
        const int32_t error = (1 << 29) - tinyml_multiply_doubled(half, x);

        x += tinyml_saturating_shift(tinyml_multiply_doubled(x, error), 2);
    }
    return tinyml_saturating_shift(x, 1);
}

/* Natural logarithm in Q5.26 of a value of at least 1 in Q12.19. */
TINYML_INLINE int32_t tinyml_logarithm(int32_t value)
{
    const int32_t half_root = 1518500250;   /* 2^-0.5, Q0.31 */
    const int32_t fourth_root = 1805811301; /* 2^-0.25 */
    const int32_t room = tinyml_room(value);
    const int32_t other_room = tinyml_room(tinyml_multiply_doubled(value, half_root));
    const int32_t first = tinyml_saturating_shift(tinyml_multiply_doubled(value << room, half_root), 1);
    const int32_t second = tinyml_saturating_shift(value, other_room);
    const int32_t first_power = (11 - room) * (1 << 25) + (1 << 23);
    const int32_t second_power = (12 - other_room) * (1 << 25) - (1 << 23);
    const int32_t r = first < second ? first : second;
    const int32_t power = first_power > second_power ? first_power : second_power;

    const int32_t p = (int32_t)(((int64_t)r + fourth_root + 1) >> 1);
    const int32_t q = (r - fourth_root) * 2;
    const int32_t square = tinyml_multiply_doubled(q, q);
    const int32_t numerator = tinyml_multiply_doubled(q, r) +
                              tinyml_multiply_doubled(tinyml_multiply_doubled(q, square), 117049297);
    const int32_t denominator =
        tinyml_multiply_doubled(p, 1057819769 + q + tinyml_multiply_doubled(127690142, square)) +
        tinyml_multiply_doubled(638450708, q);
    const int32_t fraction =
        tinyml_multiply_doubled(tinyml_rounding_shift(numerator, 6), tinyml_reciprocal_of_one_plus(denominator));

    return tinyml_saturating_shift(tinyml_multiply_doubled(power, 1488522236) + fraction, 1);
}

#endif
