/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tanh and sigmoid with Helium: eight at a time, the table read by gather loads. Assembly, because
 * compilers do not write tail-predicated loops (DLSTP, LETP), in which no lane after the last
 * element is read or written.
 */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

    .equ STEP_BITS, 6 /* NNSP_TANH_STEP_BITS */

/* r2: table, r3: its second halfword, q3: mask of the part within a step. */
.macro constants
    vpush   {d8-d9}
    ldr     r2, =nnsp_tanh_table
    add     r3, r2, #2
    mov     r12, #(1 << STEP_BITS) - 1
    vdup.16 q3, r12
.endm

/*
 * q1 = |tanh| in Q16 of the inputs q0, Q12: low + ((step * part + half) >> STEP_BITS), unsigned;
 * |-32768| is 32768. Low and step are two halfwords of an entry. As no step is above 1024, step *
 * part + half < 2^16.
 */
.macro magnitude
    vabs.s16 q2, q0
    vshr.u16 q4, q2, #STEP_BITS - 1
    vbic.i16 q4, #1
    vand    q2, q2, q3
    vldrh.u16 q1, [r3, q4, uxtw #1]
    vmul.i16 q2, q1, q2
    vldrh.u16 q1, [r2, q4, uxtw #1]
    vrshr.u16 q2, q2, #STEP_BITS
    vadd.i16 q1, q1, q2
.endm

/*
 * void nnsp_tanh_s16(int16_t *x, unsigned n): (magnitude + 1) >> 1, at most 32767, with the sign of
 * x.
 */
    .section .text.nnsp_tanh_s16, "ax", %progbits
    .balign 4
    .global nnsp_tanh_s16
    .type   nnsp_tanh_s16, %function
nnsp_tanh_s16:
    push    {r7, lr}
    constants
    wlstp.16 lr, r1, 2f
1:  vldrh.u16 q0, [r0]
    magnitude
    vrshr.u16 q1, q1, #1
    vqabs.s16 q1, q1 /* 32768, which is -32768 here, becomes 32767 */
    vpt.s16 lt, q0, zr
    vnegt.s16 q1, q1
    vstrh.16 q1, [r0], #16
    letp    lr, 1b
2:  vpop    {d8-d9}
    pop     {r7, pc}
    .ltorg
    .size   nnsp_tanh_s16, . - nnsp_tanh_s16

/*
 * void nnsp_sigmoid_s16(int16_t *x, unsigned n): sigmoid(x) = (1 + tanh(x / 2)) / 2, and x / 2 in
 * Q12 is the same integer as x in Q11. (65536 + t + 2) >> 2 = 16384 + ((t + 2) >> 2), at most
 * 32767, and of a negative x 16384 - ((t + 1) >> 2).
 */
    .section .text.nnsp_sigmoid_s16, "ax", %progbits
    .balign 4
    .global nnsp_sigmoid_s16
    .type   nnsp_sigmoid_s16, %function
nnsp_sigmoid_s16:
    push    {r7, lr}
    constants
    vpush   {d10-d11}
    mov     r12, #16384
    vdup.16 q5, r12
    wlstp.16 lr, r1, 2f
1:  vldrh.u16 q0, [r0]
    magnitude
    vrshr.u16 q2, q1, #2
    vqadd.s16 q2, q5, q2
    vrshr.u16 q1, q1, #1
    vshr.u16 q1, q1, #1
    vpt.s16 lt, q0, zr
    vsubt.i16 q2, q5, q1
    vstrh.16 q2, [r0], #16
    letp    lr, 1b
2:  vpop    {d10-d11}
    vpop    {d8-d9}
    pop     {r7, pc}
    .ltorg
    .size   nnsp_sigmoid_s16, . - nnsp_sigmoid_s16

#endif
