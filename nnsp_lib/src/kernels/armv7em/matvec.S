/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * int8 weights times int16 activations in row pairs (docs/kernels.md). Assembly, because the sums,
 * pointers and operands of four rows fill all fourteen registers, which no compiler keeps without
 * spilling.
 *
 * In every loop: r0 weights, r1 activations, r2-r5 weights and r6-r7 activations of four columns;
 * rows 0, 1: r8:r9 = sum of the pairs, r10 = sum of row 0; rows 2, 3: r11:r12 and lr.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

    .equ PASS_BLOCKS, 8 /* in a pass of the unrolled loop */

/* Two columns of both pairs: SMLALD adds 256 * odd + even of a pair, SMLAD the even row alone. */
.macro columns weights, other, x
    smlald  r8, r9, \weights, \x
    sxtb16  \weights, \weights
    smlad   r10, \weights, \x, r10
    smlald  r11, r12, \other, \x
    sxtb16  \other, \other
    smlad   lr, \other, \x, lr
.endm

/*
 * Four columns; the pointers move on, and in the last two loads, so that no address waits for them.
 */
.macro half_block on_x, on_weights
    ldr     r7, [r1, #4]
    ldr     r3, [r0, #4]
    ldr     r4, [r0, #8]
    ldr     r5, [r0, #12]
    ldr     r6, [r1], #\on_x
    ldr     r2, [r0], #\on_weights
    columns r2, r4, r6
    columns r3, r5, r7
.endm

/*
 * The first block of a group starts the sums. 2 * 32639 * 32768 < 2^31: no SMUAD overflows. Its
 * first half is loaded by LDM: one cycle more, four instructions fewer.
 */
.macro first_block
    ldm     r0!, {r2-r5}
    ldrd    r6, r7, [r1], #8
    smuad   r8, r2, r6
    sxtb16  r2, r2
    smuad   r10, r2, r6
    asr     r9, r8, #31
    smuad   r11, r4, r6
    sxtb16  r4, r4
    smuad   lr, r4, r6
    asr     r12, r11, #31
    columns r3, r5, r7
    half_block 8, 16
.endm

/* Loads in chains, where each but the first takes one cycle. */
.macro next_block
    ldr     r6, [r1, #8]
    ldr     r7, [r1, #12]
    ldr     r2, [r0, #16]
    ldr     r3, [r0, #20]
    ldr     r4, [r0, #24]
    ldr     r5, [r0, #28]
    columns r2, r4, r6
    columns r3, r5, r7
    half_block 16, 32
.endm

/*
 * The other blocks, entered at an address in the frame: the first pass may be shorter. NE says that
 * passes follow.
 */
.macro passes name
\name\()_begin:
    .rept PASS_BLOCKS
    next_block
    .endr
\name\()_end:
    bne     \name\()_again
.endm

/* Out of line. Z becomes set before the last pass. */
.macro again name, last
\name\()_again:
    ldr     r2, [sp, #\last]
    cmp     r1, r2
    b       \name\()_begin
.endm

/*
 * Frame words from \at: the vector in r2, where its first pass is entered, its value when the last
 * begins. Sets \more in r1 for passes after the first. r6: columns; spoils r2, r6-r9.
 */
.macro plan name, at, more
    str     r2, [sp, #\at]
    add     r6, r6, #7
    lsr     r6, r6, #3
    add     r2, r2, r6, lsl #4
    sub     r2, r2, #(16 * PASS_BLOCKS)
    str     r2, [sp, #\at + 8]
    subs    r6, r6, #1
    it      ne
    subne   r7, r6, #1
    ite     ne
    andne   r7, r7, #(PASS_BLOCKS - 1)
    moveq   r7, #-1
    add     r7, r7, #1
    cmp     r7, r6
    it      ne
    orrne   r1, r1, #\more
    adr.w   r8, \name\()_end
    mov     r9, #((\name\()_end - \name\()_begin) / PASS_BLOCKS)
    mls     r8, r7, r9, r8
    orr     r8, r8, #1
    str     r8, [sp, #\at + 4]
.endm

/*
 * shift - 16, its rounding and the rows' addresses \y, \y + rows (r3), to the first four frame
 * words. Spoils r3, r6.
 */
.macro outputs y
    sub     r1, r1, #16
    sub     r6, r1, #1
    mov     r7, #1
    lsl     r6, r7, r6
    add     r3, r3, #3
    bic     r3, r3, #3
    add     r3, \y, r3, lsl #1
    str     r6, [sp, #4]
    strd    \y, r3, [sp, #8]
.endm

    .equ MORE, 256 /* beside shift - 16; ASR takes a register's lowest byte alone */
    .equ MORE_H, 512

    .section .text.nnsp_matvec_s8_s16, "ax", %progbits
    .align 2
    .global nnsp_matvec_s8_s16
    .type nnsp_matvec_s8_s16, %function
    .thumb_func
nnsp_matvec_s8_s16:
    cmp     r1, #17
    blo.w   nnsp_matvec_generic_s8_s16
    push    {r4-r11, lr}
    sub     sp, #28
    ldrd    r6, r4, [sp, #64] /* cols, y */
    outputs r4
    ldr     r6, [sp, #64]
    plan    matvec, 16, MORE
    str     r1, [sp]
    mov     r2, r1
    b       matvec_group

    again   matvec, 24
    passes  matvec
    ldm     r0!, {r2-r7} /* biases, multipliers */
    subs    r8, r8, r10
    sbc     r9, r9, r10, asr #31
    add     r8, r3, r8, lsr #8
    add     r8, r8, r9, lsl #24
    subs    r11, r11, lr
    sbc     r12, r12, lr, asr #31
    add     r11, r5, r11, lsr #8
    add     r11, r11, r12, lsl #24
    add     r10, r10, r2
    add     lr, lr, r4
    ldm     sp, {r2-r5} /* shift - 16, rounding, y, its end */
    smlawb  r10, r10, r6, r3
    smlawt  r8, r8, r6, r3
    smlawb  lr, lr, r7, r3
    smlawt  r11, r11, r7, r3
    asr     r10, r10, r2
    asr     r8, r8, r2
    asr     lr, lr, r2
    asr     r11, r11, r2
    ssat    r10, #16, r10
    ssat    r8, #16, r8
    ssat    lr, #16, lr
    ssat    r11, #16, r11
    pkhbt   r10, r10, r8, lsl #16
    pkhbt   r11, lr, r11, lsl #16
    str     r11, [r4, #4]
    str     r10, [r4], #8
    str     r4, [sp, #8]
    cmp     r4, r5
    beq     matvec_done
matvec_group:
    tst     r2, #MORE
    ldr     r1, [sp, #16]
    first_block
    ldr     pc, [sp, #20]

matvec_done:
    add     sp, #28
    pop     {r4-r11, pc}
    .size nnsp_matvec_s8_s16, . - nnsp_matvec_s8_s16

/*
 * One gate. acc * m + rec * n has 48 bits: its upper 32 are those of the two products and the carry
 * of their lower halves. r2: shift - 16, r3: rounding, r6: two multipliers, r7: two recurrent ones.
 */
.macro gate acc, rec, half
    smulb\half  r12, \acc, r6
    smlaw\half  \acc, \acc, r6, r3
    smlaw\half  \acc, \rec, r7, \acc
    smulb\half  \rec, \rec, r7
    uxth    r12, r12
    uxtah   r12, r12, \rec
    add     \acc, \acc, r12, lsr #16
    asr     \acc, \acc, r2
    ssat    \acc, #16, \acc
.endm

/* Odd rows of the sums, where no bias follows. */
.macro odd_rows
    subs    r8, r8, r10
    sbc     r9, r9, r10, asr #31
    lsr     r8, r8, #8
    orr     r8, r8, r9, lsl #24
    subs    r11, r11, lr
    sbc     r12, r12, lr, asr #31
    lsr     r11, r11, #8
    orr     r11, r11, r12, lsl #24
.endm

    .section .text.nnsp_gates_s8_s16, "ax", %progbits
    .align 2
    .global nnsp_gates_s8_s16
    .type nnsp_gates_s8_s16, %function
    .thumb_func
nnsp_gates_s8_s16:
    cmp     r1, #17
    blo.w   nnsp_gates_generic_s8_s16
    push    {r4-r11, lr}
    sub     sp, #56
    mov     r5, r3
    ldrd    r3, r4, [sp, #96] /* units, y */
    lsl     r3, r3, #2
    outputs r4
    mov     r6, r5
    plan    gates_x, 16, MORE
    ldrd    r2, r6, [sp, #92] /* h, units */
    plan    gates_h, 28, MORE_H
    str     r1, [sp]
    mov     r2, r1
    b       gates_group

    again   gates_x, 24
    passes  gates_x
    odd_rows
    str     r10, [sp, #40]
    str     r8, [sp, #44]
    str     lr, [sp, #48]
    str     r11, [sp, #52]
    ldr     r2, [sp]
    ldr     r1, [sp, #28]
    tst     r2, #MORE_H
    first_block
    ldr     pc, [sp, #32]

    again   gates_h, 36
    passes  gates_h
    odd_rows
    ldr     r1, [sp, #40]
    ldr     r9, [sp, #44]
    ldr     r2, [sp]
    ldr     r3, [sp, #4]
    ldr     r4, [r0]
    ldr     r5, [r0, #4]
    ldr     r6, [r0, #16]
    ldr     r7, [r0, #24]
    add     r1, r1, r4
    add     r9, r9, r5
    gate    r1, r10, b
    gate    r9, r8, t
    pkhbt   r8, r1, r9, lsl #16
    ldr     r1, [sp, #48]
    ldr     r9, [sp, #52]
    ldr     r4, [r0, #8]
    ldr     r5, [r0, #12]
    ldr     r6, [r0, #20]
    ldr     r7, [r0, #28]
    add     r1, r1, r4
    add     r9, r9, r5
    gate    r1, lr, b
    gate    r9, r11, t
    pkhbt   r9, r1, r9, lsl #16
    ldr     r4, [sp, #8]
    ldr     r5, [sp, #12]
    add     r0, #32
    str     r9, [r4, #4]
    str     r8, [r4], #8
    str     r4, [sp, #8]
    cmp     r4, r5
    beq     gates_done
gates_group:
    tst     r2, #MORE
    ldr     r1, [sp, #16]
    first_block
    ldr     pc, [sp, #20]

gates_done:
    add     sp, #56
    pop     {r4-r11, pc}
    .size nnsp_gates_s8_s16, . - nnsp_gates_s8_s16

#endif
