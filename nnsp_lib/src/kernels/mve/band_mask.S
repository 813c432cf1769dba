/* SPDX-License-Identifier: BSD-3-Clause */
/* Eight bins of a segment at a time: VQDMULH of weights and step is (step * rising) >> 15. */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

/* r8: bins from edge \e on of mask \m */
.macro fill m, e
    add     r7, r4, \e, lsl #1
    vdup.16 q0, \m
    wlstp.16 lr, r8, 2f
1:  vstrh.16 q0, [r7], #16
    letp    lr, 1b
2:
.endm

/*
 * void nnsp_band_mask_s16(band, count, edge, rising, mask, bins); r4: mask, r5, r9: two bands, r6,
 * r10: two edges
 */
    .section .text.nnsp_band_mask_s16, "ax", %progbits
    .balign 4
    .global nnsp_band_mask_s16
    .type   nnsp_band_mask_s16, %function
nnsp_band_mask_s16:
    push    {r4-r12, lr}
    ldr     r4, [sp, #40]
    ldrsh   r5, [r0], #2
    ldrh    r8, [r2, #2]
    add     r2, #4
    mov     r6, #0
    fill    r5, r6
    mov     r6, r8
    subs    r1, #1
    beq     4f
3:  ldrsh   r9, [r0], #2
    ldrh    r10, [r2], #2
    sub     r11, r9, r5
    sub     r12, r10, r6
    add     r7, r3, r6, lsl #1
    add     r8, r4, r6, lsl #1
    wlstp.16 lr, r12, 2f
1:  vldrh.u16 q0, [r7], #16
    vqdmulh.s16 q0, q0, r11
    vadd.i16 q0, q0, r5
    vstrh.16 q0, [r8], #16
    letp    lr, 1b
2:  mov     r5, r9
    mov     r6, r10
    subs    r1, #1
    bne     3b
4:  ldr     r8, [sp, #44]
    sub     r8, r6
    fill    r5, r6
    pop     {r4-r12, pc}
    .size   nnsp_band_mask_s16, . - nnsp_band_mask_s16

#endif
