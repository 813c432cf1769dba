/* SPDX-License-Identifier: BSD-3-Clause */
#include "../feature.h"
#include "../kernels.h"
#include "mel_bands.h"

#ifdef NNSP_ARMV7EM

void nnsp_features_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    if (table->feature_kind != NNSP_MEL || table->power_shift > 32) {
        nnsp_features_generic(table, z, features);
        return;
    }
    const uint16_t *edge = table->band_edge + 1;
    nnsp_mel_bands(z + 2 * *edge, table->rising + *edge, nnsp_first_rising(table, z), table->mean,
                   table->gain, features, table->rising, edge + 1, edge + 1 + table->features,
                   table->power_shift);
}

#endif
