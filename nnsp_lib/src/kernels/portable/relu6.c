/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"

#ifndef NNSP_OWN_RELU6

void nnsp_relu6_s16(int16_t *x, unsigned n)
{
    const int16_t six = 6 << 12;
    for (unsigned i = 0; i < n; i++) {
        x[i] = x[i] < 0 ? 0 : x[i] > six ? six : x[i];
    }
}

#endif
