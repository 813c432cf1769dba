/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stages for a distance q of a butterfly's points that is known here: two pointers, a count and
 * eleven words of data are all that a Cortex-M4 has, so every address must be an immediate offset;
 * compilers spill.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

/* y = x * w / 2; rounded as nnsp_rotate32 does. \xr becomes y's imaginary part. */
.macro rotate yr, xr, xi, wr, wi
    smmulr  \yr, \xr, \wr
    smmlsr  \yr, \xi, \wi, \yr
    smmulr  \xr, \xr, \wi
    smmlar  \xr, \xi, \wr, \xr
.endm

.macro function name
    .section .text.\name, "ax", %progbits
    .align 2
    .global \name
    .type \name, %function
    .thumb_func
\name:
.endm

/*
 * void nnsp_fft_stage_<q>(int32_t *z, unsigned n, const int32_t *w): one radix-4 stage over n
 * points. r0: point j of a butterfly's first quarter, from q - 1 down to 0; r1: its twiddles; r2: j
 * + 1. Frame: the end of the points.
 */
.macro stage q
    function nnsp_fft_stage_\q
    push    {r4-r11, lr}
    add     r5, r0, r1, lsl #3
    push    {r5}
    add     r0, r0, #(8 * (\q - 1))
    add     r1, r2, #(8 * (\q - 1))
1:
    mov     r2, #\q
2:
    ldr     r3, [r1, #(8 * \q)]
    ldr     r4, [r1, #(8 * \q + 4)]
    ldr     r5, [r0, #(8 * \q)]
    ldr     r6, [r0, #(8 * \q + 4)]
    ldr     r7, [r0]
    ldr     r8, [r0, #4]
    rotate  r9, r5, r6, r3, r4
    add     r6, r9, r7, asr #1
    rsb     r7, r9, r7, asr #1
    add     r9, r5, r8, asr #1
    rsb     r8, r5, r8, asr #1
    ldr     r5, [r0, #(16 * \q)]
    ldr     r10, [r0, #(16 * \q + 4)]
    ldr     r4, [r1, #4]
    ldr     r11, [r1], #-8
    rotate  r12, r5, r10, r11, r4
    ldr     r4, [r0, #(24 * \q)]
    ldr     r10, [r0, #(24 * \q + 4)]
    ldr     r3, [r1, #(16 * \q + 8)]
    ldr     r11, [r1, #(16 * \q + 12)]
    subs    r2, r2, #1
    rotate  lr, r4, r10, r3, r11
    add     r10, r12, lr
    sub     r12, r12, lr
    add     r11, r5, r4
    sub     r5, r5, r4
    add     r3, r6, r10
    add     r4, r9, r11
    sub     r6, r6, r10
    sub     r9, r9, r11
    add     r10, r7, r5
    sub     r11, r8, r12
    sub     r7, r7, r5
    add     r8, r8, r12
    str     r10, [r0, #(8 * \q)]
    str     r11, [r0, #(8 * \q + 4)]
    str     r6, [r0, #(16 * \q)]
    str     r9, [r0, #(16 * \q + 4)]
    str     r7, [r0, #(24 * \q)]
    str     r8, [r0, #(24 * \q + 4)]
    str     r4, [r0, #4]
    str     r3, [r0], #-8
    bne     2b
    ldr     r3, [sp]
    add     r0, r0, #(40 * \q)
    add     r1, r1, #(8 * \q)
    cmp     r0, r3
    blo     1b
    pop     {r3-r11, pc}
    .size nnsp_fft_stage_\q, . - nnsp_fft_stage_\q
.endm

    stage 2
    stage 4
    stage 8
    stage 16
    stage 32
    stage 64
    stage 128

/* void nnsp_fft_quads(int32_t *z, unsigned n): the stage without twiddles, of four points each. */
    function nnsp_fft_quads
    push    {r4-r11, lr}
    add     lr, r0, r1, lsl #3
1:
    ldm     r0, {r2-r9}
    add     r10, r2, r4
    sub     r2, r2, r4
    add     r11, r3, r5
    sub     r3, r3, r5
    add     r4, r6, r8
    sub     r12, r6, r8
    add     r5, r7, r9
    sub     r6, r7, r9
    sub     r8, r10, r4
    add     r4, r10, r4
    sub     r9, r11, r5
    add     r5, r11, r5
    sub     r7, r3, r12
    add     r11, r3, r12
    sub     r10, r2, r6
    add     r6, r2, r6
    stm     r0!, {r4-r11}
    cmp     r0, lr
    blo     1b
    pop     {r4-r11, pc}
    .size nnsp_fft_quads, . - nnsp_fft_quads

#endif
