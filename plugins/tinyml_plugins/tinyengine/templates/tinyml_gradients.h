/* tinyml_gradients.h: gradients of training steps: sums of float32 products, each in one order.
 *
 * C99, freestanding. Every product and every sum is rounded by itself. Several sums go side by side, so that what is
 * loaded and converted for one serves the others and no addition waits for the one before. Where the last tile would
 * reach too far, it starts earlier and computes some sums a second time.
 */
#ifndef TINYML_GRADIENTS_H
#define TINYML_GRADIENTS_H

#include "tinyml_arithmetic.h"
#include "tinyml_float.h"

/* Rows and columns of a tile of sums. */
#define TINYML_TILE 4

/* sum + left * right. VMLA rounds the product before it adds, unlike VFMA. Networks for cores on which it is no slower than
 * VMUL and VADD define TINYML_VMLA: Clang takes it there by itself, GCC never does.
 */
TINYML_INLINE float tinyml_add_product(float sum, float left, float right)
{
#if defined(TINYML_VMLA) && defined(__GNUC__) && !defined(__clang__) && defined(__ARM_PCS_VFP)
    __asm__("vmla.f32 %0, %1, %2" : "+t"(sum) : "t"(left), "t"(right));
    return sum;
#else
    return sum + left * right;
#endif
}

/* Where a tile starts that covers start and fits into size. */
TINYML_INLINE int32_t tinyml_tile_start(int32_t start, int32_t tile, int32_t size)
{
    return start + tile <= size ? start : size - tile;
}

/* Input of a pointwise convolution: for each pixel and channel the sum over the filters. */

TINYML_INLINE void tinyml_input_tile(const float *gradient, const int8_t *weights, float *to, int32_t filters,
                                     int32_t channels, int32_t tile_pixels, int32_t tile_channels)
{
    float sums[TINYML_TILE][TINYML_TILE] = { {0.0f} };

    for (int32_t filter = 0; filter < filters; ++filter) {
        for (int32_t channel = 0; channel < tile_channels; ++channel) {
            const float weight = (float)weights[channel];

            for (int32_t pixel = 0; pixel < tile_pixels; ++pixel) {
                sums[pixel][channel] = tinyml_add_product(sums[pixel][channel], gradient[pixel * filters], weight);
            }
        }
        ++gradient;
        weights += channels;
    }
    for (int32_t pixel = 0; pixel < tile_pixels; ++pixel) {
        for (int32_t channel = 0; channel < tile_channels; ++channel) {
            to[pixel * channels + channel] = sums[pixel][channel];
        }
    }
}

TINYML_INLINE void tinyml_input_tiles(const float *gradient, const int8_t *weights, float *to, int32_t pixels,
                                      int32_t filters, int32_t channels, int32_t tile_pixels, int32_t tile_channels)
{
    for (int32_t p = 0; p < pixels; p += tile_pixels) {
        const int32_t pixel = tinyml_tile_start(p, tile_pixels, pixels);

        for (int32_t c = 0; c < channels; c += tile_channels) {
            const int32_t channel = tinyml_tile_start(c, tile_channels, channels);

            tinyml_input_tile(gradient + pixel * filters, weights + channel, to + pixel * channels + channel, filters,
                              channels, tile_pixels, tile_channels);
        }
    }
}

/* pixels and channels are no less than TINYML_TILE. */
TINYML_SHARED void tinyml_pointwise_input(const float *gradient, const int8_t *weights, float *to, int32_t pixels,
                                          int32_t filters, int32_t channels)
{
    tinyml_input_tiles(gradient, weights, to, pixels, filters, channels, TINYML_TILE, TINYML_TILE);
}

/* Any number of pixels and channels. */
TINYML_SHARED void tinyml_pointwise_input_small(const float *gradient, const int8_t *weights, float *to, int32_t pixels,
                                                int32_t filters, int32_t channels)
{
    if (channels >= TINYML_TILE) {
        tinyml_input_tiles(gradient, weights, to, pixels, filters, channels, 1, TINYML_TILE);
    } else {
        tinyml_input_tiles(gradient, weights, to, pixels, filters, channels, 1, 1);
    }
}

/* Input of any convolution: the taps along one axis that read a place of the padded input: tap, tap + tap_step, ... of the
 * windows window, window - window_step, ...
 */
typedef struct {
    int32_t tap;
    int32_t window;
    int32_t count;
} tinyml_taps;

TINYML_INLINE tinyml_taps tinyml_taps_at(int32_t place, int32_t kernel, int32_t stride, int32_t dilation, int32_t windows,
                                         int32_t tap_step, int32_t window_step)
{
    tinyml_taps taps = {0, 0, 0};

    for (int32_t tap = 0; tap < kernel && tap * dilation <= place; ++tap) {
        const int32_t start = place - tap * dilation;

        if (start % stride == 0 && start / stride < windows) {
            const int32_t left = (kernel - 1 - tap) / tap_step;
            const int32_t above = start / stride / window_step;

            taps.tap = tap;
            taps.window = start / stride;
            taps.count = 1 + (left < above ? left : above);
            break;
        }
    }
    return taps;
}

/* Input of a depthwise convolution: pixels along one axis that the same taps read. Pixels first, first + step, ...; the
 * first of them is read by tap, tap + tap_step, ... of the places window, window - window_step, ... of the plane.
 */
typedef struct {
    int32_t first;
    int32_t step;
    int32_t pixels;
    int32_t tap;
    int32_t tap_step;
    int32_t taps;
    int32_t window;
    int32_t window_step;
} tinyml_phase;

TINYML_INLINE void tinyml_depthwise_tile(const float *from, int32_t width, const float *filter, int32_t kernel_columns,
                                         tinyml_phase rows, tinyml_phase columns, float *to, int32_t to_step, int32_t more,
                                         int32_t tile)
{
    float sums[TINYML_TILE];

    for (int32_t pixel = 0; pixel < tile; ++pixel) {
        sums[pixel] = more ? to[pixel * to_step] : 0.0f;
    }
    for (int32_t row = 0; row < rows.taps; ++row) {
        const float *window = from - row * rows.window_step * width;
        const float *weight = filter + (rows.tap + row * rows.tap_step) * kernel_columns + columns.tap;

        for (int32_t column = 0; column < columns.taps; ++column) {
            for (int32_t pixel = 0; pixel < tile; ++pixel) {
                sums[pixel] += window[pixel] * *weight; /* VMLA would wait for the one before */
            }
            window -= columns.window_step;
            weight += columns.tap_step;
        }
    }
    for (int32_t pixel = 0; pixel < tile; ++pixel) {
        to[pixel * to_step] = sums[pixel];
    }
}

/* Sums over the taps of a filter, continued where there are more filters for a channel. The plane holds the gradient of one
 * channel of the output among zeros.
 */
TINYML_INLINE void tinyml_depthwise_input(const float *plane, int32_t width, const float *filter, int32_t kernel_columns,
                                          tinyml_phase rows, tinyml_phase columns, float *to, int32_t row_step,
                                          int32_t column_step, int32_t more)
{
    const int32_t tile = columns.pixels < TINYML_TILE ? 1 : TINYML_TILE;

    for (int32_t y = 0; y < rows.pixels; ++y) {
        const float *const from = plane + (rows.window + y) * width + columns.window;
        float *const row = to + (rows.first + y * rows.step) * row_step + columns.first * column_step;

        for (int32_t x = 0; x < columns.pixels; x += tile) {
            const int32_t start = more ? x : tinyml_tile_start(x, tile, columns.pixels);

            if (start + tile <= columns.pixels) {
                tinyml_depthwise_tile(from + start, width, filter, kernel_columns, rows, columns,
                                      row + start * columns.step * column_step, columns.step * column_step, more, tile);
            } else { /* a sum that goes on must not go on twice */
                for (int32_t rest = start; rest < columns.pixels; ++rest) {
                    tinyml_depthwise_tile(from + rest, width, filter, kernel_columns, rows, columns,
                                          row + rest * columns.step * column_step, columns.step * column_step, more, 1);
                }
            }
        }
    }
}

/* Weights: the windows along one axis whose tap at offset lies in the image. */
typedef struct {
    int32_t first;
    int32_t count;
} tinyml_span;

TINYML_INLINE tinyml_span tinyml_windows_inside(int32_t offset, int32_t stride, int32_t size, int32_t windows)
{
    tinyml_span span = {0, 0};
    const int32_t first = offset < 0 ? (stride - 1 - offset) / stride : 0;
    const int32_t last = offset < size ? (size - 1 - offset) / stride : -1;
    const int32_t end = last < windows ? last + 1 : windows;

    if (first < end) {
        span.first = first;
        span.count = end - first;
    }
    return span;
}

/* The pixels that a tap reads and those of the gradient that belong to them; steps in elements. */
typedef struct {
    int32_t rows;
    int32_t columns;
    int32_t row_step;
    int32_t column_step;
    int32_t gradient_row_step;
    int32_t gradient_column_step;
} tinyml_pixels;

TINYML_INLINE void tinyml_weight_tile(const int8_t *from, const float *gradient, float *to, tinyml_pixels pixels,
                                      int32_t zero_point, int32_t filter_step, int32_t tile_filters,
                                      int32_t tile_channels)
{
    float sums[TINYML_TILE][TINYML_TILE] = { {0.0f} };

    for (int32_t row = 0; row < pixels.rows; ++row) {
        const int8_t *source = from + row * pixels.row_step;
        const float *factors = gradient + row * pixels.gradient_row_step;

        for (int32_t column = 0; column < pixels.columns; ++column) {
            for (int32_t channel = 0; channel < tile_channels; ++channel) {
                const float value = (float)(source[channel] - zero_point);

                for (int32_t filter = 0; filter < tile_filters; ++filter) {
                    sums[filter][channel] = tinyml_add_product(sums[filter][channel], value, factors[filter]);
                }
            }
            source += pixels.column_step;
            factors += pixels.gradient_column_step;
        }
    }
    for (int32_t filter = 0; filter < tile_filters; ++filter) {
        for (int32_t channel = 0; channel < tile_channels; ++channel) {
            to[filter * filter_step + channel] = sums[filter][channel];
        }
    }
}

TINYML_INLINE void tinyml_weight_tiles(const int8_t *from, const float *gradient, float *to, tinyml_pixels pixels,
                                       int32_t zero_point, int32_t filters, int32_t channels, int32_t filter_step,
                                       int32_t tile_filters, int32_t tile_channels)
{
    for (int32_t f = 0; f < filters; f += tile_filters) {
        const int32_t filter = tinyml_tile_start(f, tile_filters, filters);

        for (int32_t c = 0; c < channels; c += tile_channels) {
            const int32_t channel = tinyml_tile_start(c, tile_channels, channels);

            tinyml_weight_tile(from + channel, gradient + filter, to + filter * filter_step + channel, pixels, zero_point,
                               filter_step, tile_filters, tile_channels);
        }
    }
}

/* One tap of all filters of a convolution; filters and channels are no less than TINYML_TILE. */
TINYML_SHARED void tinyml_weight_gradient(const int8_t *from, const float *gradient, float *to,
                                          const tinyml_pixels *pixels, int32_t zero_point, int32_t filters,
                                          int32_t channels, int32_t filter_step)
{
    tinyml_weight_tiles(from, gradient, to, *pixels, zero_point, filters, channels, filter_step, TINYML_TILE, TINYML_TILE);
}

/* The same for any number of filters and channels. */
TINYML_SHARED void tinyml_weight_gradient_small(const int8_t *from, const float *gradient, float *to,
                                                const tinyml_pixels *pixels, int32_t zero_point, int32_t filters,
                                                int32_t channels, int32_t filter_step)
{
    if (filters >= TINYML_TILE) {
        tinyml_weight_tiles(from, gradient, to, *pixels, zero_point, filters, channels, filter_step, TINYML_TILE, 1);
    } else {
        tinyml_weight_tiles(from, gradient, to, *pixels, zero_point, filters, channels, filter_step, 1, 1);
    }
}

TINYML_INLINE void tinyml_depthwise_weight_tile(const int8_t *from, const float *gradient, float *to, tinyml_pixels pixels,
                                                int32_t zero_point, int32_t tile)
{
    float sums[TINYML_TILE] = {0.0f};

    for (int32_t row = 0; row < pixels.rows; ++row) {
        const int8_t *source = from + row * pixels.row_step;
        const float *factors = gradient + row * pixels.gradient_row_step;

        for (int32_t column = 0; column < pixels.columns; ++column) {
            for (int32_t channel = 0; channel < tile; ++channel) {
                const float value = (float)(source[channel] - zero_point);

                sums[channel] = tinyml_add_product(sums[channel], value, factors[channel]);
            }
            source += pixels.column_step;
            factors += pixels.gradient_column_step;
        }
    }
    for (int32_t channel = 0; channel < tile; ++channel) {
        to[channel] = sums[channel];
    }
}

/* One tap of all filters of a depthwise convolution, multiplier of them for each channel. */
TINYML_SHARED void tinyml_depthwise_weight_gradient(const int8_t *from, const float *gradient, float *to,
                                                    const tinyml_pixels *pixels, int32_t zero_point, int32_t filters,
                                                    int32_t multiplier)
{
    if (multiplier == 1 && filters >= TINYML_TILE) {
        for (int32_t f = 0; f < filters; f += TINYML_TILE) {
            const int32_t filter = tinyml_tile_start(f, TINYML_TILE, filters);

            tinyml_depthwise_weight_tile(from + filter, gradient + filter, to + filter, *pixels, zero_point, TINYML_TILE);
        }
    } else {
        for (int32_t filter = 0; filter < filters; ++filter) {
            tinyml_depthwise_weight_tile(from + filter / multiplier, gradient + filter, to + filter, *pixels, zero_point, 1);
        }
    }
}

/* Masks: one bit for each element, the first one lowest. */

/* Whether base <= value < base + count, for count >= 0. */
TINYML_INLINE uint32_t tinyml_passes(int32_t value, int32_t base, int32_t count)
{
    return (uint32_t)(value - base) < (uint32_t)count ? 1u : 0u;
}

/* value * factor, or 0 where the mask's bit is not set. */
TINYML_INLINE float tinyml_masked_product(uint32_t mask, int32_t bit, float value, float factor)
{
    const float product = value * factor;

    return (mask >> bit & 1u) != 0 ? product : 0.0f;
}

#endif
