/* SPDX-License-Identifier: BSD-3-Clause */
#include "arithmetic.h"
#include "kernels.h"

/*
 * Adds weights . x of four rows to sum and returns what is after the blocks. The tables prove that
 * no order of these additions overflows.
 */
static const uint32_t *group(const uint32_t *block, const int16_t *x, unsigned cols,
                             int32_t sum[NNSP_GROUP_ROWS])
{
    for (unsigned c = 0; c < cols; c += NNSP_BLOCK_COLS, block += NNSP_BLOCK_WORDS) {
        for (unsigned r = 0; r < NNSP_GROUP_ROWS; r++) {
            int32_t part = 0;
            for (unsigned i = 0; i < NNSP_BLOCK_COLS; i++) {
                part += nnsp_weight(block, r, i) * x[c + i];
            }
            sum[r] = nnsp_add32(sum[r], part);
        }
    }
    return block;
}

static int32_t multiplier(const uint32_t *words, unsigned row)
{
    return (int16_t)(words[row / 2] >> (row % 2 * 16));
}

void nnsp_matvec_generic_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x,
                                unsigned rows, unsigned cols, int16_t *y)
{
    for (unsigned r = 0; r < rows; r += NNSP_GROUP_ROWS) {
        int32_t sum[NNSP_GROUP_ROWS] = {0};
        const uint32_t *end = group(weights, x, cols, sum);
        for (unsigned i = 0; i < NNSP_GROUP_ROWS; i++) {
            const int32_t acc = nnsp_add32(sum[i], (int32_t)end[i]);
            y[r + i] =
                nnsp_saturate16(nnsp_round_shift((int64_t)acc * multiplier(end + 4, i), shift));
        }
        weights = end + NNSP_ROWS_WORDS;
    }
}

void nnsp_gates_generic_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x,
                               unsigned cols, const int16_t *h, unsigned units, int16_t *y)
{
    for (unsigned r = 0; r < 4 * units; r += NNSP_GROUP_ROWS) {
        int32_t sum_x[NNSP_GROUP_ROWS] = {0}, sum_h[NNSP_GROUP_ROWS] = {0};
        const uint32_t *end = group(group(weights, x, cols, sum_x), h, units, sum_h);
        for (unsigned i = 0; i < NNSP_GROUP_ROWS; i++) {
            const int32_t acc = nnsp_add32(sum_x[i], (int32_t)end[i]);
            const int64_t product =
                (int64_t)acc * multiplier(end + 4, i) + (int64_t)sum_h[i] * multiplier(end + 6, i);
            y[r + i] = nnsp_saturate16(nnsp_round_shift(product, shift));
        }
        weights = end + NNSP_GATES_WORDS;
    }
}
