/* SPDX-License-Identifier: BSD-3-Clause */
/* tanh of one value, for kernels that take one at a time. */
#ifndef NNSP_ACTIVATION_H
#define NNSP_ACTIVATION_H

#include "lookup.h"

/* |tanh| in Q16 of a Q12 input: linear interpolation between table entries. */
static inline int32_t nnsp_tanh_magnitude(int32_t x)
{
    const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
    const uint32_t entry = nnsp_tanh_table[magnitude >> NNSP_TANH_STEP_BITS];
    const int32_t part = (int32_t)(magnitude & ((1u << NNSP_TANH_STEP_BITS) - 1));
    const int32_t low = (int32_t)(entry & 0xFFFFu), step = (int32_t)(entry >> 16);
    return low + ((step * part + (1 << (NNSP_TANH_STEP_BITS - 1))) >> NNSP_TANH_STEP_BITS);
}

/* Q12 -> Q15 */
static inline int32_t nnsp_tanh_q15(int32_t x)
{
    const int32_t y = (nnsp_tanh_magnitude(x) + 1) >> 1;
    const int32_t limited = y > INT16_MAX ? INT16_MAX : y;
    return x < 0 ? -limited : limited;
}

#endif
