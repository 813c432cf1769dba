/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Around the transforms, with Helium: bit reversal by VBRSR and scatter stores, bins and their
 * mirrors by VLD2 and gather loads. Assembly for its tail-predicated loops, and because compilers
 * copy what VLD2, VST2 and VLD4 need in neighbouring registers.
 */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

.macro function name
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type   \name, %function
\name:
.endm

/*
 * void nnsp_window_s16(const int16_t *x, const int16_t *window, unsigned size, unsigned shift,
 * int32_t *z, unsigned log2n) Point k goes to the words 2 rev(k), which are the bits of k reversed
 * in log2n + 1 bits, and 2 rev(k) + 1.
 */
    function nnsp_window_s16
    push    {r4-r8, lr}
    ldrd    r4, r5, [sp, #24] /* z, log2n */
    add     r6, r4, #4
    mov     r7, #1
    lsl     r7, r5
    sub     r7, r7, r2, lsr #1 /* points after the window */
    add     r5, #1
    rsb     r3, #0
    mov     r8, #0
    wlstp.16 lr, r2, 2f
1:  vldrh.u16 q0, [r0], #16
    vldrh.u16 q1, [r1], #16
    vmullb.s16 q2, q0, q1
    vmullt.s16 q3, q0, q1
    vidup.u32 q0, r8, #1
    vbrsr.32 q0, q0, r5
    vshl.s32 q2, r3
    vshl.s32 q3, r3
    vstrw.32 q2, [r4, q0, uxtw #2]
    vstrw.32 q3, [r6, q0, uxtw #2]
    letp    lr, 1b
2:  lsr     r8, r2, #1
    vmov.i32 q2, #0
    wlstp.32 lr, r7, 2f
1:  vidup.u32 q0, r8, #1
    vbrsr.32 q0, q0, r5
    vstrw.32 q2, [r4, q0, uxtw #2]
    vstrw.32 q2, [r6, q0, uxtw #2]
    letp    lr, 1b
2:  pop     {r4-r8, pc}
    .size   nnsp_window_s16, . - nnsp_window_s16

/* Load what is at q0 after re_a, im_a and at q1 after re_b, im_b. */
.macro load_both re_a, im_a, re_b, im_b
    vldrw.u32 q2, [\re_a, q0, uxtw #2]
    vldrw.u32 q3, [\im_a, q0, uxtw #2]
    vldrw.u32 q4, [\re_b, q1, uxtw #2]
    vldrw.u32 q5, [\im_b, q1, uxtw #2]
.endm

/* Store it the other way round; `if` is t in a block of predicated instructions. */
.macro store_both re_a, im_a, re_b, im_b, if
    vstrw\if\().32 q2, [\re_b, q1, uxtw #2]
    vstrw\if\().32 q3, [\im_b, q1, uxtw #2]
    vstrw\if\().32 q4, [\re_a, q0, uxtw #2]
    vstrw\if\().32 q5, [\im_a, q0, uxtw #2]
.endm

/*
 * void nnsp_bit_reverse_s32(int32_t *z, unsigned log2n)
 * For even k < n/2, rev(k) is even and below n/2 too; from it follow those of k + 1 and of k + n/2
 * + 1. Here q0 = 2k, q1 = 2 rev(k).
 */
    function nnsp_bit_reverse_s32
    push    {r4-r10, lr}
    vpush   {d8-d11}
    add     r2, r0, #4
    add     r3, r0, #8
    add     r4, r0, #12
    mov     r12, #4
    lsl     r12, r1
    add     r5, r0, r12 /* z + n/2 */
    add     r6, r5, #4
    add     r7, r5, #8
    add     r9, r5, #12
    lsr     r12, #6
    add     r1, #2
    mov     r8, #0
    dls     lr, r12
1:  vidup.u32 q0, r8, #4
    vbrsr.32 q1, q0, r1
    load_both r3, r4, r5, r6
    store_both r3, r4, r5, r6
    load_both r0, r2, r0, r2
    vptttt.u32 hi, q1, q0
    store_both r0, r2, r0, r2, t
    load_both r7, r9, r7, r9
    vpstttt
    store_both r7, r9, r7, r9, t
    le      lr, 1b
    vpop    {d8-d11}
    pop     {r4-r10, pc}
    .size   nnsp_bit_reverse_s32, . - nnsp_bit_reverse_s32

/*
 * Four bins from k on at r3, of them a = q0, q1; their mirrors m - k at the addresses q7, b = q2,
 * q3. e = q0, q1 = (a0 >> 1) + (b0 >> 1), (a1 >> 1) - (b1 >> 1); d = q4, q5 = a0 - b0, a1 + b1;
 * twiddles q2, q3.
 */
.macro split
    vld20.32 {q0, q1}, [r3]
    vld21.32 {q0, q1}, [r3]
    vldrw.u32 q2, [q7, #-32]!
    vldrw.u32 q3, [q7, #4]
    vsub.i32 q4, q0, q2
    vadd.i32 q5, q1, q3
    vshr.s32 q0, q0, #1
    vshr.s32 q1, q1, #1
    vshr.s32 q2, q2, #1
    vshr.s32 q3, q3, #1
    vadd.i32 q0, q0, q2
    vsub.i32 q1, q1, q3
    vld20.32 {q2, q3}, [r2]
    vld21.32 {q2, q3}, [r2]!
.endm

/* a = q2, q3; the bin that is its own mirror gets b = q4, q1 at last. */
.macro join
    vst20.32 {q2, q3}, [r3]
    vst21.32 {q2, q3}, [r3]!
    vstrw.32 q4, [q7]
    vstrw.32 q1, [q7, #4]
.endm

/*
 * r3: bin 1, q7: addresses of bins m - 1 to m - 4 and 32 bytes after, r2: twiddle 1, lr: m / 8.
 * r12: m as bytes of bins.
 */
.macro split_begin
    add     r3, r0, #8
    add     r12, r0
    add     r12, #24
    vmov.i32 q0, #0
    mov     r4, #0
    vidup.u32 q0, r4, #8
    vdup.32 q7, r12
    vsub.i32 q7, q7, q0
    add     r2, #8
.endm

/*
 * void nnsp_split_forward_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
 * t = d w / 2 as nnsp_rotate32; a = e0 + t1, e1 - t0; b = e0 - t1, -e1 - t0.
 */
    function nnsp_split_forward_s32
    push    {r4-r6, lr}
    vpush   {d8-d15}
    mov     r12, #8
    lsl     r12, r1
    lsr     r6, r12, #6
    ldrd    r4, r5, [r0]
    mov     r1, #0
    add     r3, r4, r5
    strd    r3, r1, [r0]
    sub     r3, r4, r5
    add     r5, r0, r12
    strd    r3, r1, [r5]
    split_begin
    dls     lr, r6
1:  split
    vrmulh.s32 q6, q4, q3
    vrmulh.s32 q4, q4, q2
    vrmulh.s32 q2, q5, q2
    vneg.s32 q5, q5
    vrmulh.s32 q3, q5, q3
    vadd.i32 q5, q6, q2 /* t1 */
    vadd.i32 q4, q4, q3 /* t0 */
    vadd.i32 q2, q0, q5
    vsub.i32 q3, q1, q4
    vadd.i32 q1, q1, q4
    vsub.i32 q4, q0, q5
    vneg.s32 q1, q1
    join
    le      lr, 1b
    vpop    {d8-d15}
    pop     {r4-r6, pc}
    .size   nnsp_split_forward_s32, . - nnsp_split_forward_s32

/*
 * void nnsp_split_inverse_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
 * t = conj(d) w / 2; a = e1 + t0, e0 + t1; b = t0 - e1, e0 - t1.
 */
    function nnsp_split_inverse_s32
    push    {r4-r6, lr}
    vpush   {d8-d15}
    mov     r12, #8
    lsl     r12, r1
    lsr     r6, r12, #6
    ldr     r4, [r0]
    ldr     r5, [r0, r12]
    asr     r4, #1
    asr     r5, #1
    sub     r3, r4, r5
    add     r4, r5
    strd    r3, r4, [r0]
    split_begin
    dls     lr, r6
1:  split
    vrmulh.s32 q6, q4, q3
    vrmulh.s32 q4, q4, q2
    vrmulh.s32 q3, q5, q3
    vneg.s32 q5, q5
    vrmulh.s32 q2, q5, q2
    vadd.i32 q5, q6, q2 /* t1 */
    vadd.i32 q6, q4, q3 /* t0 */
    vadd.i32 q2, q1, q6
    vadd.i32 q3, q0, q5
    vsub.i32 q4, q6, q1
    vsub.i32 q1, q0, q5
    join
    le      lr, 1b
    vpop    {d8-d15}
    pop     {r4-r6, pc}
    .size   nnsp_split_inverse_s32, . - nnsp_split_inverse_s32

/*
 * void nnsp_mask_s32(int32_t *z, const int16_t *mask, unsigned bins, unsigned floor, unsigned
 * shift) (mask * (2^15 - floor)) >> 15 = mask + ((mask * -floor) >> 15), and VQDMULH of z and gain
 * * 2^16 is (z * gain) >> 15. Eight bins at a time, even and odd ones apart; what is left one by
 * one.
 */
    function nnsp_mask_s32
    push    {r4-r9, lr}
    vpush   {d8-d13}
    ldr     r4, [sp, #76] /* shift */
    rsb     r5, r3, #0
    rsb     r6, r4, #15
    lsr     r7, r2, #3
    wls     lr, r7, 2f
1:  vldrh.u16 q4, [r1], #16
    vqdmulh.s16 q5, q4, r5
    vadd.i16 q4, q4, r3
    vadd.i16 q4, q4, q5
    vshllb.s16 q5, q4, #16
    vshllt.s16 q6, q4, #16
    vld40.32 {q0, q1, q2, q3}, [r0]
    vld41.32 {q0, q1, q2, q3}, [r0]
    vld42.32 {q0, q1, q2, q3}, [r0]
    vld43.32 {q0, q1, q2, q3}, [r0]
    vqdmulh.s32 q0, q0, q5
    vqdmulh.s32 q1, q1, q5
    vqdmulh.s32 q2, q2, q6
    vqdmulh.s32 q3, q3, q6
    vshl.s32 q0, r6
    vshl.s32 q1, r6
    vshl.s32 q2, r6
    vshl.s32 q3, r6
    vst40.32 {q0, q1, q2, q3}, [r0]
    vst41.32 {q0, q1, q2, q3}, [r0]
    vst42.32 {q0, q1, q2, q3}, [r0]
    vst43.32 {q0, q1, q2, q3}, [r0]!
    le      lr, 1b
2:  and     r7, r2, #7
    wls     lr, r7, 2f
1:  ldrsh   r5, [r1], #2
    mul     r6, r5, r3
    rsb     r6, #0
    add     r5, r5, r6, asr #15
    add     r5, r3
    ldrd    r6, r8, [r0]
    smull   r6, r7, r6, r5
    smull   r8, r9, r8, r5
    asrl    r6, r7, r4
    asrl    r8, r9, r4
    strd    r6, r8, [r0], #8
    le      lr, 1b
2:  vpop    {d8-d13}
    pop     {r4-r9, pc}
    .size   nnsp_mask_s32, . - nnsp_mask_s32

#endif
