/* tinyml_depthwise_3x3.h: depthwise convolution with 3 x 3 taps and a column stride of 1.
 *
 * Four channels at a time are widened to int16 and gathered into a plane of pairs: a word holds two rows of a column,
 * the upper one in its low half. Two columns of a channel lie together in slot 0, then those of slot 1, then those of
 * the next channel, then the next two columns. The whole output is computed two rows at a time: one slot has the upper
 * two of the four rows of the image they need, and the next two rows overwrite it. A single row needs three rows; the
 * third lies in slot 1 with two columns to a word, and channels are three words apart. The output may start at the input's address if there is no more
 * padding above than two rows.
 */
#ifndef TINYML_DEPTHWISE_3X3_H
#define TINYML_DEPTHWISE_3X3_H

#include "tinyml_pairs.h"

/* Of a channel: shift, taps (0, 1, 1, 2) of each column as bytes, bias, mantissa; with "single" the shift is to the left,
 * with "tflite" to the right, and the bias doubled.
 */
#define TINYML_DEPTHWISE_3X3_RECORD 6

typedef struct {
    const uint32_t *records;
    int32_t height; /* of the image */
    int32_t width;
    int32_t depth;   /* channels, at least 4 */
    int32_t top;     /* padding */
    int32_t column;  /* of the plane at which the image starts */
    int32_t used;    /* columns of the image that windows reach */
    int32_t columns; /* of the plane, in twos */
    int32_t out_height;
    int32_t out_width;
    int32_t zero;       /* zero point of the input */
    int32_t zero_point; /* of the output */
    int32_t low;
    int32_t high;
} tinyml_depthwise_3x3;

/* What the channels of a row or of two rows have in common. */
typedef struct {
    int32_t step;  /* bytes from an output pixel to the next */
    int32_t below; /* to the second row; 0: there is none */
    int32_t span;  /* bytes of the plane from the first whole block of pixels to the last; negative: there is none */
    int32_t rest;  /* pixels behind it */
    int32_t back_output; /* from there to the start of the next channel */
    int32_t back_plane;
    int32_t channels;
    int32_t zero_point;
} tinyml_depthwise_lines;

/* A row of four channels: the address of a column, and bytes to the next. */
typedef struct {
    const int8_t *from;
    int32_t step;
} tinyml_depthwise_line;

/* A column of two rows. */
TINYML_INLINE void tinyml_gather_below(int16_t *to, const int8_t *upper, const int8_t *lower, int channel)
{
    const uint32_t first = tinyml_load(upper);
    const uint32_t second = tinyml_load(lower);
    const uint32_t low = tinyml_low_halves(first, second);
    const uint32_t high = tinyml_high_halves(first, second);

    tinyml_store(to, tinyml_even_bytes(low));
    tinyml_store(to + channel, tinyml_odd_bytes(low));
    tinyml_store(to + 2 * channel, tinyml_even_bytes(high));
    tinyml_store(to + 3 * channel, tinyml_odd_bytes(high));
}

{% for name, channel in (("two_rows", 8), ("upper_rows", 6)) %}
/* count columns of two rows into a slot, from column onwards. */
TINYML_SHARED void tinyml_gather_{{ name }}(int16_t *to, const tinyml_depthwise_line *lines, int32_t column,
                                          int32_t count)
{
    const int32_t step = lines[0].step;
    const int32_t lower_step = lines[1].step;
    const int8_t *upper = lines[0].from;
    const int8_t *lower = lines[1].from;

    to += (column >> 1) * {{ 4 * channel }};
    if ((column & 1) && count > 0) {
        tinyml_gather_below(to + 2, upper, lower, {{ channel }});
        upper += step;
        lower += lower_step;
        to += {{ 4 * channel }};
        --count;
    }
    if (count > 1) {
#if TINYML_DSP
        int32_t pairs = count >> 1;
        uint32_t a, b, c, d, e, f;

        __asm__ volatile("1:\n"
                         "ldr %[a], [%[upper]]\n"
                         "ldr %[b], [%[upper], %[step]]\n"
                         "add %[upper], %[upper], %[step], lsl #1\n"
                         "ldr %[c], [%[lower]]\n"
                         "ldr %[d], [%[lower], %[lower_step]]\n"
                         "add %[lower], %[lower], %[lower_step], lsl #1\n"
                         "pkhbt %[e], %[a], %[c], lsl #16\n"
                         "pkhtb %[a], %[c], %[a], asr #16\n"
                         "pkhbt %[f], %[b], %[d], lsl #16\n"
                         "pkhtb %[b], %[d], %[b], asr #16\n"
                         "sxtb16 %[c], %[e]\n"
                         "sxtb16 %[d], %[f]\n"
                         "strd %[c], %[d], [%[to]], #{{ 2 * channel }}\n"
                         "sxtb16 %[e], %[e], ror #8\n"
                         "sxtb16 %[f], %[f], ror #8\n"
                         "strd %[e], %[f], [%[to]], #{{ 2 * channel }}\n"
                         "sxtb16 %[c], %[a]\n"
                         "sxtb16 %[d], %[b]\n"
                         "strd %[c], %[d], [%[to]], #{{ 2 * channel }}\n"
                         "sxtb16 %[a], %[a], ror #8\n"
                         "sxtb16 %[b], %[b], ror #8\n"
                         "strd %[a], %[b], [%[to]], #{{ 2 * channel }}\n"
                         "subs %[pairs], %[pairs], #1\n"
                         "bne 1b\n"
                         : [to] "+&r"(to), [upper] "+&r"(upper), [lower] "+&r"(lower), [pairs] "+&r"(pairs),
                           [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f)
                         : [step] "r"(step), [lower_step] "r"(lower_step)
                         : "cc", "memory");
#else
        for (int32_t i = 0; i < count >> 1; ++i) {
            tinyml_gather_below(to, upper, lower, {{ channel }});
            tinyml_gather_below(to + 2, upper + step, lower + lower_step, {{ channel }});
            upper += 2 * step;
            lower += 2 * lower_step;
            to += {{ 4 * channel }};
        }
#endif
    }
    if (count & 1) {
        tinyml_gather_below(to, upper, lower, {{ channel }});
    }
}

{% endfor %}
/* count columns of a row into slot 1, two to a word, from column onwards. */
TINYML_SHARED void tinyml_gather_third_row(int16_t *to, const tinyml_depthwise_line *line, int32_t column,
                                           int32_t count)
{
    const int32_t step = line->step;
    const int8_t *from = line->from;

    to += (column >> 1) * 24 + (column & 1);
    while (count > 0) {
        if ((column & 1) || count == 1) {
            const uint32_t bytes = tinyml_load(from);

            to[0] = (int8_t)(bytes & 0xffu);
            to[6] = (int8_t)(bytes >> 8 & 0xffu);
            to[12] = (int8_t)(bytes >> 16 & 0xffu);
            to[18] = (int8_t)(bytes >> 24);
            from += step;
            to += column & 1 ? 23 : 0;
            column = 0;
            --count;
        } else {
            int32_t pairs = count >> 1;
#if TINYML_DSP
            uint32_t a, b, c, d;

            __asm__ volatile("1:\n"
                             "ldr %[a], [%[from]]\n"
                             "ldr %[b], [%[from], %[step]]\n"
                             "add %[from], %[from], %[step], lsl #1\n"
                             "pkhbt %[c], %[a], %[b], lsl #16\n"
                             "pkhtb %[a], %[b], %[a], asr #16\n"
                             "sxtb16 %[d], %[c]\n"
                             "str %[d], [%[to]], #12\n"
                             "sxtb16 %[c], %[c], ror #8\n"
                             "str %[c], [%[to]], #12\n"
                             "sxtb16 %[d], %[a]\n"
                             "str %[d], [%[to]], #12\n"
                             "sxtb16 %[a], %[a], ror #8\n"
                             "str %[a], [%[to]], #12\n"
                             "subs %[pairs], %[pairs], #1\n"
                             "bne 1b\n"
                             : [to] "+&r"(to), [from] "+&r"(from), [pairs] "+&r"(pairs), [a] "=&r"(a), [b] "=&r"(b),
                               [c] "=&r"(c), [d] "=&r"(d)
                             : [step] "r"(step)
                             : "cc", "memory");
#else
            for (; pairs > 0; --pairs) {
                tinyml_gather_below(to, from, from + step, 6);
                from += 2 * step;
                to += 24;
            }
#endif
            count &= 1;
        }
    }
}

#if !TINYML_DSP
/* The sum of a pixel of a channel: rows of the image from slot onwards, or in slots 0 and 1 with a single row. */
TINYML_INLINE uint32_t tinyml_depthwise_3x3_sum(const int16_t *from, const uint32_t *record, int32_t x, int32_t row,
                                                int32_t slot, int single, int32_t shift)
{
    uint32_t sum = record[4];

    for (int32_t column = 0; column < 3; ++column) {
        const uint32_t bytes = record[1 + column];
        const int16_t *const pair = from + ((x + column) >> 1) * (single ? 24 : 32);
        const int32_t odd = (x + column) & 1;

        for (int32_t tap = 0; tap < 3; ++tap) {
            const int32_t y = row + tap;
            const int32_t place = single && y == 2 ? 4 + odd : ((y >> 1) ^ slot) * 4 + 2 * odd + (y & 1);
            const int32_t weight = (int8_t)(bytes >> (tap == 0 ? 0 : 8 * tap + 8) & 0xffu);

            sum += (uint32_t)(weight * (1 << shift) * pair[place]);
        }
    }
    return sum;
}

TINYML_INLINE void tinyml_depthwise_3x3_pixels(int8_t *to, const int16_t *from, const uint32_t *record,
                                               const tinyml_depthwise_lines *lines, int32_t pixels, int32_t slot,
                                               int single, int tflite)
{
    const int32_t rows = lines->below == 0 ? 1 : 2;

    for (int32_t channel = 0; channel < lines->channels; ++channel) {
        const int32_t mantissa = (int32_t)record[5];
        const int32_t shift = (int32_t)record[0];

        for (int32_t i = 0; i < rows * pixels; ++i) {
            const int32_t x = i % pixels;
            const int32_t row = i / pixels;
            int8_t *const at = to + channel + x * lines->step + row * lines->below;
            const uint32_t sum = tinyml_depthwise_3x3_sum(from, record, x, row, slot, single, tflite ? 1 : shift);

            if (tflite) {
                const int32_t value = tinyml_multiply_high((int32_t)sum, mantissa, 0);
                const int32_t addend = lines->zero_point * (1 << shift) + (1 << shift >> 1);

                *at = tinyml_clamp((value + (value >> 31) + addend) >> shift, -128, 127);
            } else {
                *at = tinyml_clamp(tinyml_multiply_high((int32_t)sum, mantissa, lines->zero_point), -128, 127);
            }
        }
        from += single ? 6 : 8;
        record += TINYML_DEPTHWISE_3X3_RECORD;
    }
}
#endif

/* A row of the padded image, counted from the first one; rows of padding are zeros. */
TINYML_INLINE tinyml_depthwise_line tinyml_depthwise_line_of(const tinyml_depthwise_3x3 *layer, const int8_t *input,
                                                             int32_t row, const uint32_t *zeros)
{
    const int32_t y = row - layer->top;
    tinyml_depthwise_line line = {(const int8_t *)(const void *)zeros, 0};

    if (y >= 0 && y < layer->height) {
        line.from = input + y * layer->width * layer->depth;
        line.step = layer->depth;
    }
    return line;
}

/* Zeros beside the image, and lines of blocks of 2 or 4 pixels. */
TINYML_SHARED void tinyml_depthwise_3x3_begin(int16_t *plane, tinyml_depthwise_lines *lines,
                                              const tinyml_depthwise_3x3 *layer, int32_t block)
{
    const int32_t twos = layer->out_width >> 1;
    const int32_t bytes = block == 2 ? 64 : 48; /* of two columns */
    const uint32_t pair = tinyml_pack(layer->zero, layer->zero);
    const int32_t first = (layer->column + 1) >> 1;
    const int32_t last = (layer->column + layer->used) >> 1;

    for (int32_t i = 0; i < layer->columns; ++i) {
        if (i == first && last > first) {
            i = last;
        }
        for (int32_t j = 0; i < layer->columns && j < bytes >> 1; j += 2) {
            tinyml_store(plane + (bytes >> 1) * i + j, pair);
        }
    }
    lines->step = layer->depth;
    lines->span = (layer->out_width / block - 1) * (block >> 1) * bytes;
    lines->rest = layer->out_width % block;
    lines->back_output = 1 - 2 * twos * layer->depth;
    lines->back_plane = bytes / 4 - bytes * twos;
    lines->zero_point = layer->zero_point;
}

{% for rounding in ("single", "tflite") %}
{% for name, instructions in (
    ("two_rows_0", depthwise_two_rows(1, rounding)),
    ("two_rows_1", depthwise_two_rows(0, rounding)),
    ("one_row", depthwise_one_row(rounding)),
) %}
#if TINYML_DSP
static TINYML_ASSEMBLY void tinyml_depthwise_{{ name }}_{{ rounding }}(TINYML_UNUSED int8_t *to, TINYML_UNUSED const int16_t *from,
                                                    TINYML_UNUSED const uint32_t *records,
                                                    TINYML_UNUSED const tinyml_depthwise_lines *lines)
{
{% for part in instructions | batch(80) %}
    __asm__(
{% for instruction in part %}
        "{{ instruction }}\n"
{% endfor %}
    );
{% endfor %}
}
#else
TINYML_SHARED void tinyml_depthwise_{{ name }}_{{ rounding }}(int8_t *to, const int16_t *from, const uint32_t *records,
                                           const tinyml_depthwise_lines *lines)
{
    const int32_t pixels = lines->span / {{ "24 + 4" if name == "one_row" else "32 + 2" }} + lines->rest;

    tinyml_depthwise_3x3_pixels(to, from, records, lines, pixels, {{ 1 if name == "two_rows_1" else 0 }}, {{ 1 if name == "one_row" else 0 }}, {{ 1 if rounding == "tflite" else 0 }});
}
#endif

{% endfor %}
/* The whole output. */
TINYML_SHARED void tinyml_depthwise_3x3_{{ rounding }}(const tinyml_depthwise_3x3 *layer, int8_t *output, const int8_t *input,
                                        uint32_t *scratch)
{
    int16_t *const plane = (int16_t *)(void *)scratch;
    const int32_t row = layer->out_width * layer->depth;
    const uint32_t zeros = (uint32_t)(layer->zero & 0xff) * 0x01010101u;
    tinyml_depthwise_lines lines;

    tinyml_depthwise_3x3_begin(plane, &lines, layer, 2);
    for (int32_t start = 0; start < layer->depth; start += 4) {
        const int32_t group = start + 4 > layer->depth ? layer->depth - 4 : start;
        const int16_t *const from = plane + 8 * (start - group);
        const uint32_t *const records = layer->records + start * TINYML_DEPTHWISE_3X3_RECORD;
        int8_t *to = output + start;

        lines.channels = group + 4 - start;
        for (int32_t y = -2; y < layer->out_height; y += 2) {
            const tinyml_depthwise_line pair[2] = {
                tinyml_depthwise_line_of(layer, input + group, y + 2, &zeros),
                tinyml_depthwise_line_of(layer, input + group, y + 3, &zeros),
            };

            tinyml_gather_two_rows(plane + (y & 2 ? 0 : 4), pair, layer->column, layer->used);
            if (y < 0) {
                continue;
            }
            lines.below = y + 1 < layer->out_height ? row : 0;
            if (y & 2) {
                tinyml_depthwise_two_rows_1_{{ rounding }}(to, from, records, &lines);
            } else {
                tinyml_depthwise_two_rows_0_{{ rounding }}(to, from, records, &lines);
            }
            to += 2 * row;
        }
    }
    if (layer->low > -128 || layer->high < 127) {
        tinyml_limit(output, layer->out_height * row, layer->low, layer->high);
    }
}

/* One row of the output; rows of padding are null. */
TINYML_SHARED void tinyml_depthwise_3x3_row_{{ rounding }}(const tinyml_depthwise_3x3 *layer, int8_t *output,
                                            const int8_t *const *rows, uint32_t *scratch)
{
    int16_t *const plane = (int16_t *)(void *)scratch;
    const uint32_t zeros = (uint32_t)(layer->zero & 0xff) * 0x01010101u;
    tinyml_depthwise_line image[3];
    tinyml_depthwise_lines lines;

    tinyml_depthwise_3x3_begin(plane, &lines, layer, 4);
    lines.below = 0;
    for (int32_t i = 0; i < 3; ++i) {
        image[i].from = rows[i] ? rows[i] : (const int8_t *)(const void *)&zeros;
        image[i].step = rows[i] ? layer->depth : 0;
    }
    for (int32_t start = 0; start < layer->depth; start += 4) {
        const int32_t group = start + 4 > layer->depth ? layer->depth - 4 : start;

        if (group < start) {
            for (int32_t i = 0; i < 3; ++i) {
                image[i].from -= rows[i] ? start - group : 0;
            }
        }
        tinyml_gather_upper_rows(plane, image, layer->column, layer->used);
        tinyml_gather_third_row(plane + 4, image + 2, layer->column, layer->used);
        lines.channels = group + 4 - start;
        tinyml_depthwise_one_row_{{ rounding }}(output + start, plane + 6 * (start - group),
                                         layer->records + start * TINYML_DEPTHWISE_3X3_RECORD, &lines);
        for (int32_t i = 0; i < 3; ++i) {
            image[i].from += rows[i] ? 4 : 0;
        }
    }
    if (layer->low > -128 || layer->high < 127) {
        tinyml_limit(output, layer->out_width * layer->depth, layer->low, layer->high);
    }
}

{% endfor %}
#endif
