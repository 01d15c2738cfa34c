/* tinyml_filters_dsp.h: the functions of tinyml_filters.h in assembly, for the DSP extension of Cortex-M. */
#ifndef TINYML_FILTERS_DSP_H
#define TINYML_FILTERS_DSP_H

/* The assembly functions keep sums, pointers and loop ends in more registers than a compiler grants a block of inline
 * assembly. Their steps are unrolled, and the first iteration starts in the middle; all instructions of a step have
 * four bytes. ADR needs functions aligned to words.
 *
 * Stack: 0 output, 4 channels, 8 zero point, 12 columns, 16 first step, 20 end of the columns, 24 end of the outputs
 * of this round, 28 end of all outputs, 32 start of the groups (one lane). A round is the dummy's pair, or the rest.
 */
#define TINYML_REPEAT(count, step) ".rept " #count "\n" step ".endr\n"
#define TINYML_ENTER \
    "push {r4-r11, lr}\n" \
    "sub sp, sp, #36\n" \
    "ldm r0, {r0, r3, r4, r5}\n" \
    "strd r2, r3, [sp]\n" \
    "strd r5, r1, [sp, #8]\n"

/* r9 is the end of all outputs */
#define TINYML_ENDS_BYTES \
    "add r9, r2, r3\n" \
    "tst r3, #1\n" \
    "ite ne\n" \
    "addne r10, r2, #2\n" \
    "moveq r10, r9\n" \
    "strd r10, r9, [sp, #24]\n"
#define TINYML_ENDS_SUMS(shift) \
    "add r9, r3, #1\n" \
    "bic r9, r9, #1\n" \
    "add r9, r2, r9, lsl #" #shift "\n" \
    "strd r9, r9, [sp, #24]\n"

/* r1 is behind the outputs of this pair */
#define TINYML_NEXT \
    "ldrd r2, r3, [sp, #24]\n" \
    "str r1, [sp]\n" \
    "cmp r1, r2\n" \
    "bne.w 1b\n" \
    "cmp r1, r3\n" \
    "beq 9f\n" \
    "sub r1, r1, #1\n" \
    "str r1, [sp]\n" \
    "str r3, [sp, #24]\n" \
    "b.w 1b\n" \
    "9:\n" \
    "add sp, sp, #36\n" \
    "pop {r4-r11, pc}\n"

/* Requantisation of one sum: r2 and r3 are the mantissas of both filters; r12 is the zero point, or r12 has in its
 * lowest byte the shift to the right but one and r1 is half a unit plus the zero point, shifted to the left.
 */
#define TINYML_SINGLE(sum, mantissa) \
    "smmlar " #sum ", " #sum ", " #mantissa ", r12\n" \
    "ssat " #sum ", #8, " #sum "\n"
#define TINYML_TFLITE(sum, mantissa) \
    "add lr, r1, " #sum ", asr #31\n" \
    "lsl.w " #sum ", " #sum ", #1\n" \
    "smmlar " #sum ", " #sum ", " #mantissa ", lr\n" \
    "asr.w " #sum ", " #sum ", r12\n" \
    "ssat " #sum ", #8, " #sum ", asr #1\n"
#define TINYML_LOAD_SINGLE \
    "ldrd r2, r3, [r0], #8\n" \
    "ldr.w r12, [sp, #8]\n"
#define TINYML_LOAD_TFLITE \
    "ldrd r2, r3, [r0], #8\n" \
    "ldr.w r12, [r0], #4\n" TINYML_ADDEND
#define TINYML_ADDEND \
    "ldr.w r1, [sp, #8]\n" \
    "lsl.w r1, r1, r12\n"
#define TINYML_OTHER_TFLITE "lsr.w r12, r12, #8\n" TINYML_ADDEND
#define TINYML_JOIN(first, second) "bfi " #first ", " #second ", #8, #24\n"

/* Four lanes: sums r4-r7 and r8-r11, weights at r0, columns at r1 */
#define TINYML_STORE_4 \
    TINYML_JOIN(r4, r8) TINYML_JOIN(r5, r9) TINYML_JOIN(r6, r10) TINYML_JOIN(r7, r11) \
    "ldrd r1, lr, [sp]\n" \
    "add r2, r1, lr, lsl #1\n" \
    "strh r5, [r1, lr]\n" \
    "strh r6, [r2]\n" \
    "strh r7, [r2, lr]\n" \
    "strh r4, [r1], #2\n"
#define TINYML_SINGLE_4 \
    TINYML_LOAD_SINGLE \
    TINYML_SINGLE(r4, r2) TINYML_SINGLE(r5, r2) TINYML_SINGLE(r6, r2) TINYML_SINGLE(r7, r2) \
    TINYML_SINGLE(r8, r3) TINYML_SINGLE(r9, r3) TINYML_SINGLE(r10, r3) TINYML_SINGLE(r11, r3) \
    TINYML_STORE_4
#define TINYML_TFLITE_4 \
    TINYML_LOAD_TFLITE \
    TINYML_TFLITE(r4, r2) TINYML_TFLITE(r5, r2) TINYML_TFLITE(r6, r2) TINYML_TFLITE(r7, r2) \
    TINYML_OTHER_TFLITE \
    TINYML_TFLITE(r8, r3) TINYML_TFLITE(r9, r3) TINYML_TFLITE(r10, r3) TINYML_TFLITE(r11, r3) \
    TINYML_STORE_4
#define TINYML_SUMS_4 \
    "ldr.w r1, [sp]\n" \
    "stm.w r1!, {r4-r11}\n"

#define TINYML_APPLY_4(name, ends, end, first, step, bytes) \
    static TINYML_ASSEMBLY void name(TINYML_UNUSED const tinyml_filters *filters, \
                                     TINYML_UNUSED const int16_t *columns, TINYML_UNUSED void *output) \
    { \
        __asm__(TINYML_ENTER ends \
                "add r6, r1, r4, lsl #4\n" \
                "sub r7, r4, #1\n" \
                "and r7, r7, #7\n" \
                "mov r8, #" #bytes "\n" \
                "mul r7, r7, r8\n" \
                "adr.w r8, 3f\n" \
                "sub r8, r8, r7\n" \
                "orr r8, r8, #1\n" \
                "strd r8, r6, [sp, #16]\n" \
                "1:\n" \
                "ldrd r4, r8, [r0], #8\n" \
                "ldr.w r1, [sp, #12]\n" first \
                "ldr.w pc, [sp, #16]\n" \
                "2:\n" TINYML_REPEAT(8, step) \
                "3:\n" \
                "ldr.w r2, [sp, #20]\n" \
                "cmp r1, r2\n" \
                "bne.w 2b\n" end TINYML_NEXT); \
    }

/* Two lanes: sums r4, r5 and r6, r7; a step has four taps */
#define TINYML_STORE_2 \
    TINYML_JOIN(r4, r6) TINYML_JOIN(r5, r7) \
    "ldrd r1, lr, [sp]\n" \
    "strh r5, [r1, lr]\n" \
    "strh r4, [r1], #2\n"
#define TINYML_SINGLE_2 \
    TINYML_LOAD_SINGLE \
    TINYML_SINGLE(r4, r2) TINYML_SINGLE(r5, r2) TINYML_SINGLE(r6, r3) TINYML_SINGLE(r7, r3) \
    TINYML_STORE_2
#define TINYML_TFLITE_2 \
    TINYML_LOAD_TFLITE TINYML_TFLITE(r4, r2) TINYML_TFLITE(r5, r2) \
    TINYML_OTHER_TFLITE TINYML_TFLITE(r6, r3) TINYML_TFLITE(r7, r3) \
    TINYML_STORE_2
#define TINYML_SUMS_2 \
    "ldr.w r1, [sp]\n" \
    "stm.w r1!, {r4-r7}\n"

#define TINYML_APPLY_2(name, ends, end, step, bytes) \
    static TINYML_ASSEMBLY void name(TINYML_UNUSED const tinyml_filters *filters, \
                                     TINYML_UNUSED const int16_t *columns, TINYML_UNUSED void *output) \
    { \
        __asm__(TINYML_ENTER ends \
                "add r6, r1, r4, lsl #3\n" \
                "ubfx r7, r4, #1, #2\n" \
                "mov r8, #" #bytes "\n" \
                "mul r7, r7, r8\n" \
                "adr.w r8, 3f\n" \
                "sub r8, r8, r7\n" \
                "orr r8, r8, #1\n" \
                "strd r8, r6, [sp, #16]\n" \
                "1:\n" \
                "ldrd r4, r6, [r0], #8\n" \
                "ldrd r1, r2, [sp, #12]\n" \
                "ldr.w lr, [sp, #20]\n" \
                "mov r5, r4\n" \
                "mov r7, r6\n" \
                "mov pc, r2\n" \
                "2:\n" TINYML_REPEAT(4, step) \
                "3:\n" \
                "cmp r1, lr\n" \
                "bne.w 2b\n" end TINYML_NEXT); \
    }

/* One lane: sums r4 and r5; a step has eight taps, and half a one comes first where they are no multiple of eight */
#define TINYML_STORE_1 \
    TINYML_JOIN(r4, r5) \
    "ldr.w r1, [sp]\n" \
    "strh r4, [r1], #2\n"
#define TINYML_SINGLE_1 TINYML_LOAD_SINGLE TINYML_SINGLE(r4, r2) TINYML_SINGLE(r5, r3) TINYML_STORE_1
#define TINYML_TFLITE_1 \
    TINYML_LOAD_TFLITE TINYML_TFLITE(r4, r2) TINYML_OTHER_TFLITE TINYML_TFLITE(r5, r3) TINYML_STORE_1
#define TINYML_SUMS_1 \
    "ldr.w r1, [sp]\n" \
    "strd r4, r5, [r1], #8\n"

#define TINYML_APPLY_1(name, ends, end, half, step, bytes) \
    static TINYML_ASSEMBLY void name(TINYML_UNUSED const tinyml_filters *filters, \
                                     TINYML_UNUSED const int16_t *columns, TINYML_UNUSED void *output) \
    { \
        __asm__(TINYML_ENTER ends \
                "add r6, r1, r4, lsl #2\n" \
                "ubfx r7, r4, #2, #2\n" \
                "mov r8, #" #bytes "\n" \
                "mul r7, r7, r8\n" \
                "adr.w r8, 4f\n" \
                "sub r8, r8, r7\n" \
                "orr r8, r8, #1\n" \
                "str.w r8, [sp, #32]\n" \
                "tst r4, #2\n" \
                "beq 8f\n" \
                "adr.w r8, 2f\n" \
                "orr r8, r8, #1\n" \
                "8:\n" \
                "strd r8, r6, [sp, #16]\n" \
                "1:\n" \
                "ldrd r4, r5, [r0], #8\n" \
                "ldrd r1, r2, [sp, #12]\n" \
                "ldr.w lr, [sp, #20]\n" \
                "mov pc, r2\n" \
                "2:\n" half \
                "ldr.w pc, [sp, #32]\n" \
                "3:\n" TINYML_REPEAT(4, step) \
                "4:\n" \
                "cmp r1, lr\n" \
                "bne.w 3b\n" end TINYML_NEXT); \
    }

/* Steps over int8 weights */
#define TINYML_STEP_4 \
    "ldr.w r2, [r0], #4\n" \
    "ldrd r12, lr, [r1], #8\n" \
    "sxtb16 r3, r2, ror #8\n" \
    "sxtb16 r2, r2\n" \
    "smlad r4, r2, r12, r4\n" \
    "smlad r8, r3, r12, r8\n" \
    "smlad r5, r2, lr, r5\n" \
    "smlad r9, r3, lr, r9\n" \
    "ldrd r12, lr, [r1], #8\n" \
    "smlad r6, r2, r12, r6\n" \
    "smlad r10, r3, r12, r10\n" \
    "smlad r7, r2, lr, r7\n" \
    "smlad r11, r3, lr, r11\n"
#define TINYML_FIRST_SUMS_4 /* of the biases r4 and r8 */ \
    "ldrd r6, r7, [r1], #8\n" \
    "smlad r5, r2, lr, r4\n" \
    "smlad r9, r3, lr, r8\n" \
    "smlad r10, r3, r6, r8\n" \
    "smlad r6, r2, r6, r4\n" \
    "smlad r11, r3, r7, r8\n" \
    "smlad r7, r2, r7, r4\n" \
    "smlad r4, r2, r12, r4\n" \
    "smlad r8, r3, r12, r8\n"
#define TINYML_FIRST_STEP_4 \
    "ldr.w r2, [r0], #4\n" \
    "ldrd r12, lr, [r1], #8\n" \
    "sxtb16 r3, r2, ror #8\n" \
    "sxtb16 r2, r2\n" TINYML_FIRST_SUMS_4
#define TINYML_STEP_2 \
    "ldrd r2, r3, [r0], #8\n" \
    "ldm.w r1!, {r9-r12}\n" \
    "sxtb16 r8, r2\n" \
    "smlad r4, r8, r9, r4\n" \
    "smlad r5, r8, r10, r5\n" \
    "sxtb16 r8, r2, ror #8\n" \
    "smlad r6, r8, r9, r6\n" \
    "smlad r7, r8, r10, r7\n" \
    "sxtb16 r8, r3\n" \
    "smlad r4, r8, r11, r4\n" \
    "smlad r5, r8, r12, r5\n" \
    "sxtb16 r8, r3, ror #8\n" \
    "smlad r6, r8, r11, r6\n" \
    "smlad r7, r8, r12, r7\n"
#define TINYML_FOUR_TAPS_1(w0, w1, x0, x1) \
    "sxtb16 r12, " #w0 "\n" \
    "smlad r4, r12, " #x0 ", r4\n" \
    "sxtb16 r12, " #w0 ", ror #8\n" \
    "smlad r5, r12, " #x0 ", r5\n" \
    "sxtb16 r12, " #w1 "\n" \
    "smlad r4, r12, " #x1 ", r4\n" \
    "sxtb16 r12, " #w1 ", ror #8\n" \
    "smlad r5, r12, " #x1 ", r5\n"
#define TINYML_HALF_STEP_1 \
    "ldrd r2, r3, [r0], #8\n" \
    "ldrd r8, r9, [r1], #8\n" TINYML_FOUR_TAPS_1(r2, r3, r8, r9)
#define TINYML_STEP_1 \
    "ldm.w r0!, {r2, r3, r6, r7}\n" \
    "ldm.w r1!, {r8-r11}\n" TINYML_FOUR_TAPS_1(r2, r3, r8, r9) TINYML_FOUR_TAPS_1(r6, r7, r10, r11)

/* Steps over int16 weights */
#define TINYML_WIDE_STEP_4 \
    "ldrd r2, r3, [r0], #8\n" \
    "ldrd r12, lr, [r1], #8\n" \
    "smlad r4, r2, r12, r4\n" \
    "smlad r8, r3, r12, r8\n" \
    "smlad r5, r2, lr, r5\n" \
    "smlad r9, r3, lr, r9\n" \
    "ldrd r12, lr, [r1], #8\n" \
    "smlad r6, r2, r12, r6\n" \
    "smlad r10, r3, r12, r10\n" \
    "smlad r7, r2, lr, r7\n" \
    "smlad r11, r3, lr, r11\n"
#define TINYML_WIDE_FIRST_STEP_4 \
    "ldrd r2, r3, [r0], #8\n" \
    "ldrd r12, lr, [r1], #8\n" TINYML_FIRST_SUMS_4
#define TINYML_WIDE_TWO_TAPS_2(x0, x1) \
    "ldrd r2, r3, [r0], #8\n" \
    "smlad r4, r2, " #x0 ", r4\n" \
    "smlad r5, r2, " #x1 ", r5\n" \
    "smlad r6, r3, " #x0 ", r6\n" \
    "smlad r7, r3, " #x1 ", r7\n"
#define TINYML_WIDE_STEP_2 \
    "ldm.w r1!, {r9-r12}\n" TINYML_WIDE_TWO_TAPS_2(r9, r10) TINYML_WIDE_TWO_TAPS_2(r11, r12)
#define TINYML_WIDE_FOUR_TAPS_1(x0, x1) \
    "ldm.w r0!, {r2, r3, r6, r7}\n" \
    "smlad r4, r2, " #x0 ", r4\n" \
    "smlad r5, r3, " #x0 ", r5\n" \
    "smlad r4, r6, " #x1 ", r4\n" \
    "smlad r5, r7, " #x1 ", r5\n"
#define TINYML_WIDE_HALF_STEP_1 "ldrd r8, r9, [r1], #8\n" TINYML_WIDE_FOUR_TAPS_1(r8, r9)
#define TINYML_WIDE_STEP_1 "ldm.w r1!, {r8-r11}\n" TINYML_WIDE_FOUR_TAPS_1(r8, r9) TINYML_WIDE_FOUR_TAPS_1(r10, r11)

#define TINYML_APPLY(suffix, first_4, step_4, bytes_4, step_2, bytes_2, half_1, step_1, bytes_1) \
    TINYML_APPLY_4(tinyml_apply_4_single##suffix, TINYML_ENDS_BYTES, TINYML_SINGLE_4, first_4, step_4, bytes_4) \
    TINYML_APPLY_2(tinyml_apply_2_single##suffix, TINYML_ENDS_BYTES, TINYML_SINGLE_2, step_2, bytes_2) \
    TINYML_APPLY_1(tinyml_apply_1_single##suffix, TINYML_ENDS_BYTES, TINYML_SINGLE_1, half_1, step_1, bytes_1) \
    TINYML_APPLY_4(tinyml_apply_4_tflite##suffix, TINYML_ENDS_BYTES, TINYML_TFLITE_4, first_4, step_4, bytes_4) \
    TINYML_APPLY_2(tinyml_apply_2_tflite##suffix, TINYML_ENDS_BYTES, TINYML_TFLITE_2, step_2, bytes_2) \
    TINYML_APPLY_1(tinyml_apply_1_tflite##suffix, TINYML_ENDS_BYTES, TINYML_TFLITE_1, half_1, step_1, bytes_1) \
    TINYML_APPLY_4(tinyml_apply_4_sums##suffix, TINYML_ENDS_SUMS(4), TINYML_SUMS_4, first_4, step_4, bytes_4) \
    TINYML_APPLY_2(tinyml_apply_2_sums##suffix, TINYML_ENDS_SUMS(3), TINYML_SUMS_2, step_2, bytes_2) \
    TINYML_APPLY_1(tinyml_apply_1_sums##suffix, TINYML_ENDS_SUMS(2), TINYML_SUMS_1, half_1, step_1, bytes_1)

TINYML_APPLY(, TINYML_FIRST_STEP_4, TINYML_STEP_4, 52, TINYML_STEP_2, 56, TINYML_HALF_STEP_1, TINYML_STEP_1, 72)
TINYML_APPLY(_wide, TINYML_WIDE_FIRST_STEP_4, TINYML_WIDE_STEP_4, 44, TINYML_WIDE_STEP_2, 44, TINYML_WIDE_HALF_STEP_1,
             TINYML_WIDE_STEP_1, 44)

#endif
