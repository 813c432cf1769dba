/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relu6 with Helium. Assembly for its tail-predicated loops, as in activation.S.
 */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

/* void nnsp_relu6_s16(int16_t *x, unsigned n) */
    .section .text.nnsp_relu6_s16, "ax", %progbits
    .balign 4
    .global nnsp_relu6_s16
    .type   nnsp_relu6_s16, %function
nnsp_relu6_s16:
    push    {r7, lr}
    mov     r2, #6 << 12
    vdup.16 q1, r2
    vmov.i16 q2, #0
    wlstp.16 lr, r1, 2f
1:  vldrh.u16 q0, [r0]
    vmax.s16 q0, q0, q2
    vmin.s16 q0, q0, q1
    vstrh.16 q0, [r0], #16
    letp    lr, 1b
2:  pop     {r7, pc}
    .size   nnsp_relu6_s16, . - nnsp_relu6_s16

#endif
