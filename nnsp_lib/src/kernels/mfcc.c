/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature.h"

void nnsp_mfcc_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    int32_t level[NNSP_BANDS_MAX];
    const unsigned bands = table->bands;
    nnsp_mel_walk at = nnsp_first_band(table, z);
    for (unsigned j = 0; j < bands; j++) {
        level[j] = nnsp_level(nnsp_next_band(table, &at));
    }
    const int16_t *dct = table->dct;
    for (unsigned k = 0; k < table->features; k++, dct += bands) {
        int64_t sum = 0;
        for (unsigned j = 0; j < bands; j++) {
            sum += (int64_t)level[j] * dct[j];
        }
        /*
         * |sum| < 2^44 for NNSP_BANDS_MAX levels below 2^22, and the product < 2^57: the tables
         * bound mean and gain.
         */
        const int64_t product = (nnsp_round_shift(sum, 15) - table->mean[k]) * table->gain[k];
        features[k] = nnsp_saturate16(nnsp_round_shift(product, 32 - NNSP_FEATURE_FRAC));
    }
}
