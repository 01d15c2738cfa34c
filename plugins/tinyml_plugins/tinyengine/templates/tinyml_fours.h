/* tinyml_fours.h: four neighbouring int8 at a time: sums and maxima over rows, and sums of two with scales of their own. */
#ifndef TINYML_FOURS_H
#define TINYML_FOURS_H

#include "tinyml_pairs.h"

/* Adds to sums the four elements at from and those at count - 1 further places, step bytes apart. */
TINYML_INLINE void tinyml_add_fours(int32_t sums[4], const int8_t *from, int32_t step, int32_t count)
{
    while (count > 0) {
        int32_t most = count < 256 ? count : 256; /* an int16 holds so many int8 */
        uint32_t even = 0;
        uint32_t odd = 0;

        count -= most;
#if TINYML_DSP
        uint32_t first, second;

        __asm__ volatile("lsrs %[first], %[count], #1\n"
                         "beq 2f\n"
                         "1:\n"
                         "ldr %[first], [%[from]]\n"
                         "ldr %[second], [%[from], %[step]]\n"
                         "add %[from], %[from], %[step], lsl #1\n"
                         "sxtab16 %[even], %[even], %[first]\n"
                         "sxtab16 %[odd], %[odd], %[first], ror #8\n"
                         "sub %[count], %[count], #2\n"
                         "sxtab16 %[even], %[even], %[second]\n"
                         "sxtab16 %[odd], %[odd], %[second], ror #8\n"
                         "cmp %[count], #1\n"
                         "bgt 1b\n"
                         "2:\n"
                         "cmp %[count], #0\n"
                         "beq 3f\n"
                         "ldr %[first], [%[from]]\n"
                         "add %[from], %[from], %[step]\n"
                         "sxtab16 %[even], %[even], %[first]\n"
                         "sxtab16 %[odd], %[odd], %[first], ror #8\n"
                         "3:\n"
                         : [from] "+&r"(from), [count] "+&r"(most), [even] "+&r"(even), [odd] "+&r"(odd),
                           [first] "=&r"(first), [second] "=&r"(second)
                         : [step] "r"(step)
                         : "cc", "memory");
#else
        for (; most > 0; --most) {
            const uint32_t bytes = tinyml_load(from);
            const uint32_t evens = tinyml_even_bytes(bytes);
            const uint32_t odds = tinyml_odd_bytes(bytes);

            even = ((even + evens) & 0xffffu) | (((even >> 16) + (evens >> 16)) << 16);
            odd = ((odd + odds) & 0xffffu) | (((odd >> 16) + (odds >> 16)) << 16);
            from += step;
        }
#endif
        sums[0] += (int16_t)(even & 0xffffu);
        sums[1] += (int16_t)(odd & 0xffffu);
        sums[2] += (int16_t)(even >> 16);
        sums[3] += (int16_t)(odd >> 16);
    }
}

/* The greater of each of four bytes. */
TINYML_INLINE uint32_t tinyml_greater_fours(uint32_t left, uint32_t right)
{
#if TINYML_DSP
    uint32_t result;

    __asm__("ssub8 %0, %1, %2\n"
            "sel %0, %1, %2"
            : "=&r"(result)
            : "r"(left), "r"(right)
            : "cc");
    return result;
#else
    uint32_t result = 0;

    for (int32_t shift = 0; shift < 32; shift += 8) {
        const uint32_t byte = (int8_t)(left >> shift & 0xffu) > (int8_t)(right >> shift & 0xffu) ? left : right;

        result |= (byte >> shift & 0xffu) << shift;
    }
    return result;
#endif
}

/* The greatest of most and the four elements at from and at count - 1 further places, step bytes apart. */
TINYML_INLINE uint32_t tinyml_greatest_fours(uint32_t most, const int8_t *from, int32_t step, int32_t count)
{
    for (; count > 0; --count) {
        most = tinyml_greater_fours(tinyml_load(from), most);
        from += step;
    }
    return most;
}

#endif
