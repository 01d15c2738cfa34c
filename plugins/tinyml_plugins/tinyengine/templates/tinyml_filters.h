/* tinyml_filters.h: filters applied to columns, the inner loops of convolutions and dense layers.
 *
 * A column is the window of one output pixel, widened to int16. The columns of 4, 2 or 1 pixels (lanes) lie
 * interleaved: a word of two taps of each lane, then the next two taps. Filters lie in pairs: two biases, the taps, and
 * what requantises their sums. Two taps of both filters share a word, [a[i], b[i], a[j], b[j]], or have one each when
 * they are wide (int16). With an odd number of filters the first pair has one filter and a dummy, whose output the next
 * pair overwrites.
 *
 * tinyml_apply_<lanes>_<end> computes all filters for the lanes. The end "single" rounds once and "tflite" twice, both
 * clamp to int8; "sums" stores the accumulators, lanes of a filter side by side.
 */
#ifndef TINYML_FILTERS_H
#define TINYML_FILTERS_H

#include "tinyml_pairs.h"

typedef struct {
    const uint32_t *weights;
    int32_t channels;   /* of the output, more than 1 unless the end is "sums" */
    int32_t words;      /* of two taps of a column, even */
    int32_t zero_point; /* of the output; for the end "tflite" twice and 1 more */
    int32_t groups;     /* of four taps of a run of the window */
    int32_t back;       /* bytes by which one more group of a run reaches back into the last, 0: there is none */
    int32_t runs;       /* of a window: rows of its taps */
    int32_t depth;      /* bytes from one pixel of the input to the next */
} tinyml_filters;

#if TINYML_DSP
#include "tinyml_filters_dsp.h"

#else

enum { TINYML_END_SINGLE, TINYML_END_TFLITE, TINYML_END_SUMS };

TINYML_INLINE void tinyml_apply(const tinyml_filters *filters, const int16_t *columns, void *output, int32_t lanes,
                                int end, int wide)
{
    const uint32_t *weights = filters->weights;
    uint32_t *all_sums = (uint32_t *)output;
    int8_t *bytes = (int8_t *)output;

    for (int32_t c = 0; c < filters->channels;) {
        const int32_t count = end != TINYML_END_SUMS && c == 0 && filters->channels % 2 != 0 ? 1 : 2;
        uint32_t sums[8];

        for (int32_t i = 0; i < 2 * lanes; ++i) {
            sums[i] = weights[i / lanes];
        }
        weights += 2;
        for (int32_t i = 0; i < filters->words; ++i) {
            const uint32_t first = wide ? weights[0] : tinyml_even_bytes(weights[0]);
            const uint32_t second = wide ? weights[1] : tinyml_odd_bytes(weights[0]);

            for (int32_t lane = 0; lane < lanes; ++lane) {
                const uint32_t input = tinyml_load_aligned(columns + 2 * (i * lanes + lane));

                sums[lane] = tinyml_dual_multiply_add(first, input, sums[lane]);
                sums[lanes + lane] = tinyml_dual_multiply_add(second, input, sums[lanes + lane]);
            }
            weights += wide ? 2 : 1;
        }
        for (int32_t i = 0; i < 2 * lanes; ++i) {
            const int32_t sum = (int32_t)sums[i];
            const int32_t place = i % lanes * filters->channels + c + i / lanes;

            if (end == TINYML_END_SUMS) {
                *all_sums++ = sums[i];
            } else if (i / lanes < count && end == TINYML_END_SINGLE) {
                const int32_t mantissa = (int32_t)weights[i / lanes];

                bytes[place] = tinyml_clamp(tinyml_multiply_high(sum, mantissa, filters->zero_point), -128, 127);
            } else if (i / lanes < count) {
                const uint32_t shift = weights[2] >> (8 * (i / lanes)) & 0xffu;
                const int32_t addend = (int32_t)((uint32_t)filters->zero_point << shift) + (sum >> 31);
                const int32_t high = tinyml_multiply_high(sum * 2, (int32_t)weights[i / lanes], addend);

                bytes[place] = tinyml_clamp(high >> shift >> 1, -128, 127);
            }
        }
        weights += end == TINYML_END_SINGLE ? 2 : end == TINYML_END_TFLITE ? 3 : 0;
        c += count;
    }
}

#define TINYML_APPLY_TWIN(name, lanes, end, wide) \
    TINYML_INLINE void name(const tinyml_filters *filters, const int16_t *columns, void *output) \
    { \
        tinyml_apply(filters, columns, output, lanes, end, wide); \
    }
#define TINYML_APPLY_TWINS(suffix, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_4_single##suffix, 4, TINYML_END_SINGLE, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_2_single##suffix, 2, TINYML_END_SINGLE, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_1_single##suffix, 1, TINYML_END_SINGLE, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_4_tflite##suffix, 4, TINYML_END_TFLITE, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_2_tflite##suffix, 2, TINYML_END_TFLITE, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_1_tflite##suffix, 1, TINYML_END_TFLITE, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_4_sums##suffix, 4, TINYML_END_SUMS, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_2_sums##suffix, 2, TINYML_END_SUMS, wide) \
    TINYML_APPLY_TWIN(tinyml_apply_1_sums##suffix, 1, TINYML_END_SUMS, wide)

TINYML_APPLY_TWINS(, 0)
TINYML_APPLY_TWINS(_wide, 1)

#endif

#endif
