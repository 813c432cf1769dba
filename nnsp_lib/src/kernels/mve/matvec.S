/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * int8 weights times int16 activations with Helium, eight rows at a time. Assembly, because the
 * sums of eight rows take all eight even registers that VMLADAVA can add to, LR too, so that no
 * low-overhead loop is left: the loop is unrolled, and entered where its first pass has to begin.
 *
 * In every loop: r5 activations; r1 weights of rows 0-3, r3 of rows 4-7, which are the next group;
 * r0, r2, r4, r6 and r8, r10, r12, lr the sums; r9 passes left; besides r7 y, r11 groups left.
 *
 * Requantised are four rows as one vector: VMULH of sum and multiplier * 2^16 is floor(sum *
 * multiplier / 2^16), and as a shift of 17 and more leaves the half that it adds above those 16
 * bits, VRSHL by the rest rounds exactly. Smaller shifts go to plain C.
 */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

    .equ PASS_BLOCKS, 8 /* in a pass of the unrolled loop */
    .equ BLOCK_BYTES, 17 * 4
    .equ LEAST_SHIFT, 17

/*
 * One block of eight activations times eight rows. \add is `a` to add to the sums, nothing to begin
 * them. Loads and products take turns, as the M55 executes the one while the other is still at
 * work.
 */
.macro eight_rows add
    vldrh.u16 q0, [r5], #16
    vldrb.s16 q1, [r1], #8
    vldrb.s16 q2, [r1], #8
    vmladav\add\().s16 r0, q0, q1
    vldrb.s16 q1, [r1], #8
    vmladav\add\().s16 r2, q0, q2
    vldrb.s16 q2, [r1], #8
    vmladav\add\().s16 r4, q0, q1
    vldrb.s16 q1, [r3], #8
    vmladav\add\().s16 r6, q0, q2
    vldrb.s16 q2, [r3], #8
    vmladav\add\().s16 r8, q0, q1
    vldrb.s16 q1, [r3], #8
    vmladav\add\().s16 r10, q0, q2
    vldrb.s16 q2, [r3], #8
    vmladav\add\().s16 r12, q0, q1
    vmladav\add\().s16 lr, q0, q2
.endm

/* Sums of eight rows over all blocks; entry: where the passes begin, or the end. */
.macro sum_eight_rows name, entry
    eight_rows
    ldr     pc, \entry
\name\()_pass:
    .rept PASS_BLOCKS
    eight_rows a
    .endr
    .if . - \name\()_pass - PASS_BLOCKS * BLOCK_BYTES
    .error "a block has another size"
    .endif
    subs    r9, #1
    bne     \name\()_pass
\name\()_end:
.endm

/* Sums of four rows, where there are not eight any more. */
.macro sum_four_rows blocks
    mov     r0, #0
    mov     r2, #0
    mov     r4, #0
    mov     r6, #0
    dls     lr, \blocks
1:  vldrh.u16 q0, [r5], #16
    vldrb.s16 q1, [r1], #8
    vldrb.s16 q2, [r1], #8
    vmladava.s16 r0, q0, q1
    vldrb.s16 q1, [r1], #8
    vmladava.s16 r2, q0, q2
    vldrb.s16 q2, [r1], #8
    vmladava.s16 r4, q0, q1
    vmladava.s16 r6, q0, q2
    le      lr, 1b
.endm

.macro gather q, s0, s1, s2, s3
    vmov    \q[2], \q[0], \s0, \s2
    vmov    \q[3], \q[1], \s1, \s3
.endm

/* For \blocks, at least 1: passes after the first block, and where they begin. */
.macro plan name, blocks, passes, entry, temporary
    add     \passes, \blocks, #PASS_BLOCKS - 2
    lsr     \passes, \passes, #3
    sub     \temporary, \blocks, #1
    rsb     \temporary, \temporary, \passes, lsl #3
    mov     \entry, #BLOCK_BYTES
    mul     \temporary, \temporary, \entry
    adr     \entry, \name\()_pass
    add     \entry, \entry, \temporary
    cmp     \blocks, #1
    it      eq
    adreq   \entry, \name\()_end
    orr     \entry, \entry, #1
.endm

/* sums: of four rows; \weights after their last block. r2: 16 - shift, r7: y. */
.macro requantise sums, weights
    vldrw.u32 q3, [\weights], #16
    vadd.i32 \sums, \sums, q3
    vldrh.u32 q3, [\weights], #8
    vshl.i32 q3, q3, #16
    vmulh.s32 \sums, \sums, q3
    vrshl.s32 \sums, r2
    vqmovnb.s32 \sums, \sums
    vstrh.32 \sums, [r7], #8
.endm

/*
 * void nnsp_matvec_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x, unsigned rows,
 * unsigned cols, int16_t *y) Frame: x, passes, bytes of a group, entry, 16 - shift, blocks, groups.
 */
    .section .text.nnsp_matvec_s8_s16, "ax", %progbits
    .balign 4
    .global nnsp_matvec_s8_s16
    .type   nnsp_matvec_s8_s16, %function
nnsp_matvec_s8_s16:
    cmp     r1, #LEAST_SHIFT
    bhs     1f
    b       nnsp_matvec_generic_s8_s16
1:  push    {r4-r11, lr}
    sub     sp, #28
    ldr     r4, [sp, #64] /* cols */
    ldr     r7, [sp, #68] /* y */
    add     r4, #7
    lsr     r4, #3
    plan    matvec, r4, r6, r9, r8
    strd    r2, r6, [sp]
    lsl     r5, r4, #5
    add     r5, #4 * NNSP_ROWS_WORDS
    strd    r5, r9, [sp, #8]
    rsb     r1, #16
    strd    r1, r4, [sp, #16]
    add     r3, #3
    lsr     r3, #2
    str     r3, [sp, #24]
    mov     r1, r0
    lsrs    r11, r3, #1
    beq     matvec_last
matvec_groups:
    ldrd    r5, r9, [sp]
    ldr     r3, [sp, #8]
    add     r3, r1
    sum_eight_rows matvec, "[sp, #12]"
    gather  q0, r0, r2, r4, r6
    gather  q1, r8, r10, r12, lr
    ldr     r2, [sp, #16]
    requantise q0, r1
    requantise q1, r3
    mov     r1, r3
    subs    r11, #1
    bne     matvec_groups
matvec_last:
    ldr     r0, [sp, #24]
    tst     r0, #1
    beq     matvec_return
    ldr     r5, [sp]
    ldr     r3, [sp, #20]
    sum_four_rows r3
    gather  q0, r0, r2, r4, r6
    ldr     r2, [sp, #16]
    requantise q0, r1
matvec_return:
    add     sp, #28
    pop     {r4-r11, pc}
    .size   nnsp_matvec_s8_s16, . - nnsp_matvec_s8_s16

/*
 * sums_x, sums_h: of four rows; \weights after their last block. The sum of both products over
 * 2^16 is that of their upper parts and the carry of the lower; VMUL puts the lower 16 bits in the
 * upper half of a lane, VHADD keeps the carry of their sum. r2: 16 - shift, r7: y.
 */
.macro requantise_gates sums_x, sums_h, weights
    vldrw.u32 q2, [\weights], #16
    vadd.i32 \sums_x, \sums_x, q2
    vldrh.u32 q2, [\weights], #8
    vshl.i32 q2, q2, #16
    vmul.i32 q3, \sums_x, q2
    vmulh.s32 \sums_x, \sums_x, q2
    vldrh.u32 q2, [\weights], #8
    vshl.i32 q2, q2, #16
    vmul.i32 q6, \sums_h, q2
    vmulh.s32 \sums_h, \sums_h, q2
    vhadd.u32 q3, q3, q6
    vshr.u32 q3, q3, #31
    vadd.i32 \sums_x, \sums_x, \sums_h
    vadd.i32 \sums_x, \sums_x, q3
    vrshl.s32 \sums_x, r2
    vqmovnb.s32 \sums_x, \sums_x
    vstrh.32 \sums_x, [r7], #8
.endm

/*
 * void nnsp_gates_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x, unsigned cols,
 * const int16_t *h, unsigned units,
 *                        int16_t *y)
 * Frame: x, passes, h, passes, bytes of a group, entry of x, entry of h, 16 - shift, blocks of x,
 * of h, units.
 */
    .section .text.nnsp_gates_s8_s16, "ax", %progbits
    .balign 4
    .global nnsp_gates_s8_s16
    .type   nnsp_gates_s8_s16, %function
nnsp_gates_s8_s16:
    cmp     r1, #LEAST_SHIFT
    bhs     1f
    b       nnsp_gates_generic_s8_s16
1:  push    {r4-r11, lr}
    vpush   {d8-d13}
    sub     sp, #44
    ldrd    r4, r5, [sp, #128] /* h, units */
    ldr     r7, [sp, #136] /* y */
    str     r5, [sp, #40]
    add     r3, #7
    lsr     r3, #3
    add     r5, #7
    lsr     r5, #3
    strd    r3, r5, [sp, #32]
    plan    gates_x, r3, r6, r9, r8
    strd    r2, r6, [sp]
    str     r9, [sp, #20]
    plan    gates_h, r5, r6, r9, r8
    strd    r4, r6, [sp, #8]
    rsb     r1, #16
    strd    r9, r1, [sp, #24]
    add     r3, r5
    lsl     r3, #5
    add     r3, #4 * NNSP_GATES_WORDS
    str     r3, [sp, #16]
    mov     r1, r0
    ldr     r11, [sp, #40]
    lsrs    r11, #1
    beq     gates_last
gates_groups:
    ldrd    r5, r9, [sp]
    ldr     r3, [sp, #16]
    add     r3, r1
    sum_eight_rows gates_x, "[sp, #20]"
    gather  q4, r0, r2, r4, r6
    gather  q5, r8, r10, r12, lr
    ldrd    r5, r9, [sp, #8]
    sum_eight_rows gates_h, "[sp, #24]"
    gather  q0, r0, r2, r4, r6
    gather  q1, r8, r10, r12, lr
    ldr     r2, [sp, #28]
    requantise_gates q4, q0, r1
    requantise_gates q5, q1, r3
    mov     r1, r3
    subs    r11, #1
    bne     gates_groups
gates_last:
    ldr     r0, [sp, #40]
    tst     r0, #1
    beq     gates_return
    ldr     r5, [sp]
    ldr     r3, [sp, #32]
    sum_four_rows r3
    gather  q4, r0, r2, r4, r6
    ldr     r5, [sp, #8]
    ldr     r3, [sp, #36]
    sum_four_rows r3
    gather  q0, r0, r2, r4, r6
    ldr     r2, [sp, #28]
    requantise_gates q4, q0, r1
gates_return:
    add     sp, #44
    vpop    {d8-d13}
    pop     {r4-r11, pc}
    .size   nnsp_gates_s8_s16, . - nnsp_gates_s8_s16

#endif
