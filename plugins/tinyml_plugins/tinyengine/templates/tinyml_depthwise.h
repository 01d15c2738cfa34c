/* tinyml_depthwise.h: depthwise convolution with 5 x 5 or 7 x 7 taps, or 3 x 3 and a column stride of 2.
 *
 * Four channels at a time are widened to int16 and gathered into planes: a ring of as many rows as a window has, in slots.
 * Four columns of a channel lie together, then those of the next channel, then those of the next slot, then the next
 * four columns. Rows of taps are rotated instead of the ring. Once a row of four channels is in the ring, its place in the
 * image is free, so that the output may start at the input's address if windows do not reach further up than they are
 * high.
 */
#ifndef TINYML_DEPTHWISE_H
#define TINYML_DEPTHWISE_H

#include "tinyml_pairs.h"

typedef struct {
    const int8_t *weights;   /* channels by taps */
    const int32_t *channels; /* bias, mantissa and, with 3 fields, shift of each channel */
    int32_t fields;
    int32_t height; /* of the image */
    int32_t width;
    int32_t depth;  /* channels, at least 4 */
    int32_t top;    /* padding */
    int32_t column; /* of the plane at which the image starts */
    int32_t used;   /* columns of the image that windows reach */
    int32_t quads;  /* columns of the plane in fours */
    int32_t odd;    /* column stride 2: windows start at column 1 instead of 0 */
    int32_t stride; /* of rows */
    int32_t out_height;
    int32_t out_width;
    int32_t zero;       /* zero point of the input */
    int32_t zero_point; /* of the output */
    int32_t low;
    int32_t high;
} tinyml_depthwise;

/* What the inner loops read of a channel; its weights follow. */
typedef struct {
    uint32_t bias;
    int32_t shift; /* "tflite": to the right */
    int32_t mantissa;
    int32_t addend; /* zero point; "tflite": zero point * 2^shift + half */
    int32_t step;   /* bytes from an output pixel to the next */
    int32_t three_steps;
    uint32_t end;  /* address in the plane behind the last whole block of four pixels */
    int32_t rest;  /* pixels behind it */
    int32_t plane; /* from there to the next channel */
    int32_t output;
    int32_t more; /* channels of the group */
} tinyml_depthwise_channel;

#define TINYML_DEPTHWISE_FIELDS 11
#define TINYML_DEPTHWISE_WORDS(k, stride) ((stride) == 1 ? (k) - 1 : ((k) + 1) / 2) /* of weights in a row */
#define TINYML_DEPTHWISE_RECORD(k, stride) (TINYML_DEPTHWISE_FIELDS + (2 * (k) - 1) * TINYML_DEPTHWISE_WORDS(k, stride))

/* One column of four channels, and two. */
TINYML_INLINE const int8_t *tinyml_gather_column(int16_t *to, const int8_t *from, int32_t step)
{
    const uint32_t bytes = tinyml_load(from);

    to[0] = (int8_t)(bytes & 0xffu);
    to[4] = (int8_t)(bytes >> 8 & 0xffu);
    to[8] = (int8_t)(bytes >> 16 & 0xffu);
    to[12] = (int8_t)(bytes >> 24);
    return from + step;
}

TINYML_INLINE const int8_t *tinyml_gather_columns(int16_t *to, const int8_t *from, int32_t step)
{
    const uint32_t left = tinyml_load(from);
    const uint32_t right = tinyml_load(from + step);
    const uint32_t low = tinyml_low_halves(left, right);
    const uint32_t high = tinyml_high_halves(left, right);

    tinyml_store(to, tinyml_even_bytes(low));
    tinyml_store(to + 4, tinyml_odd_bytes(low));
    tinyml_store(to + 8, tinyml_even_bytes(high));
    tinyml_store(to + 12, tinyml_odd_bytes(high));
    return from + 2 * step;
}

/* count columns of a row of four channels, step bytes apart, into a slot from column onwards; quad int16 lie between
 * columns 0 and 4.
 */
TINYML_SHARED void tinyml_gather_row(int16_t *to, const int8_t *from, int32_t step, int32_t column, int32_t count,
                                     int32_t quad)
{
    to += (column >> 2) * quad;
    if ((column & 1) && count > 0) {
        from = tinyml_gather_column(to + (column & 3), from, step);
        --count;
        ++column;
        to += column & 3 ? 0 : quad;
    }
    if ((column & 2) && count > 1) {
        from = tinyml_gather_columns(to + 2, from, step);
        count -= 2;
        column += 2;
        to += quad;
    }
    if (count > 3) {
#if TINYML_DSP
        int32_t quads = count >> 2;
        uint32_t a, b, c, d, e, f;

        __asm__ volatile("1:\n"
                         "ldr %[a], [%[from]]\n"
                         "ldr %[b], [%[from], %[step]]\n"
                         "add %[from], %[from], %[step], lsl #1\n"
                         "ldr %[c], [%[from]]\n"
                         "ldr %[d], [%[from], %[step]]\n"
                         "add %[from], %[from], %[step], lsl #1\n"
                         "pkhbt %[e], %[a], %[b], lsl #16\n"
                         "pkhtb %[a], %[b], %[a], asr #16\n"
                         "pkhbt %[b], %[c], %[d], lsl #16\n"
                         "pkhtb %[c], %[d], %[c], asr #16\n"
                         "sxtb16 %[d], %[e]\n"
                         "sxtb16 %[f], %[b]\n"
                         "strd %[d], %[f], [%[to]]\n"
                         "sxtb16 %[e], %[e], ror #8\n"
                         "sxtb16 %[b], %[b], ror #8\n"
                         "strd %[e], %[b], [%[to], #8]\n"
                         "sxtb16 %[d], %[a]\n"
                         "sxtb16 %[f], %[c]\n"
                         "strd %[d], %[f], [%[to], #16]\n"
                         "sxtb16 %[a], %[a], ror #8\n"
                         "sxtb16 %[c], %[c], ror #8\n"
                         "strd %[a], %[c], [%[to], #24]\n"
                         "add %[to], %[to], %[quad]\n"
                         "subs %[quads], %[quads], #1\n"
                         "bne 1b\n"
                         : [to] "+&r"(to), [from] "+&r"(from), [quads] "+&r"(quads), [a] "=&r"(a), [b] "=&r"(b),
                           [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f)
                         : [step] "r"(step), [quad] "r"(2 * quad)
                         : "cc", "memory");
#else
        for (int32_t i = 0; i < count >> 2; ++i) {
            from = tinyml_gather_columns(to, from, step);
            from = tinyml_gather_columns(to + 2, from, step);
            to += quad;
        }
#endif
    }
    if (count & 2) {
        from = tinyml_gather_columns(to, from, step);
    }
    if (count & 1) {
        tinyml_gather_column(to + ((column | count) & 2), from, step);
    }
}

/* What the records of channels first to 3 of every group have in common. */
TINYML_INLINE void tinyml_depthwise_begin(uint32_t *record, const tinyml_depthwise *layer, const int16_t *planes, int32_t channels, int k,
                                          int stride)
{
    const int32_t blocks = layer->out_width >> 2;

    for (int32_t c = 0; c < channels; ++c) {
        tinyml_depthwise_channel *const q = (tinyml_depthwise_channel *)(void *)record;

        q->addend = layer->zero_point;
        q->step = layer->depth;
        q->three_steps = 3 * layer->depth;
        q->end = (uint32_t)(uintptr_t)(planes + 4 * c + blocks * 16 * k * stride);
        q->rest = layer->out_width & 3;
        q->plane = 8 - blocks * 32 * k * stride;
        q->output = 1 - blocks * 4 * layer->depth;
        q->more = channels - 1 - c;
        record += TINYML_DEPTHWISE_RECORD(k, stride);
    }
}

/* Pairs of weights shifted to the left, for which they have room. */
TINYML_SHARED void tinyml_depthwise_shift(uint32_t *words, int32_t count, int32_t shift)
{
    for (int32_t i = 0; i < count; ++i) {
        words[i] = (words[i] << shift & 0xffffu) | (words[i] >> 16 << 16 << shift);
    }
}

/* The weights and factors of a channel. */
TINYML_INLINE void tinyml_depthwise_prepare(uint32_t *record, const tinyml_depthwise *layer, int32_t channel, int k,
                                            int stride, int tflite, int ring)
{
    const int32_t *const values = layer->channels + channel * layer->fields;
    const int8_t *taps = layer->weights + channel * k * k;
    tinyml_depthwise_channel *const q = (tinyml_depthwise_channel *)(void *)record;
    uint32_t *const words = record + TINYML_DEPTHWISE_FIELDS;
    const int per_row = TINYML_DEPTHWISE_WORDS(k, stride);
    const int odd = stride == 2 ? (int)layer->odd : 0;

    q->bias = (uint32_t)values[0] << tflite;
    q->mantissa = values[1];
    if (tflite) {
        q->shift = -values[2];
        q->addend = layer->zero_point * (1 << q->shift) + (1 << q->shift >> 1);
    }
    for (int row = 0; row < k; ++row) {
        uint32_t *const to = words + row * per_row;
        int32_t left = odd ? 0 : *taps++ * (1 << tflite);

        for (int i = 0; i < per_row; ++i) {
            const int end = stride == 2 && !odd && i == per_row - 1;
            const int32_t right = end ? 0 : *taps++ * (1 << tflite);

            to[i] = tinyml_pack(left, right);
            if (ring && row < k - 1) {
                to[i + k * per_row] = to[i];
            }
            left = right;
            if (stride == 2 && i < per_row - 1) {
                left = *taps++ * (1 << tflite);
            }
        }
    }
    if (!tflite && layer->fields == 3 && values[2] != 0) {
        q->bias <<= values[2];
        tinyml_depthwise_shift(words, (2 * k - 1) * per_row, values[2]);
    }
}

#if !TINYML_DSP
TINYML_INLINE void tinyml_depthwise_pixels(int8_t *to, const tinyml_depthwise_channel *q, const uint32_t *weights,
                                           const int16_t *from, int32_t count, int k, int stride, int tflite)
{
    const int32_t start = stride == 1 ? k / 2 % 2 : 0;
    const int32_t per_row = TINYML_DEPTHWISE_WORDS(k, stride);

    for (int32_t x = start; x < start + count * stride; x += stride) {
        uint32_t sum = q->bias;

        for (int j = 0; j < k; ++j) {
            const uint32_t *const words = weights + j * per_row;

            for (int i = 0; i < k + (stride == 2); ++i) {
                const uint32_t word = stride == 2 ? words[i >> 1] : words[i < k - 1 ? i : i - 1];
                const int high = stride == 2 ? i & 1 : i == k - 1;
                const int32_t tap = (int16_t)(high ? word >> 16 : word & 0xffffu);

                sum += (uint32_t)(tap * from[((x + i) >> 2) * 16 * k + 16 * j + ((x + i) & 3)]);
            }
        }
        if (tflite) {
            const int32_t value = tinyml_multiply_high((int32_t)sum, q->mantissa, 0);

            *to = tinyml_clamp((value + (value >> 31) + q->addend) >> q->shift, -128, 127);
        } else {
            *to = tinyml_clamp(tinyml_multiply_high((int32_t)sum, q->mantissa, q->addend), -128, 127);
        }
        to += q->step;
    }
}
#endif

{% for k, stride in ((3, 2), (5, 1), (5, 2), (7, 1), (7, 2)) %}
{% for rounding in ("single", "tflite") %}
{% set name = "%d_%d_%s" % (k, stride, rounding) %}
{% set tflite = 1 if rounding == "tflite" else 0 %}
{% set per_row = k - 1 if stride == 1 else (k + 1) // 2 %}
{% set record = 11 + (2 * k - 1) * per_row %}
/* {{ k }} x {{ k }} taps, column stride {{ stride }}, rounding "{{ rounding }}": one row of all channels of a group. */
TINYML_SHARED void tinyml_depthwise_group_{{ name }}(int8_t *to, const uint32_t *q, const uint32_t *w,
                                             const int16_t *from, int32_t count)
{
#if TINYML_DSP
    uint32_t s0, s1, s2, s3, w0, w1, d0, d1, {{ "d2" if k == 5 else "end" }};

    (void)count;
    __asm__ volatile(
{% for instruction in depthwise_group(k, stride, rounding, 4 * record) %}
        "{{ instruction }}\n"
{% endfor %}
        : [to] "+&r"(to), [from] "+&r"(from), [q] "+&r"(q), [w] "+&r"(w), [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2),
          [s3] "=&r"(s3), [w0] "=&r"(w0), [w1] "=&r"(w1), [d0] "=&r"(d0), [d1] "=&r"(d1),
          {{ '[d2] "=&r"(d2)' if k == 5 else '[end] "=&r"(end)' }}
        :
        : "cc", "memory");
#else
    for (;;) {
        const tinyml_depthwise_channel *const channel = (const tinyml_depthwise_channel *)(const void *)q;

        tinyml_depthwise_pixels(to, channel, w, from, count, {{ k }}, {{ stride }}, {{ tflite }});
        if (channel->more == 0) {
            break;
        }
        q += {{ record }};
        w += {{ record }};
        from += 4;
        ++to;
    }
#endif
}

/* The whole output. */
TINYML_SHARED void tinyml_depthwise_{{ name }}(const tinyml_depthwise *layer, int8_t *output, const int8_t *input,
                                       uint32_t *scratch)
{
    int16_t *const planes = (int16_t *)(void *)(scratch + {{ 4 * record }});
    const uint32_t zeros = (uint32_t)(layer->zero & 0xff) * 0x01010101u;

    tinyml_fill_wide(planes, layer->zero, layer->quads * {{ 16 * k }});
    tinyml_depthwise_begin(scratch, layer, planes, 4, {{ k }}, {{ stride }});
    for (int32_t start = 0; start < layer->depth; start += 4) {
        const int32_t group = start + 4 > layer->depth ? layer->depth - 4 : start;
        const int32_t first = start - group;
        const uint32_t *const record = scratch + first * {{ record }};
        const int8_t *from = input + group - layer->top * layer->width * layer->depth;
        int8_t *to = output + start;
        int32_t gathered = 0; /* rows of the padded image */
        int32_t slot = 0;

        for (int32_t c = first; c < 4; ++c) {
            tinyml_depthwise_prepare(scratch + c * {{ record }}, layer, group + c, {{ k }}, {{ stride }}, {{ tflite }}, 1);
        }
        for (int32_t y = 0; y < layer->out_height; ++y) {
            const int32_t row = y * layer->stride;

            for (; gathered < row + {{ k }}; ++gathered) {
                const int32_t above = gathered - layer->top;

                if (gathered >= row) {
                    const int inside = above >= 0 && above < layer->height;

                    tinyml_gather_row(planes + 16 * slot, inside ? from : (const int8_t *)(const void *)&zeros,
                                      inside ? layer->depth : 0, layer->column, layer->used, {{ 16 * k }});
                }
                from += layer->width * layer->depth;
                slot = slot == {{ k - 1 }} ? 0 : slot + 1;
            }
            tinyml_depthwise_group_{{ name }}(to, record, record + TINYML_DEPTHWISE_FIELDS + (slot == 0 ? 0 : {{ k }} - slot) * {{ per_row }},
                                      planes + 4 * first, layer->out_width);
            to += layer->out_width * layer->depth;
        }
    }
    if (layer->low > -128 || layer->high < 127) {
        tinyml_limit(output, layer->out_height * layer->out_width * layer->depth, layer->low, layer->high);
    }
}

/* One row of the output; rows of padding are null. */
TINYML_SHARED void tinyml_depthwise_row_{{ name }}(const tinyml_depthwise *layer, int8_t *output,
                                           const int8_t *const *rows, uint32_t *scratch)
{
    int16_t *const planes = (int16_t *)(void *)(scratch + {{ record }});
    const uint32_t zeros = (uint32_t)(layer->zero & 0xff) * 0x01010101u;

    tinyml_fill_wide(planes, layer->zero, layer->quads * {{ 16 * k }});
    tinyml_depthwise_begin(scratch, layer, planes, 1, {{ k }}, {{ stride }});
    for (int32_t start = 0; start < layer->depth; start += 4) {
        const int32_t group = start + 4 > layer->depth ? layer->depth - 4 : start;

        for (int32_t slot = 0; slot < {{ k }}; ++slot) {
            const int8_t *const from = rows[slot];

            tinyml_gather_row(planes + 16 * slot, from ? from + group : (const int8_t *)(const void *)&zeros,
                              from ? layer->depth : 0, layer->column, layer->used, {{ 16 * k }});
        }
        for (int32_t c = start - group; c < 4; ++c) {
            tinyml_depthwise_prepare(scratch, layer, group + c, {{ k }}, {{ stride }}, {{ tflite }}, 0);
            ((tinyml_depthwise_channel *)(void *)scratch)->end = (uint32_t)(uintptr_t)(planes + 4 * c + (layer->out_width >> 2) * {{ 16 * k * stride }});
            tinyml_depthwise_group_{{ name }}(output + group + c, scratch, scratch + TINYML_DEPTHWISE_FIELDS, planes + 4 * c,
                                      layer->out_width);
        }
    }
    if (layer->low > -128 || layer->high < 127) {
        tinyml_limit(output, layer->out_width * layer->depth, layer->low, layer->high);
    }
}

{% endfor %}
{% endfor %}
#endif
