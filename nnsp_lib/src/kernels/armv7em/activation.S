/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tanh and sigmoid, two values at a time: SSUB16 and SEL take two magnitudes at once and keep the
 * signs in the GE flags to the end. A compiler does not use them.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

    .equ STEP_BITS, 6 /* NNSP_TANH_STEP_BITS */

/*
 * |tanh| in Q16 of both halves of r4, r8 and r9; GE says where the half is 0 or less. r1: table,
 * r3: what is added before a step's part is divided by 2^STEP_BITS, r12: 0. Spoils r5-r7.
 */
.macro magnitudes
    ssub16  r5, r12, r4
    sel     r5, r5, r4
    ubfx    r6, r5, #STEP_BITS, #(16 - STEP_BITS)
    lsr     r7, r5, #(16 + STEP_BITS)
    ldr     r8, [r1, r6, lsl #2]
    ldr     r9, [r1, r7, lsl #2]
    and     r5, r5, #0x003F003F
    smlatb  r6, r8, r5, r3
    smlatt  r7, r9, r5, r3
    asr     r6, r6, #STEP_BITS
    asr     r7, r7, #STEP_BITS
    uxtah   r8, r6, r8
    uxtah   r9, r7, r9
.endm

/* r4 = tanh in Q15; r3 holds the 1 that rounds Q16 to Q15, too. QSUB16 leaves GE as it is. */
.macro tanh_pair
    magnitudes
    usat    r8, #15, r8, asr #1
    usat    r9, #15, r9, asr #1
    pkhbt   r8, r8, r9, lsl #16
    qsub16  r9, r12, r8
    sel     r4, r9, r8
.endm

/*
 * r4 = (65538 +- tanh) / 4, for sigmoid(x) = (1 + tanh(x / 2)) / 2; r3 holds the 65538, too. lr: 2
 * * 65538
 */
.macro sigmoid_pair
    magnitudes
    lsls    r5, r4, #16
    it      mi
    rsbmi   r8, r8, lr
    cmp     r4, #0
    it      mi
    rsbmi   r9, r9, lr
    usat    r8, #15, r8, asr #2
    usat    r9, #15, r9, asr #2
    pkhbt   r4, r8, r9, lsl #16
.endm

/* void \name(int16_t *x, unsigned n) */
.macro activation name, pair, added
    .section .text.\name, "ax", %progbits
    .align 2
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push    {r4-r9, lr}
    subs    r2, r1, #4
    movw    r1, #:lower16:nnsp_tanh_table
    movt    r1, #:upper16:nnsp_tanh_table
    movw    r3, #(((\added) << STEP_BITS) + (1 << (STEP_BITS - 1))) & 0xFFFF
    movt    r3, #(((\added) << STEP_BITS) + (1 << (STEP_BITS - 1))) >> 16
    mov     r12, #0
    movw    lr, #4
    movt    lr, #2
    blt     2f
1:
    ldr     r4, [r0]
    \pair
    str     r4, [r0], #4
    ldr     r4, [r0]
    \pair
    str     r4, [r0], #4
    subs    r2, r2, #4
    bge     1b
2:
    tst     r2, #2
    beq     3f
    ldr     r4, [r0]
    \pair
    str     r4, [r0], #4
3:
    tst     r2, #1
    beq     4f
    ldrh    r4, [r0]
    \pair
    strh    r4, [r0]
4:
    pop     {r4-r9, pc}
    .size \name, . - \name
.endm

    activation nnsp_tanh_s16, tanh_pair, 1
    activation nnsp_sigmoid_s16, sigmoid_pair, 65538

#endif
