/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the app does to a hop of samples around the network; py_tools/nnsp/device/samples.py is the
 * twin.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLES_GAIN_ONE 1024u  /* 0 dB */
#define SAMPLES_GAIN_MAX 32768u /* 30 dB */

/*
 * State of the quantiser. A packed block begins with it, so that each block can be decoded alone.
 */
typedef struct samples_adpcm {
    int16_t last; /* the sample before, as the receiver has it */
    uint16_t step;
} samples_adpcm;

#define SAMPLES_ADPCM_BYTES(count) (4u + ((count) + 1u) / 2u)

/*
 * In place: x * gain / 1024, rounded half up and saturated. Returns whether any sample was
 * saturated.
 */
bool samples_amplify(int16_t *samples, size_t count, uint32_t gain);

/* Root of the mean square, to about one in a thousand. count: 1..65536. */
uint16_t samples_rms(const int16_t *samples, size_t count);

void samples_adpcm_init(samples_adpcm *adpcm);

/*
 * Write SAMPLES_ADPCM_BYTES(count) bytes: the state before the first sample, then four bits a
 * sample. Lossy.
 */
uint8_t *samples_adpcm_pack(samples_adpcm *adpcm, const int16_t *samples, size_t count,
                            uint8_t *at);

#endif
