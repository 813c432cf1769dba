/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"

#ifndef NNSP_OWN_BAND_MASK

void nnsp_band_mask_s16(const int16_t *band, unsigned count, const uint16_t *edge,
                        const int16_t *rising, int16_t *mask, unsigned bins)
{
    unsigned k = 0;
    for (; k < edge[1]; k++) {
        mask[k] = band[0];
    }
    for (unsigned j = 1; j < count; j++) {
        const int32_t before = band[j - 1], step = band[j] - before;
        for (; k < edge[j + 1]; k++) {
            mask[k] = (int16_t)(before + ((step * rising[k]) >> 15));
        }
    }
    for (; k < bins; k++) {
        mask[k] = band[count - 1];
    }
}

#endif
