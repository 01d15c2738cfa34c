/* kestrel_clamp.h: int8 limits, four elements at a time. The same bits with the DSP extension and without it. */
#ifndef KESTREL_CLAMP_H
#define KESTREL_CLAMP_H

#include <stdint.h>

static inline int8_t kestrel_limited(int32_t value, int32_t low, int32_t high)
{
    return (int8_t)(value < low ? low : value > high ? high : value);
}

#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP)
/* The greater, or the lesser, of each of four bytes: SEL takes its first operand where a difference was not negative. */
static inline uint32_t kestrel_greater(uint32_t left, uint32_t right)
{
    uint32_t result;

    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(left), "r"(right) : "cc");
    return result;
}

static inline uint32_t kestrel_lesser(uint32_t left, uint32_t right)
{
    uint32_t result;

    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(left), "r"(right) : "cc");
    return result;
}
#endif

/* elements of from within low..high, to to, which may be from. */
static inline void kestrel_clamp(const int8_t *from, int8_t *to, int32_t elements, int32_t low, int32_t high)
{
    int32_t i = 0;

#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP)
    const uint32_t lows = ((uint32_t)low & 0xffu) * UINT32_C(0x01010101);
    const uint32_t highs = ((uint32_t)high & 0xffu) * UINT32_C(0x01010101);

    for (; i + 16 <= elements; i += 16) { /* loads in a row take one cycle each but for the first */
        uint32_t words[4];

        __builtin_memcpy(words, from + i, 16);
        for (int32_t k = 0; k < 4; ++k) {
            words[k] = low > INT8_MIN ? kestrel_greater(words[k], lows) : words[k];
            words[k] = high < INT8_MAX ? kestrel_lesser(words[k], highs) : words[k];
        }
        __builtin_memcpy(to + i, words, 16);
    }
#endif
    for (; i < elements; ++i) {
        to[i] = kestrel_limited(from[i], low, high);
    }
}

#endif
