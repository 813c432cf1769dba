/* SPDX-License-Identifier: BSD-3-Clause */
/* Overlap-add with Helium. Assembly for its tail-predicated loops, as in activation.S. */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

/*
 * Before n = \from: q3 = where z[n ^ 1] is, in words after \z, an even one. q2: 0, 1, 2, 3.
 */
.macro exchanged_from from
    bic     r3, \from, #1
    sub     r10, \from, r3
    add     r3, r1, r3, lsl #2
    vadd.i32 q3, q2, r10
    vmov.i32 q0, #1
    veor    q3, q3, q0
.endm

/* q0 = four of sum at r0 + (z * window >> 16). VMULH takes window * 2^16. */
.macro overlapped
    vldrw.u32 q0, [r3, q3, uxtw #2]
    add     r3, #16
    vldrh.s32 q1, [r2], #8
    vshl.i32 q1, q1, #16
    vmulh.s32 q0, q0, q1
    vldrw.u32 q1, [r0], #16
    vadd.i32 q0, q0, q1
.endm

/*
 * void nnsp_overlap_add_s32(int32_t *sum, const int32_t *z, const int16_t *window, unsigned size,
 * unsigned hop, unsigned shift,
 *                           int16_t *out)
 */
    .section .text.nnsp_overlap_add_s32, "ax", %progbits
    .balign 4
    .global nnsp_overlap_add_s32
    .type   nnsp_overlap_add_s32, %function
nnsp_overlap_add_s32:
    push    {r4-r10, lr}
    ldrd    r4, r5, [sp, #32] /* hop, shift */
    ldr     r6, [sp, #40] /* out */
    sub     r7, r3, r4
    rsb     r5, #0
    mov     r9, r0
    mov     r12, #0
    mov     r8, #0
    vidup.u32 q2, r8, #1
    mov     r8, r2
    exchanged_from r12
    wlstp.32 lr, r4, 2f
1:  overlapped
    vrshl.s32 q0, r5
    vqmovnb.s32 q0, q0
    vstrh.32 q0, [r6], #8
    letp    lr, 1b
2:  add     r0, r9, r4, lsl #2
    add     r2, r8, r4, lsl #1
    mov     r6, r9
    exchanged_from r4
    wlstp.32 lr, r7, 2f
1:  overlapped
    vstrw.32 q0, [r6], #16
    letp    lr, 1b
2:  add     r6, r9, r7, lsl #2
    vmov.i32 q0, #0
    wlstp.32 lr, r4, 2f
1:  vstrw.32 q0, [r6], #16
    letp    lr, 1b
2:  pop     {r4-r10, pc}
    .size   nnsp_overlap_add_s32, . - nnsp_overlap_add_s32

#endif
