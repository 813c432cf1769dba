/* Classification of sound: front end, network, a score for each label. */
#ifndef NNSP_CLASSIFIER_H
#define NNSP_CLASSIFIER_H

#include "nnsp_frontend.h"
#include "nnsp_net.h"

typedef struct nnsp_classifier {
    const nnsp_model *model;
    nnsp_frontend frontend; /* its own, or its own table on the spectrum of another */
    nnsp_net net;
    int16_t *features; /* [features] */
    size_t state_bytes;
    uint8_t shared; /* 1: the spectrum is another's */
} nnsp_classifier;

/* Bytes of state, multiples of 8: with a front end of its own, as in the generated header, and on that of another. */
size_t nnsp_classifier_state_bytes(const nnsp_model *model);
size_t nnsp_classifier_shared_state_bytes(const nnsp_model *model);

/*
 * Check the model and start from silence. state: 8-byte aligned, at least nnsp_classifier_state_bytes(); a copy of it saves
 * the stream. Returns NNSP_OK or what nnsp_net_init and nnsp_frontend_init return; NNSP_ERR_TASK for a model of another task,
 * NNSP_ERR_TABLE where a label is missing, NNSP_ERR_SHAPE where the network does not take the front end's features or does not end in an fc with
 * softmax or sigmoid, a unit for each label.
 */
nnsp_status nnsp_classifier_init(nnsp_classifier *classifier, const nnsp_model *model, void *state, size_t bytes);

/*
 * The same on the spectra of another object's front end, which must live as long; bytes: nnsp_classifier_shared_state_bytes(). NNSP_ERR_SHAPE
 * too where rate, window, hop or transform of the two front ends differ; what features they make of the spectrum may.
 */
nnsp_status nnsp_classifier_init_shared(nnsp_classifier *classifier, const nnsp_model *model, const nnsp_frontend *source,
                                        void *state, size_t bytes);

/* Start from silence; a shared spectrum stays as it is. */
void nnsp_classifier_reset(nnsp_classifier *classifier);

/*
 * One hop of samples in, scores out: Q15 [label_count]. Returns NNSP_OK, NNSP_NO_OUTPUT where strides or a clip give no scores in this
 * hop, and NNSP_ERR_ARGUMENT for a classifier on a shared spectrum.
 */
nnsp_status nnsp_classifier_process(nnsp_classifier *classifier, const int16_t *in, int16_t *scores);

/* The second half of it, on the spectrum that is there: its own or, between analyse and finish or skip of an enhancer, the shared one. */
nnsp_status nnsp_classifier_listen(nnsp_classifier *classifier, int16_t *scores);

#endif
