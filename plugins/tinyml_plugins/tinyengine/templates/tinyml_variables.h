/* tinyml_variables.h: the tables of layers whose biases or weights lie in the arena, made anew for every run.
 *
 * Tables in flash have zeros where something is variable: they are copied to the arena, and what belongs there is
 * added. Filters in pairs stay in flash where only the biases vary; these are then added to the sums. Variable filters
 * are packed into pairs, all of them or a part at a time.
 */
#ifndef TINYML_VARIABLES_H
#define TINYML_VARIABLES_H

#include "tinyml_columns.h"
#include "tinyml_depthwise_3x3.h"

/* Biases are limited, which leaves accumulators room for doubling; none: 0. */
TINYML_INLINE uint32_t tinyml_variable_bias(const int32_t *biases, int32_t channel)
{
    const int32_t limit = INT32_C(1) << 29;
    const int32_t bias = biases == 0 ? 0 : biases[channel];

    return (uint32_t)(bias > limit ? limit : bias < -limit ? -limit : bias);
}

TINYML_SHARED void tinyml_variable_biases(int32_t *to, const int32_t *biases, int32_t channels)
{
    for (int32_t c = 0; c < channels; ++c) {
        to[c] = (int32_t)tinyml_variable_bias(biases, c);
    }
}

/* Records of channels, words long, that start with the bias. */
TINYML_SHARED void tinyml_variable_records(uint32_t *to, const uint32_t *records, int32_t words, int32_t channels,
                                           const int32_t *biases)
{
    for (int32_t c = 0; c < channels; ++c) {
        to[0] = records[0] + tinyml_variable_bias(biases, c);
        for (int32_t i = 1; i < words; ++i) {
            to[i] = records[i];
        }
        to += words;
        records += words;
    }
}

/* Depthwise filters one behind the other, whose channels lie side by side; their share of the zero point goes into the
 * biases of records.
 */
TINYML_SHARED void tinyml_variable_filters(int8_t *to, const int8_t *weights, int32_t taps, int32_t channels,
                                           uint32_t *records, int32_t words, int32_t zero)
{
    for (int32_t c = 0; c < channels; ++c) {
        int32_t sum = 0;

        for (int32_t tap = 0; tap < taps; ++tap) {
            const int8_t weight = weights[tap * channels + c];

            *to++ = weight;
            sum += weight;
        }
        records[c * words] -= (uint32_t)(zero * sum);
    }
}

/* Records of tinyml_depthwise_3x3.h; without weights those of the records in flash stay. */
TINYML_SHARED void tinyml_variable_3x3(uint32_t *to, const uint32_t *records, int32_t channels, const int32_t *biases,
                                       const int8_t *weights, int32_t zero, int32_t tflite)
{
    for (int32_t c = 0; c < channels; ++c) {
        int32_t sum = 0;

        for (int32_t i = 0; i < TINYML_DEPTHWISE_3X3_RECORD; ++i) {
            to[i] = records[i];
        }
        for (int32_t column = 0; weights != 0 && column < 3; ++column) {
            const int8_t *const taps = weights + column * channels + c;
            const int32_t upper = taps[0];
            const int32_t middle = taps[3 * channels];
            const int32_t lower = taps[6 * channels];

            sum += upper + middle + lower;
            to[1 + column] = ((uint32_t)upper & 0xffu) | ((uint32_t)middle & 0xffu) * 0x010100u | (uint32_t)lower << 24;
        }
        to[4] += (tinyml_variable_bias(biases, c) - (uint32_t)(zero * sum)) << (tflite ? 1 : (int32_t)to[0]);
        to += TINYML_DEPTHWISE_3X3_RECORD;
        records += TINYML_DEPTHWISE_3X3_RECORD;
    }
}

/* How filters become pairs as tinyml_filters.h has them. */
typedef struct {
    const int8_t *weights;  /* channels by taps */
    const int32_t *biases;  /* or none */
    const uint32_t *around; /* of each pair: two biases, then the words behind the taps */
    const int16_t *order;   /* tap by place in a column, -1: a zero */
    int32_t channels;
    int32_t taps;
    int32_t words;  /* of two taps of a column */
    int32_t groups; /* of four taps that follow each other, in the order 0, 2, 1, 3, in each run */
    int32_t rest;   /* words behind them in each run */
    int32_t runs;
    int32_t behind;
    int32_t zero;
    int32_t odd; /* with an odd number of channels the first pair has a dummy, instead of the last */
} tinyml_variable_pairs;

/* Of a pair of filters: words from first to last, with any taps. */
TINYML_SHARED void tinyml_pack_taps(uint32_t *to, int32_t *sums, const int8_t *a, const int8_t *b, const int16_t *order,
                                    int32_t first, int32_t last)
{
    for (int32_t i = first; i < last; ++i) {
        const int32_t left = order[2 * i];
        const int32_t right = order[2 * i + 1];
        const int32_t left_a = left < 0 ? 0 : a[left];
        const int32_t left_b = left < 0 ? 0 : b[left];
        const int32_t right_a = right < 0 ? 0 : a[right];
        const int32_t right_b = right < 0 ? 0 : b[right];

        sums[0] += left_a + right_a;
        sums[1] += left_b + right_b;
        to[i] = ((uint32_t)left_a & 0xffu) | ((uint32_t)left_b & 0xffu) << 8 | ((uint32_t)right_a & 0xffu) << 16 |
                (uint32_t)right_b << 24;
    }
}

/* The same for groups of four taps; the sum of each filter. */
TINYML_INLINE uint32_t tinyml_sum_bytes(uint32_t bytes, uint32_t sum)
{
    const uint32_t ones = UINT32_C(0x00010001);

    return tinyml_dual_multiply_add(tinyml_odd_bytes(bytes), ones,
                                    tinyml_dual_multiply_add(tinyml_even_bytes(bytes), ones, sum));
}

TINYML_INLINE void tinyml_pack_groups(uint32_t *to, int32_t *sums, const int8_t *a, const int8_t *b, int32_t groups)
{
    const uint32_t mask = UINT32_C(0x00ff00ff);
    uint32_t sum_a = (uint32_t)sums[0];
    uint32_t sum_b = (uint32_t)sums[1];

    for (int32_t i = 0; i < groups; ++i) {
        const uint32_t word_a = tinyml_load(a + 4 * i);
        const uint32_t word_b = tinyml_load(b + 4 * i);

        to[2 * i] = (word_a & mask) | (word_b & mask) << 8;
        to[2 * i + 1] = (word_a >> 8 & mask) | (word_b & ~mask);
        sum_a = tinyml_sum_bytes(word_a, sum_a);
        sum_b = tinyml_sum_bytes(word_b, sum_b);
    }
    sums[0] = (int32_t)sum_a;
    sums[1] = (int32_t)sum_b;
}

TINYML_SHARED void tinyml_pack_pairs(uint32_t *to, const tinyml_variable_pairs *pairs)
{
    const uint32_t *around = pairs->around;
    int32_t count = pairs->odd ? 1 : 2;

    for (int32_t c = 0; c < pairs->channels; c += count, count = 2) {
        const int32_t second = count == 1 || c + 1 == pairs->channels ? c : c + 1; /* a dummy may be anything */
        const int8_t *const a = pairs->weights + c * pairs->taps;
        const int8_t *const b = pairs->weights + second * pairs->taps;
        uint32_t *const taps = to + 2;
        int32_t sums[2] = {0, 0};
        int32_t place = 0;

        for (int32_t run = 0; run < pairs->runs; ++run) {
            const int32_t start = run * (pairs->taps / pairs->runs);

            tinyml_pack_groups(taps + place, sums, a + start, b + start, pairs->groups);
            place += 2 * pairs->groups;
            tinyml_pack_taps(taps, sums, a, b, pairs->order, place, place + pairs->rest);
            place += pairs->rest;
        }
        tinyml_pack_taps(taps, sums, a, b, pairs->order, place, pairs->words);
        to[0] = around[0] + tinyml_variable_bias(pairs->biases, c) - (uint32_t)(pairs->zero * sums[0]);
        to[1] = around[1] + tinyml_variable_bias(pairs->biases, second) - (uint32_t)(pairs->zero * sums[1]);
        to = taps + pairs->words;
        around += 2;
        for (int32_t i = 0; i < pairs->behind; ++i) {
            *to++ = *around++;
        }
    }
}

/* Filters in flash whose biases lie elsewhere. */
typedef struct {
    tinyml_filters filters;
    const int32_t *biases; /* added to those of the filters */
} tinyml_biased_filters;

TINYML_INLINE const int32_t *tinyml_biases_of(const tinyml_filters *filters)
{
    return ((const tinyml_biased_filters *)(const void *)filters)->biases;
}

/* Filters some of which are packed. */
typedef struct {
    tinyml_filters filters; /* channels are all of them, weights those of the part */
    int32_t channels;       /* of the part */
} tinyml_filters_part;

TINYML_INLINE int32_t tinyml_channels_of(const tinyml_filters *filters)
{
    return ((const tinyml_filters_part *)(const void *)filters)->channels;
}

#if TINYML_DSP
/* The functions of tinyml_filters_dsp.h. For a part, the word in front of the columns has its channels. */
#define TINYML_ENDS_PART \
    "ldr r10, [r1, #-4]\n" \
    "add.w r9, r2, r10\n" \
    "tst r10, #1\n" \
    "ite ne\n" \
    "addne r10, r2, #2\n" \
    "moveq r10, r9\n" \
    "strd r10, r9, [sp, #24]\n"

/* For variable biases, the word in front of the columns is the address of the biases less four times
 * that of the outputs of the first lane: r2 and r3 are the biases of the pair whose outputs come next.
 */
#define TINYML_BIASES \
    "ldr r2, [r1, #-4]\n" \
    "ldr.w r3, [sp]\n" \
    "add.w r12, r2, r3, lsl #2\n" \
    "ldrd r2, r3, [r12]\n"
#define TINYML_BIASED_4 \
    TINYML_BIASES \
    "add.w r4, r4, r2\n" \
    "add.w r8, r8, r3\n" TINYML_FIRST_STEP_4
#define TINYML_BIASED_2 \
    "ldr.w r1, [sp, #12]\n" TINYML_BIASES \
    "add.w r4, r4, r2\n" \
    "add.w r5, r5, r2\n" \
    "add.w r6, r6, r3\n" \
    "add.w r7, r7, r3\n"
#define TINYML_BIASED_1 \
    "ldr.w r1, [sp, #12]\n" TINYML_BIASES \
    "add.w r4, r4, r2\n" \
    "add.w r5, r5, r3\n"

#define TINYML_APPLY_VARIABLE(end, END) \
    TINYML_APPLY_4(tinyml_apply_4_##end##_from, TINYML_ENDS_BYTES, TINYML_##END##_4, TINYML_BIASED_4, \
                   TINYML_STEP_4, 52) \
    TINYML_APPLY_2(tinyml_apply_2_##end##_from, TINYML_ENDS_BYTES, TINYML_BIASED_2 TINYML_##END##_2, \
                   TINYML_STEP_2, 56) \
    TINYML_APPLY_1(tinyml_apply_1_##end##_from, TINYML_ENDS_BYTES, TINYML_BIASED_1 TINYML_##END##_1, \
                   TINYML_HALF_STEP_1, TINYML_STEP_1, 72) \
    TINYML_APPLY_4(tinyml_apply_4_##end##_of, TINYML_ENDS_PART, TINYML_##END##_4, TINYML_FIRST_STEP_4, \
                   TINYML_STEP_4, 52) \
    TINYML_APPLY_2(tinyml_apply_2_##end##_of, TINYML_ENDS_PART, TINYML_##END##_2, TINYML_STEP_2, 56) \
    TINYML_APPLY_1(tinyml_apply_1_##end##_of, TINYML_ENDS_PART, TINYML_##END##_1, TINYML_HALF_STEP_1, TINYML_STEP_1, 72)

TINYML_APPLY_VARIABLE(single, SINGLE)
TINYML_APPLY_VARIABLE(tflite, TFLITE)

#define TINYML_VARIABLE(lanes, end) \
    TINYML_INLINE void tinyml_apply_##lanes##_##end##_biased(const tinyml_filters *filters, int16_t *columns, \
                                                             int8_t *output) \
    { \
        tinyml_store(columns - 2, (uint32_t)(uintptr_t)tinyml_biases_of(filters) - 4u * (uint32_t)(uintptr_t)output); \
        tinyml_apply_##lanes##_##end##_from(filters, columns, output); \
    } \
    TINYML_INLINE void tinyml_apply_##lanes##_##end##_part(const tinyml_filters *filters, int16_t *columns, \
                                                           int8_t *output) \
    { \
        tinyml_store(columns - 2, (uint32_t)tinyml_channels_of(filters)); \
        tinyml_apply_##lanes##_##end##_of(filters, columns, output); \
    }
#else
TINYML_INLINE void tinyml_apply_variable(const tinyml_filters *filters, const int16_t *columns, int8_t *output,
                                         const int32_t *biases, int32_t channels, int32_t lanes, int tflite)
{
    const uint32_t *weights = filters->weights;
    int32_t count = channels % 2 != 0 ? 1 : 2;

    for (int32_t c = 0; c < channels; c += count, count = 2) {
        const uint32_t *const taps = weights + 2;
        const uint32_t *const behind = taps + filters->words;

        for (int32_t i = 0; i < lanes * count; ++i) {
            const int32_t filter = i / lanes;
            const int32_t lane = i % lanes;
            uint32_t sums = weights[filter] + (biases == 0 ? 0u : (uint32_t)biases[c + filter]);
            int32_t high;

            for (int32_t k = 0; k < filters->words; ++k) {
                const uint32_t pair = filter == 0 ? tinyml_even_bytes(taps[k]) : tinyml_odd_bytes(taps[k]);

                sums = tinyml_dual_multiply_add(pair, tinyml_load_aligned(columns + 2 * (k * lanes + lane)), sums);
            }
            if (tflite) {
                const uint32_t shift = behind[2] >> (8 * filter) & 0xffu;
                const int32_t addend = (int32_t)((uint32_t)filters->zero_point << shift) + ((int32_t)sums >> 31);

                high = tinyml_multiply_high((int32_t)sums * 2, (int32_t)behind[filter], addend) >> shift >> 1;
            } else {
                high = tinyml_multiply_high((int32_t)sums, (int32_t)behind[filter], filters->zero_point);
            }
            output[lane * filters->channels + c + filter] = tinyml_clamp(high, -128, 127);
        }
        weights = behind + (tflite ? 3 : 2);
    }
}

#define TINYML_VARIABLE(lanes, end) \
    TINYML_INLINE void tinyml_apply_##lanes##_##end##_biased(const tinyml_filters *filters, const int16_t *columns, \
                                                             int8_t *output) \
    { \
        tinyml_apply_variable(filters, columns, output, tinyml_biases_of(filters), filters->channels, lanes, \
                              #end[0] == 't'); \
    } \
    TINYML_INLINE void tinyml_apply_##lanes##_##end##_part(const tinyml_filters *filters, const int16_t *columns, \
                                                           int8_t *output) \
    { \
        tinyml_apply_variable(filters, columns, output, 0, tinyml_channels_of(filters), lanes, #end[0] == 't'); \
    }
#endif

TINYML_VARIABLE(4, single)
TINYML_VARIABLE(2, single)
TINYML_VARIABLE(1, single)
TINYML_VARIABLE(4, tflite)
TINYML_VARIABLE(2, tflite)
TINYML_VARIABLE(1, tflite)

TINYML_PIXELS(single_biased)
TINYML_PIXELS(tflite_biased)
TINYML_PIXELS(single_part)
TINYML_PIXELS(tflite_part)

/* Pixels through filters of which most, an even number, are packed at a time. */
#define TINYML_PARTS(end) \
    TINYML_SHARED void tinyml_parts_##end(const tinyml_filters *filters, const tinyml_variable_pairs *pairs, \
                                          uint32_t *packed, int32_t most, const int8_t *input, int8_t *output, \
                                          int32_t pixels, int16_t *columns) \
    { \
        tinyml_filters_part part = {*filters, 0}; \
        tinyml_variable_pairs next = *pairs; \
\
        part.filters.weights = packed; \
        for (int32_t c = 0; c < pairs->channels; c += next.channels) { \
            next.odd = c == 0 ? pairs->odd : 0; \
            next.channels = most - next.odd < pairs->channels - c ? most - next.odd : pairs->channels - c; \
            part.channels = next.channels; \
            tinyml_pack_pairs(packed, &next); \
            tinyml_pixels_##end##_part(&part.filters, input, output + c, pixels, columns); \
            next.weights += next.channels * pairs->taps; \
            next.biases = next.biases == 0 ? 0 : next.biases + next.channels; \
            next.around += (next.channels + next.odd) / 2 * (2 + pairs->behind); \
        } \
    }

TINYML_PARTS(single)
TINYML_PARTS(tflite)

#endif
