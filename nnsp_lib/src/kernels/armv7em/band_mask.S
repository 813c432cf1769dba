/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assembly for two segments a turn, whose ends change places in the registers, and two bins a word
 * of weights.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

/*
 * Bins of the segment from \e0 to \e1, which is loaded, on the way from mask \m0 to \m1, which is
 * loaded too.
 */
.macro segment m0, m1, e0, e1
    ldrsh   \m1, [r0], #2
    ldrh    \e1, [r2], #2
    sub     r9, \m1, \m0
    lsl     r9, r9, #1
    sub     r10, \e1, \e0
    lsrs    r10, r10, #1
    ittt    cs
    ldrshcs r11, [r3], #2
    smlawbcs r11, r9, r11, \m0
    strhcs  r11, [r4], #2
    beq     9f
8:
    ldr     r11, [r3], #4
    smlawb  r12, r9, r11, \m0
    smlawt  r11, r9, r11, \m0
    subs    r10, r10, #1
    strh    r11, [r4, #2]
    strh    r12, [r4], #4
    bne     8b
9:
.endm

/* r10 bins, or none, of mask \m */
.macro fill m
8:
    subs    r10, r10, #1
    it      hs
    strhhs  \m, [r4], #2
    bhi     8b
.endm

/*
 * void nnsp_band_mask_s16(band, count, edge, rising, mask, bins); r4: mask, r5 and r6: two bands,
 * r7 and r8: two edges
 */
    .section .text.nnsp_band_mask_s16, "ax", %progbits
    .align 2
    .global nnsp_band_mask_s16
    .type nnsp_band_mask_s16, %function
    .thumb_func
nnsp_band_mask_s16:
    push    {r4-r12, lr}
    ldr     r4, [sp, #40]
    ldrsh   r5, [r0], #2
    ldrh    r7, [r2, #2]
    adds    r2, r2, #4
    add     r3, r3, r7, lsl #1
    mov     r10, r7
    fill    r5
    subs    r1, r1, #1
    lsrs    r1, r1, #1
    bcc     2f
    segment r5, r6, r7, r8
    mov     r5, r6
    mov     r7, r8
2:
    cmp     r1, #0
    beq     4f
3:
    segment r5, r6, r7, r8
    segment r6, r5, r8, r7
    subs    r1, r1, #1
    bne     3b
4:
    ldr     r10, [sp, #44]
    sub     r10, r10, r7
    fill    r5
    pop     {r4-r12, pc}
    .size nnsp_band_mask_s16, . - nnsp_band_mask_s16

#endif
