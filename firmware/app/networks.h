/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The networks of an image side by side, in the order of image_models.h: one analysis a hop, every
 * classifier on its spectrum, then the enhancer. Knows nothing of board or link.
 */
#ifndef NETWORKS_H
#define NETWORKS_H

#include <stdbool.h>

#include "image_models.h"
#include "nnsp.h"

#define NETWORKS_ONE(symbol, upper, bytes) +1u
#define NETWORKS_CLASSIFIER(symbol, upper, bytes) +(unsigned)(upper##_TASK == NNSP_CLASSIFY)
#define NETWORKS_LABELS(symbol, upper, bytes) +upper##_LABELS
#define NETWORKS_LABEL_BYTES(symbol, upper, bytes) +upper##_LABEL_BYTES
#define NETWORKS_COUNT (0u MODELS(NETWORKS_ONE))
#define NETWORKS_CLASSIFIERS (0u MODELS(NETWORKS_CLASSIFIER))
#define NETWORKS_ENHANCERS (NETWORKS_COUNT - NETWORKS_CLASSIFIERS)
#define NETWORKS_SCORES (0u MODELS(NETWORKS_LABELS))          /* of all classifiers together */
#define NETWORKS_TEXT_BYTES (0u MODELS(NETWORKS_LABEL_BYTES)) /* labels, a byte more each */

typedef enum networks_edge {
    NETWORKS_EVENT = 0,
    NETWORKS_BEGIN = 1,
    NETWORKS_END = 2
} networks_edge;

/* What a detector has decided in this hop: an event, or that its state begins or ends. */
typedef struct networks_decision {
    const nnsp_model *model;
    uint16_t label;
    int16_t probability; /* Q15, smoothed */
    networks_edge edge;
} networks_decision;

typedef struct networks_classifier {
    const nnsp_model *model;
    nnsp_classifier classifier;
    nnsp_detector detector;
    int32_t *smoothed; /* [label_count], the detector's */
    int16_t *scores;   /* [label_count] Q15, the last ones */
    bool given;        /* in this hop */
    bool active;       /* the state of a STATE detector */
} networks_classifier;

typedef struct networks {
    nnsp_enhancer enhancer;    /* where there is one */
    nnsp_frontend *analysis;   /* whose spectrum all listen to */
    networks_classifier *gate; /* while its state is off the others rest; or NULL */
    /* One more than there are, for C has no empty array. */
    networks_classifier classifiers[NETWORKS_CLASSIFIERS + 1u];
    networks_decision decisions[NETWORKS_CLASSIFIERS + 1u]; /* of this hop */
    size_t decision_count;
    bool open; /* the others ran in this hop */
} networks;

extern const nnsp_model *const networks_models[NETWORKS_COUNT];

/*
 * Check all models and start from silence. Where it is not NNSP_OK, *at is the model that is the
 * reason.
 */
nnsp_status networks_init(networks *n, const nnsp_model **at);

void networks_reset(networks *n);

/* Bytes of state of the model networks_models[i]. */
size_t networks_state_bytes(unsigned i);

/* Samples that the output is late. */
uint16_t networks_delay(void);

/*
 * One hop in, one out; out may be in. With `gating`, while the gate detects no speech, the
 * enhancer skips and the other classifiers rest. Afterwards a streaming network continues from its
 * state; clips and detectors are reset. Without an enhancer out is in.
 */
void networks_step(networks *n, const int16_t *in, int16_t *out, bool gating);

/* Return the input as late as the output of the last step: what is sent under bypass. */
const int16_t *networks_past(const networks *n, const int16_t *in);

#endif
