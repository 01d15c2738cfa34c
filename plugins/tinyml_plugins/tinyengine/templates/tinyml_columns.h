/* tinyml_columns.h: columns filled with the windows of pixels, and runs of whole pixels through filters.
 *
 * A window consists of runs of taps, each contiguous in memory; their addresses lie run by run, four lanes side by
 * side. Groups of four taps of a run are widened in the order 0, 2, 1, 3, as SXTB16 gives them. The taps that are left
 * over are read as a group that reaches back into the last one, where the filters have zeros for taps they had before.
 */
#ifndef TINYML_COLUMNS_H
#define TINYML_COLUMNS_H

#include "tinyml_filters.h"

TINYML_INLINE void tinyml_widen_group(int16_t *to, const int8_t *from, int32_t lanes)
{
    const uint32_t bytes = tinyml_load(from);

    tinyml_store(to, tinyml_even_bytes(bytes));
    tinyml_store(to + 2 * lanes, tinyml_odd_bytes(bytes));
}

/* The runs of one or two lanes; the end of the columns. */
TINYML_SHARED int16_t *tinyml_collect(const tinyml_filters *filters, int16_t *columns, const int8_t *const *runs,
                                      int32_t lanes)
{
    const int32_t groups = filters->groups;
    const int32_t back = filters->back;
    const int32_t words = 4 * lanes;

    for (int32_t run = 0; run < filters->runs; ++run) {
        for (int32_t lane = 0; lane < lanes; ++lane) {
            const int8_t *from = runs[lane];
            int16_t *to = columns + 2 * lane;

            for (int32_t i = 0; i < groups; ++i) {
                tinyml_widen_group(to, from, lanes);
                from += 4;
                to += words;
            }
            if (back != 0) {
                tinyml_widen_group(to, from - back, lanes);
            }
        }
        columns += words * (back != 0 ? groups + 1 : groups);
        runs += 4;
    }
    return columns;
}

/* The runs of four lanes; the end of the columns. */
#if TINYML_DSP
#define TINYML_WIDEN_4 \
    "sxtb16 r12, r8\n" \
    "sxtb16 lr, r9\n" \
    "strd r12, lr, [r1], #8\n" \
    "sxtb16 r12, r10\n" \
    "sxtb16 lr, r11\n" \
    "strd r12, lr, [r1], #8\n" \
    "sxtb16 r8, r8, ror #8\n" \
    "sxtb16 r9, r9, ror #8\n" \
    "strd r8, r9, [r1], #8\n" \
    "sxtb16 r10, r10, ror #8\n" \
    "sxtb16 r11, r11, ror #8\n" \
    "strd r10, r11, [r1], #8\n"

static TINYML_ASSEMBLY int16_t *tinyml_collect_4(TINYML_UNUSED const tinyml_filters *filters,
                                                TINYML_UNUSED int16_t *columns, TINYML_UNUSED const int8_t *const *runs)
{
    __asm__("push {r4-r11, lr}\n"
            "sub sp, sp, #12\n"
            "add r0, r0, #16\n"
            "ldm r0, {r3, r4, r5}\n" /* groups, back, runs */
            "strd r4, r5, [sp]\n"
            "1:\n"
            "ldm r2!, {r4-r7}\n"
            "movs r0, r3\n"
            "beq 3f\n"
            "2:\n"
            "ldr.w r8, [r4], #4\n"
            "ldr.w r9, [r5], #4\n"
            "ldr.w r10, [r6], #4\n"
            "ldr.w r11, [r7], #4\n" TINYML_WIDEN_4
            "subs r0, r0, #1\n"
            "bne 2b\n"
            "3:\n"
            "ldr r0, [sp]\n"
            "cbz r0, 4f\n"
            "rsb r0, r0, #0\n"
            "ldr.w r8, [r4, r0]\n"
            "ldr.w r9, [r5, r0]\n"
            "ldr.w r10, [r6, r0]\n"
            "ldr.w r11, [r7, r0]\n" TINYML_WIDEN_4
            "4:\n"
            "ldr r0, [sp, #4]\n"
            "subs r0, r0, #1\n"
            "str r0, [sp, #4]\n"
            "bne 1b\n"
            "mov r0, r1\n"
            "add sp, sp, #12\n"
            "pop {r4-r11, pc}\n");
}
#else
TINYML_INLINE int16_t *tinyml_collect_4(const tinyml_filters *filters, int16_t *columns, const int8_t *const *runs)
{
    return tinyml_collect(filters, columns, runs, 4);
}
#endif

/* A run beside the image: taps pixels of a row from column onwards, fill outside it; no row: fill only. */
TINYML_SHARED const int8_t *tinyml_edge(int8_t *to, const int8_t *row, int32_t column, int32_t taps, int32_t dilation,
                                        int32_t width, int32_t channels, int32_t fill)
{
    int8_t *next = to;

    for (int32_t tap = 0; tap < taps; ++tap) {
        const int32_t x = column + tap * dilation;

        if (row != 0 && x >= 0 && x < width) {
            for (int32_t i = 0; i < channels; ++i) {
                next[i] = row[x * channels + i];
            }
        } else {
            tinyml_fill(next, fill, channels);
        }
        next += channels;
    }
    return to;
}

/* Contiguous pixels of at least four channels, four at a time; a layer may write over its input when it has no more
 * output than input channels.
 */
#define TINYML_PIXELS(end) \
    TINYML_SHARED void tinyml_pixels_##end(const tinyml_filters *filters, const int8_t *input, int8_t *output, \
                                           int32_t pixels, int16_t *columns) \
    { \
        const int32_t depth = filters->depth; \
        const int8_t *runs[4]; \
\
        for (; pixels >= 4; pixels -= 4) { \
            runs[0] = input; \
            runs[1] = input + depth; \
            runs[2] = input + 2 * depth; \
            runs[3] = input + 3 * depth; \
            (void)tinyml_collect_4(filters, columns, runs); \
            tinyml_apply_4_##end(filters, columns, output); \
            input += 4 * depth; \
            output += 4 * filters->channels; \
        } \
        if (pixels >= 2) { \
            runs[0] = input; \
            runs[1] = input + depth; \
            (void)tinyml_collect(filters, columns, runs, 2); \
            tinyml_apply_2_##end(filters, columns, output); \
            input += 2 * depth; \
            output += 2 * filters->channels; \
        } \
        if (pixels % 2 != 0) { \
            runs[0] = input; \
            (void)tinyml_collect(filters, columns, runs, 1); \
            tinyml_apply_1_##end(filters, columns, output); \
        } \
    }

TINYML_PIXELS(single)
TINYML_PIXELS(tflite)
TINYML_PIXELS(single_wide)
TINYML_PIXELS(tflite_wide)

#endif
