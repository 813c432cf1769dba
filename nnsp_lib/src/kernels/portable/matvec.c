/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"

#ifndef NNSP_OWN_MATVEC

void nnsp_matvec_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x, unsigned rows,
                        unsigned cols, int16_t *y)
{
    nnsp_matvec_generic_s8_s16(weights, shift, x, rows, cols, y);
}

void nnsp_gates_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x, unsigned cols,
                       const int16_t *h, unsigned units, int16_t *y)
{
    nnsp_gates_generic_s8_s16(weights, shift, x, cols, h, units, y);
}

#endif
