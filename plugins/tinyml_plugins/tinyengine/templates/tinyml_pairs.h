/* tinyml_pairs.h: pairs of int16 in a word, and copies that widen int8 to int16.
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

/* One channel of a row of the image into every other int16. */
TINYML_INLINE void tinyml_gather(int16_t *to, const int8_t *from, int32_t channels, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        to[2 * i] = from[i * channels];
    }
}

#endif
