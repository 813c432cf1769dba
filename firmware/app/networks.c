/* SPDX-License-Identifier: BSD-3-Clause */
#include "networks.h"

#include <string.h>

#define GATE_NAME "vad"

#define ADDRESS(symbol, upper, bytes) &symbol,
const nnsp_model *const networks_models[NETWORKS_COUNT] = {MODELS(ADDRESS)};

#define STATE(symbol, upper, bytes) static uint64_t symbol##_state[((bytes) + 7u) / 8u];
MODELS(STATE)

#define STATE_OF(symbol, upper, bytes) {symbol##_state, bytes},
static const struct {
    void *memory;
    size_t bytes;
} states[NETWORKS_COUNT] = {MODELS(STATE_OF)};

static int32_t smoothed[NETWORKS_SCORES + 1u];
static int16_t scores[NETWORKS_SCORES + 1u];

static nnsp_status init_classifier(networks *n, networks_classifier *c, void *state, size_t bytes)
{
    const nnsp_status status =
        n->analysis == NULL
            ? nnsp_classifier_init(&c->classifier, c->model, state, bytes)
            : nnsp_classifier_init_shared(&c->classifier, c->model, n->analysis, state, bytes);
    if (status != NNSP_OK || c->model->detector == NULL) {
        return status;
    }
    if (n->gate == NULL && c->model->detector->kind == NNSP_DETECT_STATE &&
        strcmp(c->model->name, GATE_NAME) == 0) {
        n->gate = c;
    }
    return nnsp_detector_init(&c->detector, c->model, c->smoothed);
}

/*
 * Loops and branches here end at a number that is known when this is compiled: an image without
 * classifiers has nothing of them in it, and one without an enhancer nothing of that.
 */
nnsp_status networks_init(networks *n, const nnsp_model **at)
{
    memset(n, 0, sizeof *n);
    size_t used = 0;
    unsigned next = 0;
    for (unsigned i = 0; NETWORKS_ENHANCERS != 0 && i != NETWORKS_COUNT; i++) {
        *at = networks_models[i];
        if ((*at)->task == NNSP_ENHANCE) {
            const nnsp_status status =
                nnsp_enhancer_init(&n->enhancer, *at, states[i].memory, states[i].bytes);
            if (status != NNSP_OK) {
                return status;
            }
            n->analysis = &n->enhancer.frontend;
        }
    }
    for (unsigned i = 0; NETWORKS_CLASSIFIERS != 0 && i != NETWORKS_COUNT; i++) {
        *at = networks_models[i];
        if ((*at)->task == NNSP_CLASSIFY) {
            networks_classifier *c = &n->classifiers[next++];
            c->model = *at;
            c->scores = scores + used;
            c->smoothed = smoothed + used;
            used += c->model->label_count;
            const nnsp_status status = init_classifier(n, c, states[i].memory, states[i].bytes);
            if (status != NNSP_OK) {
                return status;
            }
            n->analysis = n->analysis == NULL ? &c->classifier.frontend : n->analysis;
        }
    }
    return NNSP_OK;
}

void networks_reset(networks *n)
{
    if (NETWORKS_ENHANCERS != 0) {
        nnsp_enhancer_reset(&n->enhancer);
    }
    for (unsigned i = 0; i != NETWORKS_CLASSIFIERS; i++) {
        networks_classifier *c = &n->classifiers[i];
        nnsp_classifier_reset(&c->classifier);
        if (c->model->detector != NULL) {
            nnsp_detector_reset(&c->detector);
        }
        c->given = false;
        c->active = false;
    }
    memset(scores, 0, sizeof scores);
    n->decision_count = 0;
    n->open = false;
}

size_t networks_state_bytes(unsigned i)
{
    return states[i].bytes;
}

uint16_t networks_delay(void)
{
    const nnsp_frontend_table *table = networks_models[0]->frontend;
    return NETWORKS_ENHANCERS == 0 ? 0 : (uint16_t)(table->window_size - table->hop);
}

static void decide(networks *n, networks_classifier *c, uint16_t label, networks_edge edge)
{
    const networks_decision decision = {c->model, label, (int16_t)(c->smoothed[label] >> 8), edge};
    n->decisions[n->decision_count++] = decision;
}

static void listen(networks *n, networks_classifier *c)
{
    c->given = nnsp_classifier_listen(&c->classifier, c->scores) == NNSP_OK;
    if (!c->given || c->model->detector == NULL) {
        return;
    }
    const int decided = nnsp_detector_step(&c->detector, c->scores);
    if (c->model->detector->kind == NNSP_DETECT_EVENT) {
        if (decided != 0) {
            decide(n, c, (uint16_t)decided, NETWORKS_EVENT);
        }
    } else if ((decided != 0) != c->active) {
        c->active = decided != 0;
        decide(n, c, 0, c->active ? NETWORKS_BEGIN : NETWORKS_END);
    }
}

/*
 * When speech begins: reset the detector, so that its hold from before the pause suppresses no
 * event, and begin a new clip, so that it holds the word from its start.
 */
static void wake(networks_classifier *c)
{
    if (c->model->network->clip_frames != 0) {
        nnsp_net_reset(&c->classifier.net);
    }
    if (c->model->detector != NULL) {
        nnsp_detector_reset(&c->detector);
    }
}

void networks_step(networks *n, const int16_t *in, int16_t *out, bool gating)
{
    const bool was_open = n->open;
    n->decision_count = 0;
    /* The enhancer's, where there is one: nnsp_enhancer_analyse. */
    nnsp_frontend_analyse(n->analysis, in);
    if (NETWORKS_CLASSIFIERS != 0 && n->gate != NULL) {
        listen(n, n->gate);
    }
    n->open = !gating || n->gate == NULL || n->gate->active;
    for (unsigned i = 0; i != NETWORKS_CLASSIFIERS; i++) {
        networks_classifier *c = &n->classifiers[i];
        if (c == n->gate) {
            continue;
        }
        c->given = false;
        if (n->open && !was_open) {
            wake(c);
        }
        if (n->open) {
            listen(n, c);
        }
    }
    if (NETWORKS_ENHANCERS == 0) {
        memmove(out, in, MODEL_HOP * sizeof *out);
    } else if (n->open) {
        (void)nnsp_enhancer_finish(&n->enhancer, out); /* cannot fail: init has checked the model */
    } else {
        nnsp_enhancer_skip(&n->enhancer, out);
    }
}

const int16_t *networks_past(const networks *n, const int16_t *in)
{
    /* The oldest hop of the window. */
    return NETWORKS_ENHANCERS == 0 ? in : n->enhancer.frontend.history;
}
