/* SPDX-License-Identifier: BSD-3-Clause */
#include "samples.h"

#include "link.h"

#define STEP_MIN 4
#define STEP_MAX 16384

static int32_t saturate(int32_t x)
{
    return x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x;
}

bool samples_amplify(int16_t *samples, size_t count, uint32_t gain)
{
    bool clipped = false;
    if (gain != SAMPLES_GAIN_ONE) {
        for (size_t i = 0; i < count; i++) {
            /*
             * 2^15 * 2^15 + 512 fits. Right shifts of negative numbers are arithmetic on every
             * compiler that we build with.
             */
            const int32_t x = (samples[i] * (int32_t)gain + 512) >> 10;
            samples[i] = (int16_t)saturate(x);
            clipped |= samples[i] != x;
        }
    }
    return clipped;
}

uint16_t samples_rms(const int16_t *samples, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (uint64_t)((int64_t)samples[i] * samples[i]);
    }
    unsigned shift = 0; /* of the root; a division of 32 bits then does */
    while (sum >> 32 != 0) {
        sum >>= 2;
        shift++;
    }
    const uint32_t mean = (uint32_t)sum / (uint32_t)count;
    uint32_t root = 0;
    for (uint32_t bit = 1u << 15; bit != 0; bit >>= 1) {
        if ((root | bit) * (root | bit) <= mean) {
            root |= bit;
        }
    }
    return (uint16_t)(root << shift);
}

void samples_adpcm_init(samples_adpcm *adpcm)
{
    adpcm->last = 0;
    adpcm->step = STEP_MIN;
}

/*
 * The difference to the sample before, in quarters of the step: a sign and three bits, read back as
 * the middle of their interval. A large code widens the step and a small one narrows it (Jayant's
 * adaptive quantiser).
 */
static uint8_t encode(samples_adpcm *adpcm, int16_t sample)
{
    static const uint16_t factor[8] = {230, 230, 230, 230, 307, 410, 512, 614}; /* of 256 */
    const int32_t difference = sample - adpcm->last;
    const int32_t step = adpcm->step;
    const int32_t size = difference < 0 ? -difference : difference;
    int32_t code = size * 4 / step;
    code = code > 7 ? 7 : code;
    const int32_t change = (2 * code + 1) * step >> 3;
    adpcm->last = (int16_t)saturate(difference < 0 ? adpcm->last - change : adpcm->last + change);
    const int32_t next = (step * factor[code] + 128) >> 8;
    adpcm->step = (uint16_t)(next < STEP_MIN ? STEP_MIN : next > STEP_MAX ? STEP_MAX : next);
    return (uint8_t)(code | (difference < 0) << 3);
}

uint8_t *samples_adpcm_pack(samples_adpcm *adpcm, const int16_t *samples, size_t count, uint8_t *at)
{
    at = link_put_u16(at, (uint16_t)adpcm->last);
    at = link_put_u16(at, adpcm->step);
    for (size_t i = 0; i < count; i += 2) {
        const uint8_t low = encode(adpcm, samples[i]);
        const uint8_t high = i + 1 < count ? encode(adpcm, samples[i + 1]) : 0;
        *at++ = (uint8_t)(low | high << 4);
    }
    return at;
}
