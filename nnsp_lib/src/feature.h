/* Features in plain C, whatever their kind and shift. */
#ifndef NNSP_FEATURE_H
#define NNSP_FEATURE_H

#include "level.h"
#include "nnsp_table.h"

#define NNSP_FEATURE_FRAC 12

/* energy: Q15, in units of one int16 step squared; never below one such unit. */
static inline int16_t nnsp_feature(uint64_t energy, int32_t mean, int32_t gain)
{
    const int32_t level = nnsp_level_u64(energy > 1u << 15 ? energy : 1u << 15) - (15 << 16);
    const int64_t product = (int64_t)(level - mean) * gain; /* < 2^50: the tables bound mean and gain */
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
        rising = nnsp_add_product_u64(rising, nnsp_power(z + 2 * k, table->power_shift), (uint16_t)table->rising[k]);
    }
    return rising;
}

/* A bin shares its power between the band it rises in and the band before, where it falls by as much. */
static inline void nnsp_mel_any(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    const uint16_t *edge = table->band_edge + 1;
    const int16_t *weight = table->rising + *edge;
    const int32_t *mean = table->mean, *gain = table->gain;
    const unsigned shift = table->power_shift;
    uint64_t rising = nnsp_first_rising(table, z);
    z += 2 * *edge++;
    for (int16_t *last = features + table->features; features < last; features++) {
        uint64_t whole = 0, part = 0;
        for (const int16_t *end = table->rising + *edge++; weight < end; weight++, z += 2) {
            const uint64_t power = nnsp_power(z, shift);
            whole += power;
            part = nnsp_add_product_u64(part, power, (uint16_t)*weight);
        }
        *features = nnsp_feature(rising + ((whole << 15) - part), *mean++, *gain++);
        rising = part;
    }
}

static inline void nnsp_features_any(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    if (table->feature_kind == NNSP_MEL) {
        nnsp_mel_any(table, z, features);
        return;
    }
    for (unsigned k = 0; k < table->features; k++) {
        features[k] = nnsp_feature(nnsp_power(z + 2 * k, table->power_shift) << 15, table->mean[k], table->gain[k]);
    }
}

#endif
