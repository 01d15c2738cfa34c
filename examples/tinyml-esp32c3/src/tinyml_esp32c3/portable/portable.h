/* portable.h: int8 kernels in C99 for cores without vector instructions.
 *
 * Every kernel is inlined into the function of its layer, where its parameters are constants. Accumulators are uint32_t:
 * they wrap modulo 2^32.
 */
#ifndef PORTABLE_H
#define PORTABLE_H

#include <stdint.h>

#if defined(__GNUC__)
#define PORTABLE_INLINE static inline __attribute__((always_inline))
#define PORTABLE_LAYER __attribute__((noinline))
#else
#define PORTABLE_INLINE static inline
#define PORTABLE_LAYER
#endif

typedef char portable_right_shift_keeps_the_sign[(-3 >> 1) == -2 ? 1 : -1];

/* What follows an accumulator: a rescaling for each channel (step 1) or one for all (step 0), zero point, limits. */
typedef struct {
    const int32_t *mantissa;
    const int8_t *shift;
    int32_t step, shifted, single;
    int32_t zero_point, low, high;
} portable_output;

/* A window over an image of height x width x channels; a pixel of padding contributes nothing. */
typedef struct {
    int32_t height, width, channels;
    int32_t rows, columns, outputs; /* of the output */
    int32_t kernel_rows, kernel_columns, stride_rows, stride_columns, dilation_rows, dilation_columns, top, left;
} portable_window;

/* left * right / 2^31 rounded to nearest, halves up. */
PORTABLE_INLINE int32_t portable_multiply(int32_t left, int32_t right)
{
    return (int32_t)(((int64_t)left * right + (INT64_C(1) << 30)) >> 31);
}

/* value / 2^shift rounded to nearest, halves away from zero; 0 <= shift <= 31. */
PORTABLE_INLINE int32_t portable_shift(int32_t value, int32_t shift)
{
    const uint32_t mask = (UINT32_C(1) << shift) - 1u;
    const uint32_t rest = (uint32_t)value & mask;

    return (value >> shift) + (rest > (mask >> 1) + (value < 0 ? 1u : 0u) ? 1 : 0);
}

PORTABLE_INLINE int8_t portable_clamp(int32_t value, int32_t low, int32_t high)
{
    return (int8_t)(value < low ? low : value > high ? high : value);
}

/* Rounding mode "tflite": value * 2^shift * mantissa / 2^31, two roundings. */
PORTABLE_INLINE int32_t portable_rescale(uint32_t value, int32_t mantissa, int32_t shift)
{
    if (shift > 0) {
        return portable_multiply((int32_t)(value << shift), mantissa);
    }
    return portable_shift(portable_multiply((int32_t)value, mantissa), -shift);
}

PORTABLE_INLINE int8_t portable_finish(uint32_t sum, int32_t channel, const portable_output *out)
{
    const int32_t mantissa = out->mantissa[channel * out->step];
    int32_t value;

    if (!out->single) {
        value = portable_rescale(sum, mantissa, out->shift[channel * out->step]);
    } else if (!out->shifted) {
        value = (int32_t)(((int64_t)(int32_t)sum * mantissa + (INT64_C(1) << 31)) >> 32);
    } else { /* one rounding: sum * 2^shift * mantissa / 2^32, far beyond the limits where 32 bits do not hold it */
        const int32_t shift = out->shift[channel * out->step];
        const int64_t product = (int64_t)(int32_t)sum * mantissa;
        const int64_t wide = (product + (INT64_C(1) << (31 - shift))) >> (32 - shift);

        value = wide > 65536 ? 65536 : wide < -65536 ? -65536 : (int32_t)wide;
    }
    if (value < out->low - out->zero_point) {
        return (int8_t)out->low;
    }
    return value > out->high - out->zero_point ? (int8_t)out->high : (int8_t)(value + out->zero_point);
}

/* Convolution of `block` filters at a time, 1 to 4, which divides their number; a dense layer is one of 1 x 1. */
PORTABLE_INLINE void portable_conv2d(
    const int8_t *x, int8_t *y, const int8_t *weights, const int32_t *bias, int32_t x_zero, const portable_window *w,
    const portable_output *out, int32_t block)
{
    const int32_t filter = w->kernel_rows * w->kernel_columns * w->channels;

    for (int32_t row = 0; row < w->rows; ++row) {
        for (int32_t column = 0; column < w->columns; ++column) {
            for (int32_t first = 0; first < w->outputs; first += block) {
                uint32_t sum0 = (uint32_t)bias[first];
                uint32_t sum1 = block > 1 ? (uint32_t)bias[first + 1] : 0;
                uint32_t sum2 = block > 2 ? (uint32_t)bias[first + 2] : 0;
                uint32_t sum3 = block > 3 ? (uint32_t)bias[first + 3] : 0;

                for (int32_t i = 0; i < w->kernel_rows; ++i) {
                    const int32_t at_row = row * w->stride_rows - w->top + i * w->dilation_rows;

                    if (at_row < 0 || at_row >= w->height) {
                        continue;
                    }
                    for (int32_t j = 0; j < w->kernel_columns; ++j) {
                        const int32_t at = column * w->stride_columns - w->left + j * w->dilation_columns;
                        const int8_t *in = x + (at_row * w->width + at) * w->channels;
                        const int8_t *f = weights + first * filter + (i * w->kernel_columns + j) * w->channels;

                        if (at < 0 || at >= w->width) {
                            continue;
                        }
                        for (int32_t c = 0; c < w->channels; ++c) {
                            const int32_t value = in[c] - x_zero;

                            sum0 += (uint32_t)(value * f[c]);
                            sum1 += block > 1 ? (uint32_t)(value * f[filter + c]) : 0;
                            sum2 += block > 2 ? (uint32_t)(value * f[2 * filter + c]) : 0;
                            sum3 += block > 3 ? (uint32_t)(value * f[3 * filter + c]) : 0;
                        }
                    }
                }
                *y++ = portable_finish(sum0, first, out);
                if (block > 1) {
                    *y++ = portable_finish(sum1, first + 1, out);
                }
                if (block > 2) {
                    *y++ = portable_finish(sum2, first + 2, out);
                }
                if (block > 3) {
                    *y++ = portable_finish(sum3, first + 3, out);
                }
            }
        }
    }
}

/* Depthwise convolution; output channel c reads channel c / (outputs / channels). */
PORTABLE_INLINE void portable_depthwise(
    const int8_t *x, int8_t *y, const int8_t *weights, const int32_t *bias, int32_t x_zero, const portable_window *w,
    const portable_output *out)
{
    const int32_t multiplier = w->outputs / w->channels;

    for (int32_t row = 0; row < w->rows; ++row) {
        for (int32_t column = 0; column < w->columns; ++column) {
            for (int32_t c = 0; c < w->outputs; ++c) {
                uint32_t sum = (uint32_t)bias[c];

                for (int32_t i = 0; i < w->kernel_rows; ++i) {
                    const int32_t at_row = row * w->stride_rows - w->top + i * w->dilation_rows;

                    if (at_row < 0 || at_row >= w->height) {
                        continue;
                    }
                    for (int32_t j = 0; j < w->kernel_columns; ++j) {
                        const int32_t at = column * w->stride_columns - w->left + j * w->dilation_columns;

                        if (at < 0 || at >= w->width) {
                            continue;
                        }
                        sum += (uint32_t)((x[(at_row * w->width + at) * w->channels + c / multiplier] - x_zero) *
                                          weights[(i * w->kernel_columns + j) * w->outputs + c]);
                    }
                }
                *y++ = portable_finish(sum, c, out);
            }
        }
    }
}

/* The greatest element of each window, or the mean (halves away from zero) of those inside the image. */
PORTABLE_INLINE void portable_pool(
    const int8_t *x, int8_t *y, const portable_window *w, int32_t average, int32_t low, int32_t high)
{
    for (int32_t row = 0; row < w->rows; ++row) {
        for (int32_t column = 0; column < w->columns; ++column) {
            for (int32_t c = 0; c < w->channels; ++c) {
                int32_t greatest = INT8_MIN, sum = 0, count = 0;

                for (int32_t i = 0; i < w->kernel_rows; ++i) {
                    const int32_t at_row = row * w->stride_rows - w->top + i;

                    if (at_row < 0 || at_row >= w->height) {
                        continue;
                    }
                    for (int32_t j = 0; j < w->kernel_columns; ++j) {
                        const int32_t at = column * w->stride_columns - w->left + j;

                        if (at >= 0 && at < w->width) {
                            const int32_t value = x[(at_row * w->width + at) * w->channels + c];

                            greatest = value > greatest ? value : greatest;
                            sum += value;
                            ++count;
                        }
                    }
                }
                *y++ = portable_clamp(
                    !average ? greatest : (sum < 0 ? -((-sum + count / 2) / count) : (sum + count / 2) / count), low,
                    high);
            }
        }
    }
}

/* Means of `count` elements, `inner` apart. */
PORTABLE_INLINE void portable_mean(
    const int8_t *x, int8_t *y, int32_t outer, int32_t count, int32_t inner, int32_t x_zero, const portable_output *out)
{
    for (int32_t o = 0; o < outer; ++o) {
        for (int32_t i = 0; i < inner; ++i) {
            int32_t sum = -count * x_zero;

            for (int32_t k = 0; k < count; ++k) {
                sum += x[(o * count + k) * inner + i];
            }
            *y++ = portable_finish((uint32_t)sum, 0, out);
        }
    }
}

/* Sum of two tensors of one shape, rounding mode "tflite". */
typedef struct {
    int32_t zero[2], left_shift, mantissa[3], shift[3], zero_point, low, high;
} portable_sum;

PORTABLE_INLINE void portable_add(const int8_t *a, const int8_t *b, int8_t *y, int32_t elements, const portable_sum *p)
{
    for (int32_t i = 0; i < elements; ++i) {
        const uint32_t left = (uint32_t)(a[i] - p->zero[0]) << p->left_shift;
        const uint32_t right = (uint32_t)(b[i] - p->zero[1]) << p->left_shift;
        const uint32_t sum = (uint32_t)portable_rescale(left, p->mantissa[0], p->shift[0]) +
                             (uint32_t)portable_rescale(right, p->mantissa[1], p->shift[1]);

        y[i] = portable_clamp(portable_rescale(sum, p->mantissa[2], p->shift[2]) + p->zero_point, p->low, p->high);
    }
}

/* The same, rounding mode "single". */
PORTABLE_INLINE void portable_add_single(
    const int8_t *a, const int8_t *b, int8_t *y, int32_t elements, int32_t factor_a, int32_t factor_b, int32_t constant,
    int32_t shift, int32_t zero_point, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < elements; ++i) {
        const int32_t sum = factor_a * a[i] + factor_b * b[i] + constant;

        y[i] = portable_clamp((sum >> shift) + zero_point, low, high);
    }
}

/* What a table holds for each value. */
PORTABLE_INLINE void portable_look_up(const int8_t *x, int8_t *y, int32_t elements, const int8_t *table)
{
    for (int32_t i = 0; i < elements; ++i) {
        y[i] = table[x[i] + 128];
    }
}

PORTABLE_INLINE int32_t portable_saturate(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

/* Softmax of rows: shares in Q0.31 by their difference to the greatest, their sum in Q12.19, and its reciprocal by three
 * Newton-Raphson steps (gemmlowp).
 */
PORTABLE_INLINE void portable_softmax(const int8_t *x, int8_t *y, int32_t rows, int32_t length, const int32_t *shares)
{
    for (int32_t row = 0; row < rows; ++row, x += length, y += length) {
        int32_t greatest = x[0], sum = 0, bits = 32;

        for (int32_t i = 1; i < length; ++i) {
            greatest = x[i] > greatest ? x[i] : greatest;
        }
        for (int32_t i = 0; i < length; ++i) {
            sum += portable_shift(shares[greatest - x[i]], 12);
        }
        uint32_t normal = (uint32_t)sum;

        while (normal < UINT32_C(0x80000000)) {
            normal <<= 1;
            --bits;
        }
        const int32_t half = (int32_t)(normal >> 1);
        int32_t reciprocal = 1515870810 + portable_multiply(half, -1010580540); /* 48/17 - 32/17 * half, Q2.29 */

        for (int32_t step = 0; step < 3; ++step) {
            const int32_t error = (1 << 29) - portable_multiply(half, reciprocal);

            reciprocal += portable_saturate((int64_t)portable_multiply(reciprocal, error) * 4);
        }
        reciprocal = portable_saturate((int64_t)reciprocal * 2);
        for (int32_t i = 0; i < length; ++i) {
            const int32_t share = portable_multiply(reciprocal, shares[greatest - x[i]]);

            /* beyond 511 equals every share rounds to 0 */
            y[i] = portable_clamp((bits + 3 > 31 ? 0 : portable_shift(share, bits + 3)) - 128, INT8_MIN, INT8_MAX);
        }
    }
}

#endif
