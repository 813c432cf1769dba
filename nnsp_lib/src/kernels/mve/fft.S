/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Complex transform with Helium, four radix-4 butterflies at a time. Assembly, because a butterfly
 * takes all eight vector registers and one more, and compilers spill many times that: they copy
 * what VLD2 and VST2 need in neighbouring registers.
 *
 * VRMULH.S32 is the rounding of nnsp_mulhr32.
 */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

/*
 * In the frame: s2's imaginary part; for the stage of two addresses, and twiddles of d, b and c
 * (real, imaginary).
 */
    .equ SPILLED, 0
    .equ ADDRESSES, 16
    .equ OF_B, 32
    .equ OF_C, 64
    .equ OF_D, 96
    .equ FRAME, 128

/* x = x * w / 2, as nnsp_rotate32; spoils w and t. */
.macro rotate x0, x1, w0, w1, t
    vrmulh.s32 \t, \x0, \w1
    vrmulh.s32 \x0, \x0, \w0
    vrmulh.s32 \w0, \x1, \w0
    vneg.s32 \x1, \x1
    vrmulh.s32 \w1, \x1, \w1
    vadd.i32 \x0, \x0, \w1
    vadd.i32 \x1, \t, \w0
.endm

/* Four points next to each other. */
.macro load_next re, im, at, slot, spare
    vld20.32 {\re, \im}, [\at]
    vld21.32 {\re, \im}, [\at]
.endm

.macro twiddle_next re, im, at, of
    vld20.32 {\re, \im}, [\at]
    vld21.32 {\re, \im}, [\at]
.endm

.macro store_next re, im, at, slot, spare
    vst20.32 {\re, \im}, [\at]
    vst21.32 {\re, \im}, [\at]
.endm

/* Two points of one butterfly's slot and two of the next's, where a slot has only two. */
.macro load_pairs re, im, at, slot, spare
    vldrw.u32 \spare, [sp, #ADDRESSES]
    vldrw.u32 \re, [\spare, #16 * \slot]
    vldrw.u32 \im, [\spare, #16 * \slot + 4]
.endm

.macro twiddle_pairs re, im, at, of
    vldrw.u32 \re, [sp, #\of]
    vldrw.u32 \im, [sp, #\of + 16]
.endm

.macro store_pairs re, im, at, slot, spare
    vldrw.u32 \spare, [sp, #ADDRESSES]
    vstrw.32 \re, [\spare, #16 * \slot]
    vstrw.32 \im, [\spare, #16 * \slot + 4]
.endm

/*
 * r9, r10, r11, r12: where a, c, b, d are, and the results 0, 1, 2, 3 belong; r2, r3, r6: twiddles
 * of b, c, d.
 *   s0 = a + c, s1 = a - c, s2 = b + d, s3 = b - d;
 *   0: s0 + s2, 1: s1 - j s3, 2: s0 - s2, 3: s1 + j s3
 */
.macro butterflies kind
    load_\kind q0, q1, r12, 3, q2
    twiddle_\kind q2, q3, r6, OF_D
    rotate  q0, q1, q2, q3, q4
    load_\kind q6, q7, r11, 2, q2
    twiddle_\kind q2, q3, r2, OF_B
    rotate  q6, q7, q2, q3, q4
    vadd.i32 q4, q6, q0
    vsub.i32 q3, q6, q0
    vadd.i32 q5, q7, q1
    vsub.i32 q2, q7, q1 /* s2 = q4, q5; s3 = q3, q2 */
    vstrw.32 q5, [sp, #SPILLED]
    load_\kind q0, q1, r10, 1, q6
    twiddle_\kind q6, q7, r3, OF_C
    rotate  q0, q1, q6, q7, q5
    load_\kind q6, q7, r9, 0, q5
    vshr.s32 q6, q6, #1
    vshr.s32 q7, q7, #1
    vadd.i32 q5, q6, q0
    vsub.i32 q6, q6, q0
    vadd.i32 q0, q7, q1
    vsub.i32 q7, q7, q1 /* s0 = q5, q0; s1 = q6, q7 */
    vadd.i32 q1, q6, q2
    vsub.i32 q6, q6, q2
    vsub.i32 q2, q7, q3
    vadd.i32 q7, q7, q3
    store_\kind q1, q2, r10, 1, q3
    store_\kind q6, q7, r12, 3, q3
    vldrw.u32 q1, [sp, #SPILLED]
    vadd.i32 q2, q5, q4
    vadd.i32 q3, q0, q1
    vsub.i32 q6, q5, q4
    vsub.i32 q7, q0, q1
    store_\kind q2, q3, r9, 0, q4
    store_\kind q6, q7, r11, 2, q4
.endm

/* \q: two 64-bit addresses, at \first - \before and \bytes after. */
.macro two_addresses q, first, before, bytes
    vmov.i32 \q, #0
    sub     r12, \first, #\before
    vmov.32 \q[0], r12
    add     r12, #\bytes
    vmov.32 \q[2], r12
.endm

/*
 * void nnsp_fft_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
 * r4: n; r5: bytes of q points, the distance within a butterfly.
 */
    .section .text.nnsp_fft_s32, "ax", %progbits
    .balign 4
    .global nnsp_fft_s32
    .type   nnsp_fft_s32, %function
nnsp_fft_s32:
    push    {r3-r11, lr}
    vpush   {d8-d15}
    sub     sp, #FRAME
    mov     r4, #1
    lsl     r4, r1
    tst     r1, #1
    beq     even

    /* Radix 2, two at a time: complex numbers as 64-bit lanes. */
    two_addresses q3, r0, 32, 16
    lsr     r12, r4, #2
    dls     lr, r12
1:  vldrd.u64 q0, [q3, #32]!
    vldrd.u64 q1, [q3, #8]
    vadd.i32 q2, q0, q1
    vsub.i32 q0, q0, q1
    vstrd.64 q2, [q3]
    vstrd.64 q0, [q3, #8]
    le      lr, 1b

    /*
     * Then radix 4 with q = 2: the points 0, 1 and 8, 9 are in the first slot of two butterflies
     * each.
     */
    mov     r8, #0
    vidup.u32 q0, r8, #1
    vmov.i32 q1, #1
    vand    q1, q0, q1
    vshl.i32 q2, q1, #3
    vshr.u32 q3, q0, #1
    vshl.i32 q3, q3, #6
    vadd.i32 q2, q2, q3
    vadd.i32 q2, q2, r0
    vstrw.32 q2, [sp, #ADDRESSES]
    vshl.i32 q0, q1, #3
    add     r3, r2, #4
    mov     r5, #16
    .irp    of, OF_B, OF_C, OF_D
    vldrw.u32 q1, [r2, q0]
    vldrw.u32 q2, [r3, q0]
    vstrw.32 q1, [sp, #\of]
    vstrw.32 q2, [sp, #\of + 16]
    vadd.i32 q0, q0, r5
    .endr
    add     r2, #48
    mov     r7, #128
    lsr     r12, r4, #4
    dls     lr, r12
1:  butterflies pairs
    vldrw.u32 q0, [sp, #ADDRESSES]
    vadd.i32 q0, q0, r7
    vstrw.32 q0, [sp, #ADDRESSES]
    le      lr, 1b
    mov     r5, #64
    b       stages

    /* Radix 4 without twiddles, two at a time. */
even:
    two_addresses q7, r0, 64, 32
    lsr     r12, r4, #3
    dls     lr, r12
1:  vldrd.u64 q0, [q7, #64]!
    vldrd.u64 q1, [q7, #8]
    vldrd.u64 q2, [q7, #16]
    vldrd.u64 q3, [q7, #24]
    vadd.i32 q4, q0, q1
    vsub.i32 q0, q0, q1
    vadd.i32 q1, q2, q3
    vsub.i32 q2, q2, q3
    vadd.i32 q3, q4, q1
    vsub.i32 q4, q4, q1
    vcadd.i32 q1, q0, q2, #270
    vcadd.i32 q5, q0, q2, #90
    vstrd.64 q3, [q7]
    vstrd.64 q1, [q7, #8]
    vstrd.64 q4, [q7, #16]
    vstrd.64 q5, [q7, #24]
    le      lr, 1b
    mov     r5, #32

    /* Four twiddles after each other, each for every butterfly that has it. */
stages:
    cmp     r5, r4, lsl #3
    bhs     4f
    lsl     r7, r4, #1
    udiv    r7, r7, r5 /* butterflies that have the same twiddle: n / 4q */
    add     r3, r2, r5
    add     r6, r3, r5
    lsl     r1, r5, #2
    mov     r8, r0
2:  mov     r9, r8
    add     r10, r9, r5
    add     r11, r10, r5
    add     r12, r11, r5
    dls     lr, r7
3:  butterflies next
    add     r9, r1
    add     r10, r1
    add     r11, r1
    add     r12, r1
    le      lr, 3b
    add     r2, #32
    add     r3, #32
    add     r6, #32
    add     r8, #32
    sub     r9, r8, r0
    cmp     r9, r5
    blo     2b
    mov     r2, r6
    mov     r5, r1
    b       stages
4:  add     sp, #FRAME
    vpop    {d8-d15}
    pop     {r3-r11, pc}
    .size   nnsp_fft_s32, . - nnsp_fft_s32

#endif
