/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assembly for the 64-bit sum of two products in two registers, and for SSAT, USAT and SMLATB, none
 * of which a compiler finds here.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

    .equ STEP_BITS, 6 /* NNSP_TANH_STEP_BITS */

/*
 * void nnsp_lstm_update_s16(const int16_t *gates, unsigned n, int32_t *c, int16_t *h); r0: i, r4:
 * from i to f, r5: from i to o
 */
    .section .text.nnsp_lstm_update_s16, "ax", %progbits
    .align 2
    .global nnsp_lstm_update_s16
    .type nnsp_lstm_update_s16, %function
    .thumb_func
nnsp_lstm_update_s16:
    push    {r4-r11, lr}
    cmp     r1, #0
    beq     2f
    lsl     r4, r1, #1
    add     r5, r4, r4, lsl #1
    movw    r6, #:lower16:nnsp_tanh_table
    movt    r6, #:upper16:nnsp_tanh_table
    mov     lr, #((1 << STEP_BITS) + (1 << (STEP_BITS - 1)))
1:
    ldrsh   r7, [r0, r4]
    ldrsh   r8, [r0]
    ldrsh   r9, [r0, r4, lsl #1]
    ldr     r10, [r2]
    mov     r11, #(1 << 14)
    mov     r12, #0
    smlal   r11, r12, r10, r7
    smulbb  r8, r8, r9
    adds    r11, r11, r8, lsl #8
    adc     r12, r12, r8, asr #24
    /* c = r12:r11 >> 15, saturated where bits 46 and up are not all its sign */
    lsr     r11, r11, #15
    asr     r7, r12, #31
    cmp     r7, r12, asr #14
    orr     r11, r11, r12, lsl #17
    itt     ne
    eorne   r11, r7, #0x80000000
    mvnne   r11, r11
    str     r11, [r2], #4
    /* r7: c in Q12 */
    asr     r7, r11, #10
    add     r7, r7, #1
    ssat    r7, #16, r7, asr #1
    eor     r8, r7, r7, asr #31
    sub     r8, r8, r7, asr #31
    lsr     r9, r8, #STEP_BITS
    and     r8, r8, #((1 << STEP_BITS) - 1)
    ldr     r9, [r6, r9, lsl #2]
    ldrsh   r10, [r0, r5]
    smlatb  r8, r9, r8, lr
    asr     r8, r8, #STEP_BITS
    uxtah   r8, r8, r9
    usat    r8, #15, r8, asr #1
    eor     r8, r8, r7, asr #31
    sub     r8, r8, r7, asr #31
    mov     r11, #(1 << 14)
    smlabb  r8, r8, r10, r11
    asr     r8, r8, #15
    strh    r8, [r3], #2
    add     r0, r0, #2
    subs    r1, r1, #1
    bne     1b
2:
    pop     {r4-r11, pc}
    .size nnsp_lstm_update_s16, . - nnsp_lstm_update_s16

#endif
