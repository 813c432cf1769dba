/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stands in for the library. out = in / 2 + hops since the start, one hop late: a result that shows
 * a lost, doubled or swapped hop. FAULT_AT=n: the n-th hop executes an undefined instruction.
 * OVERFLOW_AT=n: it needs more stack than there is. SLOW_AT=n: it takes SLOW_TURNS turns of a loop
 * more. A hop that is skipped is silence, and not counted.
 */
#include <string.h>

#include "def_nn0_double.h"

static const nnsp_frontend_table frontend = {.rate = NN0_DOUBLE_RATE,
                                             .hop = NN0_DOUBLE_HOP,
                                             .window_size = NN0_DOUBLE_WINDOW,
                                             .checksum = 0x0F0F0F0Fu};
static const nnsp_network network = {.version = NNSP_TABLE_VERSION, .checksum = 0x12345678u};
const nnsp_model nn0_double = {.name = "double",
                               .frontend = &frontend,
                               .network = &network,
                               .state_bytes = NN0_DOUBLE_STATE_BYTES,
                               .id = 0};

int16_t heard[NN0_DOUBLE_HOP]; /* the hop that was analysed last */
static int16_t last[NN0_DOUBLE_HOP];
static int hops;

nnsp_status nnsp_enhancer_init(nnsp_enhancer *enhancer, const nnsp_model *model, void *state,
                               size_t bytes)
{
    (void)state;
    enhancer->model = model;
    enhancer->frontend.history = last; /* bypassed, a hop comes out at once */
    nnsp_enhancer_reset(enhancer);
    return bytes == model->state_bytes ? NNSP_OK : NNSP_ERR_STATE;
}

void nnsp_enhancer_reset(nnsp_enhancer *enhancer)
{
    (void)enhancer;
    memset(last, 0, sizeof last);
    hops = 0;
}

void nnsp_frontend_analyse(nnsp_frontend *frontend, const int16_t *in)
{
    (void)frontend;
    memcpy(heard, in, sizeof heard);
}

const char *nnsp_status_text(nnsp_status status)
{
    return status == NNSP_OK ? "no error" : "the state memory is too small";
}

#ifdef OVERFLOW_AT
static int deep(volatile int *above, int depth)
{
    volatile int here[64];
    here[0] = *above + depth;
    return depth < 1000000 ? deep(here, depth + 1) + here[0] : 0;
}
#endif

void nnsp_enhancer_skip(nnsp_enhancer *enhancer, int16_t *out)
{
    (void)enhancer;
    memcpy(last, heard, sizeof last);
    memset(out, 0, sizeof last);
}

nnsp_status nnsp_enhancer_finish(nnsp_enhancer *enhancer, int16_t *out)
{
    (void)enhancer;
#ifdef FAULT_AT
    if (hops == FAULT_AT) {
        __asm volatile("udf #1");
    }
#endif
#ifdef OVERFLOW_AT
    if (hops == OVERFLOW_AT) {
        volatile int seed = 1;
        out[0] = (int16_t)deep(&seed, 0);
    }
#endif
#ifdef SLOW_AT
    for (volatile int turn = 0; hops == SLOW_AT && turn < SLOW_TURNS; turn = turn + 1) {
    }
#endif
    for (int i = 0; i < NN0_DOUBLE_HOP; i++) {
        out[i] = (int16_t)(last[i] / 2 + hops);
    }
    memcpy(last, heard, sizeof last);
    hops++;
    return NNSP_OK;
}
