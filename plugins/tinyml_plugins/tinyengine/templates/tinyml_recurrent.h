/* tinyml_recurrent.h: what recurrent layers are made of, on top of the headers it includes. */
#ifndef TINYML_RECURRENT_H
#define TINYML_RECURRENT_H

#include "tinyml_arithmetic.h"
#include "tinyml_int16.h"
#include "tinyml_pointwise.h"

/* Inner products, from the first element to the last. */
static inline float tinyml_float_product(const float *left, const float *right, int32_t count)
{
    float sum = 0.0f;

    for (int32_t i = 0; i < count; ++i) {
        sum += left[i] * right[i];
    }
    return sum;
}

static inline uint32_t tinyml_int8_product(const int8_t *left, const int8_t *right, int32_t count)
{
    uint32_t sum = 0;

    for (int32_t i = 0; i < count; ++i) {
        sum += (uint32_t)(left[i] * right[i]);
    }
    return sum;
}

static inline int32_t tinyml_int16(int32_t value)
{
    return value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value;
}

#endif
