/* SPDX-License-Identifier: BSD-3-Clause */
/* mel_bands.S: all bands, from the first bin after the first segment on. */
#ifndef NNSP_MEL_BANDS_H
#define NNSP_MEL_BANDS_H

#include <stdint.h>

/*
 * z, weight: at that bin; rising: sum of power times weight over the segment before; weights: of
 * bin 0; edge: end of the next segment, up to edge_end; shift: 0..32.
 */
void nnsp_mel_bands(const int32_t *z, const int16_t *weight, uint64_t rising, const int32_t *mean,
                    const int32_t *gain, int16_t *features, const int16_t *weights,
                    const uint16_t *edge, const uint16_t *edge_end, unsigned shift);

#endif
