/* kestrel_nearest.h: nearest resize of an image whose pixels are whole words. */
#ifndef KESTREL_NEAREST_H
#define KESTREL_NEAREST_H

#include <stdint.h>

/* Pixel (i, j) of to is pixel (down[i], across[j]) of from, which is width pixels of channels bytes wide. */
static inline void kestrel_nearest(
    const int8_t *from, int8_t *to, const uint16_t *down, const uint16_t *across, int32_t rows, int32_t columns,
    int32_t width, int32_t channels)
{
    for (int32_t i = 0; i < rows; ++i) {
        const int8_t *row = from + down[i] * width * channels;

        for (int32_t j = 0; j < columns; ++j) {
            const int8_t *pixel = row + across[j] * channels;

            for (int32_t at = 0; at < channels; at += 4) {
                __builtin_memcpy(to + at, pixel + at, 4);
            }
            to += channels;
        }
    }
}

#endif
