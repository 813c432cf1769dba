/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assembly, because a gain is one MLA that leaves it in the upper half, where SMULWT takes it: 2^16
 * (floor + (mask (2^15 - floor) >> 15)) and a lower half that does not matter. The negative
 * imaginary part of the difference comes from the other of SMMLAR and SMMLSR.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

/*
 * void nnsp_masked_split(a, b, mask_a, mask_b, w, floor); r4: w, r5: 2^16 floor, r6: 2 (2^15 -
 * floor)
 */
    .section .text.nnsp_masked_split, "ax", %progbits
    .align 2
    .global nnsp_masked_split
    .type nnsp_masked_split, %function
    .thumb_func
nnsp_masked_split:
    push    {r4-r11, lr}
    ldrd    r4, r5, [sp, #36]
    rsb     r6, r5, #32768
    lsl     r6, r6, #1
    lsl     r5, r5, #16
1:
    ldrsh   r7, [r2], #2
    ldrsh   r8, [r3], #-2
    ldr     r9, [r0]
    ldr     r10, [r0, #4]
    ldr     r11, [r1]
    ldr     r12, [r1, #4]
    mla     r7, r7, r6, r5
    mla     r8, r8, r6, r5
    smulwt  r9, r9, r7
    smulwt  r10, r10, r7
    smulwt  r11, r11, r8
    smulwt  r12, r12, r8
    sub     r7, r9, r11
    add     r8, r10, r12
    asr     r9, r9, #1
    add     r9, r9, r11, asr #1
    asr     r10, r10, #1
    sub     r10, r10, r12, asr #1
    ldr     r11, [r4], #4
    ldr     r12, [r4], #4
    smmulr  lr, r7, r11
    smmlar  lr, r8, r12, lr
    smmulr  r7, r7, r12
    smmlsr  r7, r8, r11, r7
    add     r11, r10, lr
    add     r12, r9, r7
    sub     lr, lr, r10
    sub     r9, r9, r7
    str     r12, [r0, #4]
    str     r11, [r0], #8
    str     r9, [r1, #4]
    str     lr, [r1], #-8
    cmp     r0, r1
    bls     1b
    pop     {r4-r11, pc}
    .size nnsp_masked_split, . - nnsp_masked_split

#endif
