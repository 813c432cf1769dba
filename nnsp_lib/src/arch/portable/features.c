#include "kernels.h"
#include "level.h"

#define FEATURE_FRAC 12

/* energy: Q15, in units of one int16 step squared; never below one such unit. */
static inline int16_t feature(uint64_t energy, int32_t mean, int32_t gain)
{
    const int32_t level = nnsp_level_u64(energy > 1u << 15 ? energy : 1u << 15) - (15 << 16);
    const int64_t product = (int64_t)(level - mean) * gain; /* < 2^50: the tables bound mean and gain */
    return nnsp_narrow16((int32_t)(product >> (31 - FEATURE_FRAC)), 1);
}

static inline uint64_t power_of(const int32_t *z, unsigned shift)
{
    const int64_t re = z[0], im = z[1];
    return nnsp_shift_u64((uint64_t)(re * re + im * im), shift);
}

/* A bin shares its power between the band it rises in and the band before, where it falls by as much. */
static void mel(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    const uint16_t *edge = table->band_edge;
    const int16_t *weight = table->rising + edge[0], *end = table->rising + edge[1];
    const int32_t *mean = table->mean, *gain = table->gain;
    const unsigned shift = table->power_shift;
    uint64_t rising = 0;
    z += 2 * edge[0];
    for (; weight < end; weight++, z += 2) {
        rising = nnsp_add_product_u64(rising, power_of(z, shift), (uint16_t)*weight);
    }
    edge += 2;
    for (int16_t *last = features + table->features; features < last; features++) {
        uint64_t whole = 0, part = 0;
        for (end = table->rising + *edge++; weight < end; weight++, z += 2) {
            const uint64_t power = power_of(z, shift);
            whole += power;
            part = nnsp_add_product_u64(part, power, (uint16_t)*weight);
        }
        *features = feature(rising + ((whole << 15) - part), *mean++, *gain++);
        rising = part;
    }
}

void nnsp_features_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    if (table->feature_kind == NNSP_MEL) {
        mel(table, z, features);
        return;
    }
    for (unsigned k = 0; k < table->features; k++) {
        features[k] = feature(power_of(z + 2 * k, table->power_shift) << 15, table->mean[k], table->gain[k]);
    }
}
