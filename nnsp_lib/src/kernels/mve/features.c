/* SPDX-License-Identifier: BSD-3-Clause */
/* The sums of a band one bin at a time, the logarithms of four bands together. */
#include "../kernels.h"
#include "../lookup.h"

#ifdef NNSP_MVE

#include <arm_mve.h>

#define FEATURE_FRAC 12

/*
 * A band on its way to its logarithm: energy / 2^octave is in [1, 2), and fraction what is after
 * the one, Q32.
 */
typedef struct bands {
    uint32_t fraction[4];
    int32_t octave[4];
} bands;

/* energy: Q15, in units of one int16 step squared; never below one such unit. */
static inline void normalise(uint64_t energy, bands *of, unsigned i)
{
    const uint64_t limited = energy > 1u << 15 ? energy : 1u << 15;
    const int zeros = __builtin_clzll(limited);
    of->fraction[i] = (uint32_t)((limited << zeros) >> 31);
    of->octave[i] = 63 - 15 - zeros;
}

/*
 * Up to four features, as nnsp_level_u64 and portable/features.c make them. The last product, below
 * 2^50 as the tables bound mean and gain, is taken as upper and lower half. Intrinsics, because
 * compilers make no vectors of table look-ups.
 */
static void features_of(const bands *of, const int32_t *mean, const int32_t *gain,
                        int16_t *features, unsigned count)
{
    const mve_pred16_t lanes = vctp32q(count);
    const uint32x4_t fraction = vldrwq_u32(of->fraction);
    const uint32x4_t k = vshrq_n_u32(fraction, 32 - NNSP_LOG2_STEP_BITS);
    const int32x4_t within =
        vreinterpretq_s32_u32(vshrq_n_u32(vshlq_n_u32(fraction, NNSP_LOG2_STEP_BITS), 16));
    const int32x4_t low = vldrwq_gather_shifted_offset_s32(nnsp_log2_table, k);
    const int32x4_t next = vldrwq_gather_shifted_offset_s32(nnsp_log2_table + 1, k);
    const int32x4_t step = vrshrq_n_s32(vmulq_s32(vsubq_s32(next, low), within), 16);
    const int32x4_t octave = vshlq_n_s32(vldrwq_s32(of->octave), 16);
    const int32x4_t level = vaddq_s32(vaddq_s32(octave, low), step);
    const int32x4_t x = vsubq_s32(level, vldrwq_z_s32(mean, lanes)), y = vldrwq_z_s32(gain, lanes);
    const uint32x4_t lower = vshrq_n_u32(vreinterpretq_u32_s32(vmulq_s32(x, y)), 31 - FEATURE_FRAC);
    const int32x4_t upper = vshlq_n_s32(vmulhq_s32(x, y), 32 - (31 - FEATURE_FRAC));
    const int32x4_t twice = vorrq_s32(upper, vreinterpretq_s32_u32(lower));
    const int16x8_t narrow = vqmovnbq_s32(vdupq_n_s16(0), vrshrq_n_s32(twice, 1));
    vstrhq_p_s32(features, vreinterpretq_s32_s16(narrow), lanes);
}

/* Bins z and their weights, as far as the sums have come. */
typedef struct bins {
    const int32_t *z;
    const int16_t *weight;
    uint64_t whole; /* power */
    uint64_t part;  /* power times weight */
} bins;

/*
 * Start the sums again and add `count` bins. One at a time, because each power has 64 bits before
 * its shift, and MVE shifts those in the other registers only; assembly, because the compiler moves
 * the halves of sums and powers around.
 */
static inline bins sum_bins(bins at, unsigned count, unsigned shift)
{
    register uint64_t power __asm("r4"); /* LSLL wants an even register and the next */
    uint32_t re, im;
    at.whole = 0;
    at.part = 0;
    __asm("wls lr, %[count], 2f\n"
          "1: ldrd %[re], %[im], [%[z]], #8\n"
          "smull %Q[power], %R[power], %[re], %[re]\n"
          "smlal %Q[power], %R[power], %[im], %[im]\n"
          "lsll %Q[power], %R[power], %[left]\n"
          "adds %Q[whole], %Q[whole], %Q[power]\n"
          "adc %R[whole], %R[whole], %R[power]\n"
          "ldrh %[re], [%[weight]], #2\n"
          "umlal %Q[part], %R[part], %Q[power], %[re]\n"
          "mla %R[part], %R[power], %[re], %R[part]\n"
          "le lr, 1b\n"
          "2:"
          : [z] "+r"(at.z), [weight] "+r"(at.weight), [whole] "+r"(at.whole), [part] "+r"(at.part),
            [power] "=&r"(power), [re] "=&r"(re), [im] "=&r"(im)
          : [count] "r"(count), [left] "r"(-(int32_t)shift)
          : "lr", "cc", "memory");
    return at;
}

void nnsp_features_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    const int mel = table->feature_kind == NNSP_MEL;
    const uint16_t *edge = table->band_edge;
    const unsigned shift = table->power_shift;
    bins at = {.z = z};
    bands of = {{0}, {0}};
    if (mel) {
        at.z += 2 * edge[0];
        at.weight = table->rising + edge[0];
        at = sum_bins(at, (unsigned)(edge[1] - edge[0]), shift);
        edge++;
    }
    for (unsigned first = 0; first < table->features; first += 4) {
        const unsigned left = table->features - first, count = left < 4 ? left : 4;
        for (unsigned i = 0; i < count; i++) {
            if (mel) {
                /*
                 * A bin shares its power between the band it rises in and the band before, where it
                 * falls by as much.
                 */
                const uint64_t rising = at.part;
                at = sum_bins(at, (unsigned)(edge[1] - edge[0]), shift);
                edge++;
                normalise(rising + ((at.whole << 15) - at.part), &of, i);
            } else {
                const int64_t re = *z++, im = *z++;
                normalise(((uint64_t)(re * re + im * im) >> shift) << 15, &of, i);
            }
        }
        features_of(&of, table->mean + first, table->gain + first, features + first, count);
    }
}

#endif
