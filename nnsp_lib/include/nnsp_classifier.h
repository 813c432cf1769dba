/* SPDX-License-Identifier: BSD-3-Clause */
/* Classification of sound: front end, network, a score for each label. */
#ifndef NNSP_CLASSIFIER_H
#define NNSP_CLASSIFIER_H

#include "nnsp_frontend.h"
#include "nnsp_net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The caller owns this and the state. Any number may run side by side, each in one thread. */
typedef struct nnsp_classifier {
    const nnsp_model *model;
    nnsp_frontend frontend; /* its own, or features of its own from the spectrum of another */
    nnsp_net net;
    int16_t *features; /* Q12 [features] */
    size_t state_bytes;
    uint8_t shared; /* 1: the spectrum is another's */
} nnsp_classifier;

/*
 * Return the bytes of state that a model needs, a multiple of 8: with a front end of its own, or on
 * that of another. The generated header has the same numbers as constants. The model must be a
 * generated one, or have passed nnsp_classifier_init.
 */
size_t nnsp_classifier_state_bytes(const nnsp_model *model);
size_t nnsp_classifier_shared_state_bytes(const nnsp_model *model);

/*
 * Check a model and start from silence.
 *
 * state: 8-byte aligned, at least nnsp_classifier_state_bytes(); a copy of it saves the stream, and
 * copied back restores it.
 *
 * Returns NNSP_OK; NNSP_ERR_TASK for a model of another task; NNSP_ERR_TABLE where a label is
 * missing; NNSP_ERR_SHAPE where the network does not take the front end's features, or does not end
 * in an fc of softmax or sigmoid with a unit for each label; and whatever
 * nnsp_frontend_init_analysis and nnsp_net_init return.
 */
nnsp_status nnsp_classifier_init(nnsp_classifier *classifier, const nnsp_model *model, void *state,
                                 size_t bytes);

/*
 * Check a model and start from silence, on the spectra of another object's front end.
 *
 * source: must live as long as the classifier. state: at least
 * nnsp_classifier_shared_state_bytes(). Features may differ from the source's; rate, window, hop
 * and transform may not.
 *
 * Returns what nnsp_classifier_init returns, and NNSP_ERR_SHAPE where the front ends differ.
 */
nnsp_status nnsp_classifier_init_shared(nnsp_classifier *classifier, const nnsp_model *model,
                                        const nnsp_frontend *source, void *state, size_t bytes);

/* Start from silence again; a shared spectrum stays as it is. */
void nnsp_classifier_reset(nnsp_classifier *classifier);

/*
 * Take one hop of samples and score it.
 *
 * in: int16 [hop]; scores: Q15 [label_count].
 *
 * Returns NNSP_OK; NNSP_NO_OUTPUT where strides or a clip give no scores in this hop;
 * NNSP_ERR_ARGUMENT for a classifier on a shared spectrum.
 */
nnsp_status nnsp_classifier_process(nnsp_classifier *classifier, const int16_t *in,
                                    int16_t *scores);

/*
 * Score the present spectrum: the classifier's own, or a shared one, as it is after
 * nnsp_enhancer_analyse and before nnsp_enhancer_finish or _skip.
 *
 * scores: Q15 [label_count]. Returns NNSP_OK or NNSP_NO_OUTPUT, as nnsp_classifier_process.
 */
nnsp_status nnsp_classifier_listen(nnsp_classifier *classifier, int16_t *scores);

#ifdef __cplusplus
}
#endif

#endif
