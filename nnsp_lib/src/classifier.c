/* SPDX-License-Identifier: BSD-3-Clause */
#include "nnsp_classifier.h"

#include <string.h>

#include "kernels/kernels.h"

static size_t features_bytes(const nnsp_model *model)
{
    return nnsp_padded(model->frontend->features) * sizeof(int16_t);
}

size_t nnsp_classifier_shared_state_bytes(const nnsp_model *model)
{
    return features_bytes(model) + nnsp_net_state_bytes(model->network);
}

size_t nnsp_classifier_state_bytes(const nnsp_model *model)
{
    return nnsp_frontend_analysis_bytes(model->frontend) +
           nnsp_classifier_shared_state_bytes(model);
}

static nnsp_status check_model(const nnsp_classifier *classifier, const nnsp_model *model)
{
    if (classifier == NULL || model == NULL || model->frontend == NULL || model->network == NULL) {
        return NNSP_ERR_ARGUMENT;
    }
    if (model->task != NNSP_CLASSIFY) {
        return NNSP_ERR_TASK;
    }
    if (model->labels == NULL || model->label_count == 0) {
        return NNSP_ERR_TABLE;
    }
    for (unsigned i = 0; i < model->label_count; i++) {
        if (model->labels[i] == NULL) {
            return NNSP_ERR_TABLE;
        }
    }
    return NNSP_OK;
}

/* With a front end that is ready; state: what follows the front end's. */
static nnsp_status start(nnsp_classifier *classifier, const nnsp_model *model, void *state,
                         size_t bytes)
{
    const nnsp_status status = nnsp_net_init(&classifier->net, model->network, state, bytes);
    if (status != NNSP_OK) {
        return status;
    }
    const nnsp_layer *first = model->network->layers,
                     *last = first + model->network->layer_count - 1;
    if (first->inputs != model->frontend->features || first->in_frac != 12 ||
        last->kind != NNSP_FC || last->units != model->label_count ||
        (last->activation != NNSP_SOFTMAX && last->activation != NNSP_SIGMOID)) {
        return NNSP_ERR_SHAPE;
    }
    if (bytes < nnsp_classifier_shared_state_bytes(model)) {
        return NNSP_ERR_STATE;
    }
    classifier->model = model;
    classifier->features = (int16_t *)((uint8_t *)state + nnsp_net_state_bytes(model->network));
    nnsp_classifier_reset(classifier);
    return NNSP_OK;
}

nnsp_status nnsp_classifier_init(nnsp_classifier *classifier, const nnsp_model *model, void *state,
                                 size_t bytes)
{
    nnsp_status status = check_model(classifier, model);
    if (status == NNSP_OK) {
        status = nnsp_frontend_init_analysis(&classifier->frontend, model->frontend, state, bytes);
    }
    if (status != NNSP_OK) {
        return status;
    }
    const size_t used = nnsp_frontend_analysis_bytes(model->frontend);
    classifier->shared = 0;
    classifier->state_bytes = nnsp_classifier_state_bytes(model);
    return start(classifier, model, (uint8_t *)state + used, bytes - used);
}

nnsp_status nnsp_classifier_init_shared(nnsp_classifier *classifier, const nnsp_model *model,
                                        const nnsp_frontend *source, void *state, size_t bytes)
{
    nnsp_status status = check_model(classifier, model);
    if (status == NNSP_OK) {
        status = nnsp_frontend_init_shared(&classifier->frontend, model->frontend, source);
    }
    if (status != NNSP_OK) {
        return status;
    }
    classifier->shared = 1;
    classifier->state_bytes = nnsp_classifier_shared_state_bytes(model);
    return start(classifier, model, state, bytes);
}

void nnsp_classifier_reset(nnsp_classifier *classifier)
{
    if (!classifier->shared) {
        nnsp_frontend_reset(&classifier->frontend);
    }
    nnsp_net_reset(&classifier->net);
    memset(classifier->features, 0, features_bytes(classifier->model));
}

nnsp_status nnsp_classifier_listen(nnsp_classifier *classifier, int16_t *scores)
{
    nnsp_frontend_features(&classifier->frontend, classifier->features);
    return nnsp_net_step(&classifier->net, classifier->features, scores);
}

nnsp_status nnsp_classifier_process(nnsp_classifier *classifier, const int16_t *in, int16_t *scores)
{
    if (classifier->shared) {
        return NNSP_ERR_ARGUMENT;
    }
    nnsp_frontend_analyse(&classifier->frontend, in);
    return nnsp_classifier_listen(classifier, scores);
}
