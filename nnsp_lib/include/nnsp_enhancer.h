/* Speech enhancement: front end, network, mask, back to samples. */
#ifndef NNSP_ENHANCER_H
#define NNSP_ENHANCER_H

#include "nnsp_frontend.h"
#include "nnsp_net.h"

typedef struct nnsp_enhancer {
    const nnsp_model *model;
    nnsp_frontend frontend;
    nnsp_net net;
    int16_t *features; /* [features]; then, for a network that ends in a mask per mel band, that */
    int16_t *mask;     /* [bins] Q15, held between the outputs of a network with strides */
    size_t state_bytes;
} nnsp_enhancer;

/* Bytes of state, a multiple of 8; the generated header has the same number as a constant. */
size_t nnsp_enhancer_state_bytes(const nnsp_model *model);

/*
 * Check the model and start from silence. state: 8-byte aligned, at least nnsp_enhancer_state_bytes(); a copy of it saves
 * the stream. Returns NNSP_OK or what nnsp_net_init and nnsp_frontend_init return; NNSP_ERR_SHAPE also where the network does not take
 * the front end's features or does not end in a sigmoid per bin or per mel band, NNSP_ERR_TASK for another task's model.
 */
nnsp_status nnsp_enhancer_init(nnsp_enhancer *enhancer, const nnsp_model *model, void *state, size_t bytes);

void nnsp_enhancer_reset(nnsp_enhancer *enhancer);

/*
 * One hop of samples in, one hop out; out may be in. The output is window_size - hop samples late. After a whole window of silence
 * (nnsp_frontend_silent) the network starts anew: what it learnt of a noise is no longer true, and noise that sets in suddenly would
 * pass for speech at first.
 */
nnsp_status nnsp_enhancer_process(nnsp_enhancer *enhancer, const int16_t *in, int16_t *out);

/*
 * The same in two halves, so that classifiers can listen to the spectrum in between (nnsp_classifier_init_shared). Each analyse wants
 * one finish or skip behind it. skip turns the hop down as far as a mask can, for almost nothing: the network does not run and remembers
 * what it did; going in and out glides with the overlapping windows.
 */
void nnsp_enhancer_analyse(nnsp_enhancer *enhancer, const int16_t *in);
nnsp_status nnsp_enhancer_finish(nnsp_enhancer *enhancer, int16_t *out);
void nnsp_enhancer_skip(nnsp_enhancer *enhancer, int16_t *out);

#endif
