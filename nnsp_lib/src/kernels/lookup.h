/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables for tanh, sigmoid, log2 and softmax; lookup.c is generated. */
#ifndef NNSP_LOOKUP_H
#define NNSP_LOOKUP_H

#include <stdint.h>

#define NNSP_TANH_STEP_BITS 6 /* Q12 input: a step of 1/64 */
#define NNSP_LOG2_STEP_BITS 6 /* 64 steps per octave */
#define NNSP_EXP2_STEP_BITS 6 /* 64 steps per octave */

/*
 * Q16: tanh(k / 64), 0..8, in the lower half, the step to the next entry in the upper: one load
 * reads both.
 */
extern const uint32_t nnsp_tanh_table[513];

/* Q16, log2(1 + k / 64) */
extern const int32_t nnsp_log2_table[65];

/* Q16, 1 - 2^(-k / 64), so that every entry fits 16 bits */
extern const uint16_t nnsp_exp2_table[65];

#endif
