/* SPDX-License-Identifier: BSD-3-Clause */
/* Ten seconds of noise through the enhancer: how far it goes down, and how long a hop takes. */
#include <stdlib.h>

#include <zephyr/kernel.h>

#include "def_nn3_se.h"
#include "nnsp.h"

#define SECONDS 10
#define HOPS_PER_SECOND (NN3_SE_RATE / NN3_SE_HOP)

static uint64_t state[(NN3_SE_STATE_BYTES + 7) / 8];
static nnsp_enhancer enhancer;

/* Noise, so that this runs without a microphone: dmic_read() belongs here. */
static void read_hop(int16_t *hop)
{
    static uint32_t random = 1;
    for (int i = 0; i < NN3_SE_HOP; i++) {
        random = 1664525u * random + 1013904223u;
        hop[i] = (int16_t)((int32_t)(random >> 20) - 2048);
    }
}

/* Mean of the absolute samples. */
static int level(const int16_t *hop)
{
    int32_t sum = 0;
    for (int i = 0; i < NN3_SE_HOP; i++) {
        sum += abs(hop[i]);
    }
    return (int)(sum / NN3_SE_HOP);
}

int main(void)
{
    int16_t hop[NN3_SE_HOP];
    const nnsp_status status = nnsp_enhancer_init(&enhancer, &nn3_se, state, sizeof state);
    if (status != NNSP_OK) {
        printk("nnsp: %s\n", nnsp_status_text(status));
        return 1;
    }
    for (int second = 1; second <= SECONDS; second++) {
        uint32_t cycles = 0;
        int before = 0, after = 0;
        for (int i = 0; i < HOPS_PER_SECOND; i++) {
            read_hop(hop);
            before = level(hop);
            const uint32_t start = k_cycle_get_32();
            (void)nnsp_enhancer_process(&enhancer, hop, hop); /* cannot fail after a good init */
            cycles += k_cycle_get_32() - start;
            after = level(hop);
        }
        const unsigned us = k_cyc_to_us_floor32(cycles / HOPS_PER_SECOND);
        printk("second %d: level %d, enhanced %d, %u us of %d a hop\n", second, before, after, us,
               1000000 / HOPS_PER_SECOND);
    }
    return 0;
}
