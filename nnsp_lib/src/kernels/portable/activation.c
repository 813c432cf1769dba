/* SPDX-License-Identifier: BSD-3-Clause */
#include "../activation.h"

#include "../kernels.h"

#ifndef NNSP_OWN_ACTIVATION

void nnsp_tanh_s16(int16_t *x, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        x[i] = (int16_t)nnsp_tanh_q15(x[i]);
    }
}

/* sigmoid(x) = (1 + tanh(x / 2)) / 2, and x / 2 in Q12 is the same integer as x in Q11. */
void nnsp_sigmoid_s16(int16_t *x, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const int32_t t = nnsp_tanh_magnitude(x[i]);
        const int32_t y = (65536 + (x[i] < 0 ? -t : t) + 2) >> 2;
        x[i] = (int16_t)(y > INT16_MAX ? INT16_MAX : y);
    }
}

#endif
