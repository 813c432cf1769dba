/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assembly for its chains of loads: compilers put SMLAWB between them, and each load takes two
 * cycles.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

/* r5, r6: sums of two samples with what is there; r0: sum, r1: z, r2: window, all moved on. */
.macro overlapped
    ldr     r4, [r1, #4]
    ldr     r7, [r0, #4]
    ldr     r8, [r2], #4
    ldr     r6, [r1], #8
    ldr     r5, [r0], #8
    smlawb  r5, r4, r8, r5
    smlawt  r6, r6, r8, r7
.endm

/* r12: shift - 1; (x >> r12) + 1 >> 1 rounds as x + 2^r12 >> r12 + 1 does, and cannot overflow. */
.macro narrow x
    asr     \x, \x, r12
    add     \x, \x, #1
    ssat    \x, #16, \x, asr #1
.endm

/*
 * void nnsp_overlap_add_s32(sum, z, window, size, hop, shift, out); r9: rest, r10: hop, r11: out,
 * lr: count
 */
    .section .text.nnsp_overlap_add_s32, "ax", %progbits
    .align 2
    .global nnsp_overlap_add_s32
    .type nnsp_overlap_add_s32, %function
    .thumb_func
nnsp_overlap_add_s32:
    push    {r4-r11, lr}
    mov     r9, r0
    ldrd    r10, r12, [sp, #36]
    ldr     r11, [sp, #44]
    sub     r12, r12, #1
    sub     r3, r3, r10
    lsrs    lr, r10, #1
    beq     2f
1:
    overlapped
    narrow  r5
    narrow  r6
    strh    r6, [r11, #2]
    strh    r5, [r11], #4
    subs    lr, lr, #1
    bne     1b
2:
    tst     r10, #1
    beq     3f
    overlapped
    narrow  r5
    strh    r5, [r11]
    str     r6, [r9], #4
    sub     r3, r3, #1
3:
    subs    r3, r3, #4
    blt     5f
4:
    overlapped
    str     r6, [r9, #4]
    str     r5, [r9], #8
    overlapped
    str     r6, [r9, #4]
    str     r5, [r9], #8
    subs    r3, r3, #4
    bge     4b
5:
    tst     r3, #2
    beq     6f
    overlapped
    str     r6, [r9, #4]
    str     r5, [r9], #8
6:
    mov     r5, #0
    subs    r10, r10, #4
    blt     8f
7:
    str     r5, [r9]
    str     r5, [r9, #4]
    str     r5, [r9, #8]
    str     r5, [r9, #12]
    add     r9, r9, #16
    subs    r10, r10, #4
    bge     7b
8:
    adds    r10, r10, #4
    beq     10f
9:
    str     r5, [r9], #4
    subs    r10, r10, #1
    bne     9b
10:
    pop     {r4-r11, pc}
    .size nnsp_overlap_add_s32, . - nnsp_overlap_add_s32

#endif
