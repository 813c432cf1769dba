/* SPDX-License-Identifier: BSD-3-Clause */
/* Speech enhancement: front end, network, mask, back to samples. */
#ifndef NNSP_ENHANCER_H
#define NNSP_ENHANCER_H

#include "nnsp_frontend.h"
#include "nnsp_net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The caller owns this and the state. Any number may run side by side, each in one thread. */
typedef struct nnsp_enhancer {
    const nnsp_model *model;
    nnsp_frontend frontend;
    nnsp_net net;
    int16_t *features; /* Q12 [features]; then the mask per mel band, where the network makes one */
    int16_t *mask;     /* Q15 [bins], held between the outputs of a network with strides */
    size_t state_bytes;
} nnsp_enhancer;

/*
 * Return the bytes of state that a model needs, a multiple of 8. The generated header has the same
 * number as a constant. The model must be a generated one, or have passed nnsp_enhancer_init.
 */
size_t nnsp_enhancer_state_bytes(const nnsp_model *model);

/*
 * Check a model and start from silence.
 *
 * state: 8-byte aligned, at least nnsp_enhancer_state_bytes(); it is the whole memory of the
 * stream: a copy of it saves the stream, and copied back restores it.
 *
 * Returns NNSP_OK; NNSP_ERR_TASK for a model of another task; NNSP_ERR_SHAPE where the network does
 * not take the front end's features, or does not end in a sigmoid per bin or per mel band; and
 * whatever nnsp_frontend_init and nnsp_net_init return.
 */
nnsp_status nnsp_enhancer_init(nnsp_enhancer *enhancer, const nnsp_model *model, void *state,
                               size_t bytes);

/* Start from silence again. The model is not checked another time. */
void nnsp_enhancer_reset(nnsp_enhancer *enhancer);

/*
 * Enhance one hop of samples.
 *
 * in, out: int16 [hop]; out may be in. The output is window_size - hop samples late. After one full
 * window of silence (nnsp_frontend_silent) the network state is reset, so that an old noise
 * estimate does not let a new noise through.
 *
 * Returns NNSP_OK: an enhancer that passed nnsp_enhancer_init does not fail.
 */
nnsp_status nnsp_enhancer_process(nnsp_enhancer *enhancer, const int16_t *in, int16_t *out);

/*
 * Do the first half of nnsp_enhancer_process: take one hop of samples, in [hop]. Until
 * nnsp_enhancer_finish or _skip, one of which must follow, classifiers may use the spectrum
 * (nnsp_classifier_init_shared).
 */
void nnsp_enhancer_analyse(nnsp_enhancer *enhancer, const int16_t *in);

/* Do the second half of nnsp_enhancer_process: write one hop to out [hop]. Returns the same. */
nnsp_status nnsp_enhancer_finish(nnsp_enhancer *enhancer, int16_t *out);

/*
 * Write one hop to out [hop] that is turned down as far as a mask can, in place of
 * nnsp_enhancer_finish and for almost nothing. The network does not run and keeps its state. Where
 * skipping begins and ends, the overlapping windows fade.
 */
void nnsp_enhancer_skip(nnsp_enhancer *enhancer, int16_t *out);

#ifdef __cplusplus
}
#endif

#endif
