/* SPDX-License-Identifier: BSD-3-Clause */
/* Base-2 logarithms. */
#ifndef NNSP_LEVEL_H
#define NNSP_LEVEL_H

#include "arithmetic.h"
#include "lookup.h"

/* log2(x) in Q16, x >= 1. */
static inline int32_t nnsp_level_u64(uint64_t x)
{
    const uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x;
    unsigned zeros;
    uint32_t part; /* after the leading one, Q31 */
    if (high != 0) {
        zeros = nnsp_leading_zeros32(high);
        part = high << zeros | (low >> 1) >> (31 - zeros);
    } else {
        zeros = 32 + nnsp_leading_zeros32(low);
        part = low << (zeros - 32);
    }
    part &= 0x7FFFFFFFu;
    const int32_t *at = nnsp_log2_table + (part >> (31 - NNSP_LOG2_STEP_BITS));
    /* Q16 of a step */
    const int32_t within = (int32_t)((part >> (15 - NNSP_LOG2_STEP_BITS)) & 0xFFFFu);
    return (int32_t)(63 - zeros) * 65536 + at[0] + (((at[1] - at[0]) * within + 0x8000) >> 16);
}

#endif
