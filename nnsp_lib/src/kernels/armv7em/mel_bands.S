/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assembly, because two sums of 64 bits, a power and its shift take all registers: compilers spill.
 * A band is made from the rising side's sum by adding (2^15 - weight) power for every bin of its
 * falling side; meanwhile weight * power adds to the next band's.
 */
#include "../select.h"

#ifdef NNSP_ARMV7EM

    .syntax unified
    .thumb

/* Arguments on the stack, after nine registers; the first three move on. */
#define MEAN 36
#define GAIN 40
#define FEATURES 44
#define WEIGHTS 48
#define EDGE 52
#define EDGE_END 56
#define SHIFT 60

/*
 * void nnsp_mel_bands(z, weight, rising, mean, gain, features, weights, edge, edge_end, shift)
 * r0: z, r1: weight, r2: end of the weights, r3: shift, r4: 32 - shift, r9 and r10: this band, r11
 * and r12: the next, lr: edge
 */
    .section .text.nnsp_mel_bands, "ax", %progbits
    .align 2
    .global nnsp_mel_bands
    .type nnsp_mel_bands, %function
    .thumb_func
nnsp_mel_bands:
    push    {r4-r11, lr}
    mov     r9, r2
    mov     r10, r3
    ldr     lr, [sp, #EDGE]
    ldr     r3, [sp, #SHIFT]
    rsb     r4, r3, #32
1:
    ldrh    r2, [lr], #2
    ldr     r5, [sp, #WEIGHTS]
    mov     r11, #0
    mov     r12, #0
    add     r2, r5, r2, lsl #1
    cmp     r1, r2
    bhs     3f
2:
    ldr     r5, [r0], #4
    ldr     r6, [r0], #4
    ldrh    r7, [r1], #2
    smull   r5, r8, r5, r5
    smlal   r5, r8, r6, r6
    lsr     r5, r5, r3
    lsl     r6, r8, r4
    orr     r5, r5, r6
    lsr     r8, r8, r3
    rsb     r6, r7, #32768
    umlal   r11, r12, r5, r7
    mla     r12, r8, r7, r12
    umlal   r9, r10, r5, r6
    mla     r10, r8, r6, r10
    cmp     r1, r2
    blo     2b
3:  /* r6: the energy from its leading one on, r5: its octave above one squared step */
    cmp     r10, #0
    beq     6f
    clz     r5, r10
    lsl     r6, r10, r5
    rsb     r7, r5, #32
    lsr     r7, r9, r7
    orr     r6, r6, r7
    rsb     r5, r5, #48
4:  /* r8: level as nnsp_level_u64 */
    movw    r2, #:lower16:nnsp_log2_table
    movt    r2, #:upper16:nnsp_log2_table
    ubfx    r7, r6, #25, #6
    ubfx    r6, r6, #9, #16
    add     r7, r2, r7, lsl #2
    ldr     r8, [r7]
    ldr     r7, [r7, #4]
    sub     r7, r7, r8
    add     r8, r8, r5, lsl #16
    mul     r7, r7, r6
    add     r7, r7, #0x8000
    add     r8, r8, r7, asr #16
5:
    ldr     r5, [sp, #MEAN]
    ldr     r6, [sp, #GAIN]
    ldr     r7, [sp, #FEATURES]
    ldr     r2, [sp, #EDGE_END]
    ldr     r9, [r5], #4
    ldr     r10, [r6], #4
    str     r5, [sp, #MEAN]
    str     r6, [sp, #GAIN]
    sub     r8, r8, r9
    smull   r9, r10, r8, r10
    lsr     r9, r9, #19
    orr     r9, r9, r10, lsl #13
    add     r9, r9, #1
    ssat    r9, #16, r9, asr #1
    strh    r9, [r7], #2
    str     r7, [sp, #FEATURES]
    mov     r9, r11
    mov     r10, r12
    cmp     lr, r2
    bne     1b
    pop     {r4-r11, pc}
6:
    mov     r8, #0
    cmp     r9, #32768
    bls     5b
    clz     r5, r9
    lsl     r6, r9, r5
    rsb     r5, r5, #16
    b       4b
    .size nnsp_mel_bands, . - nnsp_mel_bands

#endif
