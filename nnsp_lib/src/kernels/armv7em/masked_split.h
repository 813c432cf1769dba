/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * masked_split.S: mask with a shift of 16 and inverse split of all bins but the first and the last.
 */
#ifndef NNSP_MASKED_SPLIT_H
#define NNSP_MASKED_SPLIT_H

#include <stdint.h>

/*
 * a, b: the bins after the first and before the last, which move towards each other; w: the
 * twiddle of a's.
 */
void nnsp_masked_split(int32_t *a, int32_t *b, const int16_t *mask_a, const int16_t *mask_b,
                       const int32_t *w, int32_t floor);

#endif
