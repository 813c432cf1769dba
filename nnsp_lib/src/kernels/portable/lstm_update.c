/* SPDX-License-Identifier: BSD-3-Clause */
#include "../activation.h"
#include "../arithmetic.h"
#include "../kernels.h"

#ifndef NNSP_OWN_LSTM_UPDATE

void nnsp_lstm_update_s16(const int16_t *gates, unsigned n, int32_t *c, int16_t *h)
{
    const int16_t *i = gates, *f = i + n, *g = f + n, *o = g + n;
    for (unsigned k = 0; k < n; k++) {
        const int64_t kept = (int64_t)c[k] * f[k], added = (int64_t)i[k] * g[k] * 256;
        c[k] = nnsp_saturate32(nnsp_round_shift(kept + added, 15));
        const int32_t t = nnsp_tanh_q15(nnsp_narrow16(c[k], 11));
        h[k] = (int16_t)((o[k] * t + (1 << 14)) >> 15);
    }
}

#endif
