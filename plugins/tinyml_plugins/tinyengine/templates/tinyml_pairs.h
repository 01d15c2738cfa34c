/* tinyml_pairs.h: pairs of int16 in a word, copies that widen int8 to int16, and dot products.
 *
 * These are the twins of SMLAD, SXTB16 and PKH: inline assembly with the DSP extension, the same bits in plain C without.
 */
#ifndef TINYML_PAIRS_H
#define TINYML_PAIRS_H

#include "tinyml_arithmetic.h"

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "packed weights are little-endian"
#endif
#endif

/* Pairs of int16 in a word */

#if defined(__GNUC__)
typedef uint32_t __attribute__((may_alias)) tinyml_word;
typedef struct __attribute__((packed, may_alias)) {
    uint32_t word;
} tinyml_unaligned;

TINYML_INLINE uint32_t tinyml_load(const void *from)
{
    return ((const tinyml_unaligned *)from)->word;
}

TINYML_INLINE void tinyml_store(void *to, uint32_t word)
{
    ((tinyml_unaligned *)to)->word = word;
}

TINYML_INLINE uint32_t tinyml_load_aligned(const int16_t *from)
{
    return *(const tinyml_word *)(const void *)from;
}
#else
TINYML_INLINE uint32_t tinyml_load(const void *from)
{
    const uint8_t *const bytes = (const uint8_t *)from;

    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

TINYML_INLINE void tinyml_store(void *to, uint32_t word)
{
    uint8_t *const bytes = (uint8_t *)to;

    bytes[0] = (uint8_t)word;
    bytes[1] = (uint8_t)(word >> 8);
    bytes[2] = (uint8_t)(word >> 16);
    bytes[3] = (uint8_t)(word >> 24);
}

TINYML_INLINE uint32_t tinyml_load_aligned(const int16_t *from)
{
    return tinyml_load(from);
}
#endif

/* The low halves of two words, and the high halves. */
TINYML_INLINE uint32_t tinyml_low_halves(uint32_t first, uint32_t second)
{
#if TINYML_DSP
    uint32_t pair;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(first), "r"(second));
    return pair;
#else
    return (first & 0xffffu) | second << 16;
#endif
}

TINYML_INLINE uint32_t tinyml_high_halves(uint32_t first, uint32_t second)
{
#if TINYML_DSP
    uint32_t pair;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(second), "r"(first));
    return pair;
#else
    return first >> 16 | (second & 0xffff0000u);
#endif
}

TINYML_INLINE uint32_t tinyml_pack(int32_t low, int32_t high)
{
    return tinyml_low_halves((uint32_t)low, (uint32_t)high);
}

/* Bytes 0 and 2 of a word, or 1 and 3, as a pair of int16. */
TINYML_INLINE uint32_t tinyml_even_bytes(uint32_t word)
{
#if TINYML_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
#else
    return tinyml_pack((int8_t)(word & 0xffu), (int8_t)(word >> 16 & 0xffu));
#endif
}

TINYML_INLINE uint32_t tinyml_odd_bytes(uint32_t word)
{
#if TINYML_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
#else
    return tinyml_even_bytes(word >> 8);
#endif
}

/* sum plus the products of both halves. */
TINYML_INLINE uint32_t tinyml_dual_multiply_add(uint32_t left, uint32_t right, uint32_t sum)
{
#if TINYML_DSP
    uint32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(left), "r"(right), "r"(sum) : "cc");
    return result;
#else
    const int32_t low = (int32_t)(int16_t)(left & 0xffffu) * (int16_t)(right & 0xffffu);
    const int32_t high = (int32_t)(int16_t)(left >> 16) * (int16_t)(right >> 16);

    return sum + (uint32_t)low + (uint32_t)high;
#endif
}

/* Copies that widen int8 to int16 */

TINYML_INLINE void tinyml_fill_wide(int16_t *to, int32_t value, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        to[i] = (int16_t)value;
    }
}

TINYML_INLINE void tinyml_widen(int16_t *to, const int8_t *from, int32_t count)
{
    const int32_t whole = count / 4 * 4;

    for (int32_t i = 0; i < whole; i += 4) {
        const uint32_t bytes = tinyml_load(from + i);
        const uint32_t even = tinyml_even_bytes(bytes);
        const uint32_t odd = tinyml_odd_bytes(bytes);

        tinyml_store(to + i, tinyml_low_halves(even, odd));
        tinyml_store(to + i + 2, tinyml_high_halves(even, odd));
    }
    for (int32_t i = whole; i < count; ++i) {
        to[i] = from[i];
    }
}

/* One channel of a row of the image into every other int16. */
TINYML_INLINE void tinyml_gather(int16_t *to, const int8_t *from, int32_t channels, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        to[2 * i] = from[i * channels];
    }
}

/* taps pixels from column onwards of a row of the image; those beside it are fill. */
TINYML_INLINE int16_t *tinyml_widen_row(int16_t *to, const int8_t *row, int32_t column, int32_t taps, int32_t width,
                                        int32_t channels, int32_t fill)
{
    int32_t before = column < 0 ? -column : 0;
    int32_t after = column + taps > width ? column + taps - width : 0;

    before = before < taps ? before : taps;
    after = after < taps ? after : taps;
    tinyml_fill_wide(to, fill, before * channels);
    to += before * channels;
    if (before + after < taps) {
        tinyml_widen(to, row + (column + before) * channels, (taps - before - after) * channels);
        to += (taps - before - after) * channels;
    }
    tinyml_fill_wide(to, fill, after * channels);
    return to + after * channels;
}

/* Dot products; a word of weights holds two taps of two filters, and words is even */

/* Two filters by two columns of int16: sums are filter 0 by both columns, then filter 1. */
TINYML_INLINE void tinyml_dot_2x2(uint32_t sums[4], const uint32_t *weights, const int16_t *first,
                                  const int16_t *second, int32_t words)
{
    for (int32_t i = 0; i < words; i += 2) {
        for (int32_t j = i; j < i + 2; ++j) {
            const uint32_t weight0 = tinyml_even_bytes(weights[j]);
            const uint32_t weight1 = tinyml_odd_bytes(weights[j]);
            const uint32_t input0 = tinyml_load_aligned(first + 2 * j);
            const uint32_t input1 = tinyml_load_aligned(second + 2 * j);

            sums[0] = tinyml_dual_multiply_add(weight0, input0, sums[0]);
            sums[1] = tinyml_dual_multiply_add(weight0, input1, sums[1]);
            sums[2] = tinyml_dual_multiply_add(weight1, input0, sums[2]);
            sums[3] = tinyml_dual_multiply_add(weight1, input1, sums[3]);
        }
    }
}

/* Two filters by one column of int16. */
TINYML_INLINE void tinyml_dot_2x1(uint32_t sums[2], const uint32_t *weights, const int16_t *column, int32_t words)
{
    for (int32_t i = 0; i < words; i += 2) {
        for (int32_t j = i; j < i + 2; ++j) {
            const uint32_t input = tinyml_load_aligned(column + 2 * j);

            sums[0] = tinyml_dual_multiply_add(tinyml_even_bytes(weights[j]), input, sums[0]);
            sums[1] = tinyml_dual_multiply_add(tinyml_odd_bytes(weights[j]), input, sums[1]);
        }
    }
}

/* Two filters by four int8 inputs in a word; the taps of the weights are in the order 0, 2, 1, 3. */
TINYML_INLINE void tinyml_dot_bytes(uint32_t sums[2], const uint32_t *weights, uint32_t inputs)
{
    const uint32_t even = tinyml_even_bytes(inputs);
    const uint32_t odd = tinyml_odd_bytes(inputs);

    sums[0] = tinyml_dual_multiply_add(tinyml_even_bytes(weights[0]), even, sums[0]);
    sums[1] = tinyml_dual_multiply_add(tinyml_odd_bytes(weights[0]), even, sums[1]);
    sums[0] = tinyml_dual_multiply_add(tinyml_even_bytes(weights[1]), odd, sums[0]);
    sums[1] = tinyml_dual_multiply_add(tinyml_odd_bytes(weights[1]), odd, sums[1]);
}

#endif
