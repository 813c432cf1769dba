/* SPDX-License-Identifier: BSD-3-Clause */
/* Features in plain C, whatever their kind and shift. */
#ifndef NNSP_FEATURE_H
#define NNSP_FEATURE_H

#include "level.h"
#include "nnsp_table.h"

#define NNSP_FEATURE_FRAC 12

/* log2 in Q16 of an energy, Q15, in units of one int16 step squared; never below one such unit. */
static inline int32_t nnsp_level(uint64_t energy)
{
    return nnsp_level_u64(energy > 1u << 15 ? energy : 1u << 15) - (15 << 16);
}

static inline int16_t nnsp_feature(uint64_t energy, int32_t mean, int32_t gain)
{
    /* < 2^50: the tables bound mean and gain */
    const int64_t product = (int64_t)(nnsp_level(energy) - mean) * gain;
    return nnsp_narrow16((int32_t)(product >> (31 - NNSP_FEATURE_FRAC)), 1);
}

static inline uint64_t nnsp_power(const int32_t *z, unsigned shift)
{
    const int64_t re = z[0], im = z[1];
    return nnsp_shift_u64((uint64_t)(re * re + im * im), shift);
}

/* Sum of power times rising weight over the first segment. */
static inline uint64_t nnsp_first_rising(const nnsp_frontend_table *table, const int32_t *z)
{
    uint64_t rising = 0;
    for (unsigned k = table->band_edge[0]; k < table->band_edge[1]; k++) {
        rising = nnsp_add_product_u64(rising, nnsp_power(z + 2 * k, table->power_shift),
                                      (uint16_t)table->rising[k]);
    }
    return rising;
}

/* Mel bands of a spectrum, one after another. */
typedef struct nnsp_mel_walk {
    const int32_t *z;
    const int16_t *weight;
    const uint16_t *edge;
    uint64_t rising; /* in the next band, of the bins before z */
} nnsp_mel_walk;

static inline nnsp_mel_walk nnsp_first_band(const nnsp_frontend_table *table, const int32_t *z)
{
    const unsigned first = table->band_edge[1];
    return (nnsp_mel_walk){z + 2 * first, table->rising + first, table->band_edge + 2,
                           nnsp_first_rising(table, z)};
}

/*
 * Energy, Q15: a bin shares its power between the band it rises in and the band before, where it
 * falls by as much.
 */
static inline uint64_t nnsp_next_band(const nnsp_frontend_table *table, nnsp_mel_walk *at)
{
    const unsigned shift = table->power_shift;
    uint64_t whole = 0, part = 0;
    for (const int16_t *end = table->rising + *at->edge++; at->weight < end;
         at->weight++, at->z += 2) {
        const uint64_t power = nnsp_power(at->z, shift);
        whole += power;
        part = nnsp_add_product_u64(part, power, (uint16_t)*at->weight);
    }
    const uint64_t energy = at->rising + ((whole << 15) - part);
    at->rising = part;
    return energy;
}

static inline void nnsp_mel_generic(const nnsp_frontend_table *table, const int32_t *z,
                                    int16_t *features)
{
    nnsp_mel_walk at = nnsp_first_band(table, z);
    for (unsigned j = 0; j < table->features; j++) {
        features[j] = nnsp_feature(nnsp_next_band(table, &at), table->mean[j], table->gain[j]);
    }
}

static inline void nnsp_features_generic(const nnsp_frontend_table *table, const int32_t *z,
                                         int16_t *features)
{
    if (table->feature_kind == NNSP_MEL) {
        nnsp_mel_generic(table, z, features);
        return;
    }
    for (unsigned k = 0; k < table->features; k++) {
        features[k] = nnsp_feature(nnsp_power(z + 2 * k, table->power_shift) << 15, table->mean[k],
                                   table->gain[k]);
    }
}

/*
 * Cepstral coefficients of the mel bands' levels, on every target the same: tables whose kind is
 * NNSP_MFCC.
 */
void nnsp_mfcc_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features);

#endif
