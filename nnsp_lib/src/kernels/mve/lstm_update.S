/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The LSTM update with Helium. Assembly for its tail-predicated loops, as in activation.S.
 */
#include "../select.h"

#ifdef NNSP_MVE

    .syntax unified
    .thumb

/*
 * void nnsp_lstm_update_s16(const int16_t *gates, unsigned n, int32_t *c, int16_t *h)
 *
 * c = saturate32((f c + i g 2^8 + 2^14) >> 15): with f c = 2^16 high + low, and i g 2^8 the same
 * way, that is 2 * (sum of the upper parts) and what the lower parts carry, 0..4. The one addition
 * that can overflow saturates. VMUL puts a lower part in the upper half of a lane, VHADD adds both
 * without loss. h holds the input of tanh on the way.
 */
    .section .text.nnsp_lstm_update_s16, "ax", %progbits
    .balign 4
    .global nnsp_lstm_update_s16
    .type   nnsp_lstm_update_s16, %function
nnsp_lstm_update_s16:
    push    {r4-r8, lr}
    vpush   {d8-d9}
    add     r4, r0, r1, lsl #1 /* f */
    add     r5, r0, r1, lsl #2 /* g */
    add     r6, r4, r1, lsl #2 /* o */
    mov     r7, r3
    mov     r8, r1
    wlstp.32 lr, r1, 2f
1:  vldrh.s32 q0, [r4], #8
    vshl.i32 q0, q0, #16
    vldrw.u32 q1, [r2]
    vldrh.s32 q2, [r0], #8
    vldrh.s32 q3, [r5], #8
    vmul.i32 q2, q2, q3
    vmulh.s32 q3, q1, q0
    vmul.i32 q0, q1, q0
    vshr.s32 q4, q2, #8
    vadd.i32 q3, q3, q4
    vshl.i32 q2, q2, #24
    vhadd.u32 q0, q0, q2
    vrshr.u32 q0, q0, #30
    vadd.i32 q0, q0, q3
    vqadd.s32 q0, q0, q3
    vstrw.32 q0, [r2], #16
    vqrshrnb.s32 q0, q0, #11
    vstrh.32 q0, [r3], #8
    letp    lr, 1b
2:  mov     r0, r7
    mov     r1, r8
    bl      nnsp_tanh_s16
    wlstp.16 lr, r8, 2f
1:  vldrh.u16 q0, [r6], #16
    vldrh.u16 q1, [r7]
    vqrdmulh.s16 q0, q0, q1
    vstrh.16 q0, [r7], #16
    letp    lr, 1b
2:  vpop    {d8-d9}
    pop     {r4-r8, pc}
    .size   nnsp_lstm_update_s16, . - nnsp_lstm_update_s16

#endif
