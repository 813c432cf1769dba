/* SPDX-License-Identifier: BSD-3-Clause */
#include "nnsp_enhancer.h"

#include <string.h>

#include "kernels/kernels.h"

static size_t bins_of(const nnsp_model *model)
{
    return model->frontend->fft_size / 2u + 1u;
}

static size_t vector_bytes(size_t n)
{
    return nnsp_padded(n) * sizeof(int16_t);
}

static const nnsp_layer *last_layer(const nnsp_model *model)
{
    return model->network->layers + model->network->layer_count - 1;
}

/* Whether the network makes a mask per mel band: narrower than one per bin. */
static int masks_bands(const nnsp_model *model)
{
    return last_layer(model)->units < bins_of(model);
}

size_t nnsp_enhancer_state_bytes(const nnsp_model *model)
{
    return nnsp_frontend_state_bytes(model->frontend) + nnsp_net_state_bytes(model->network) +
           vector_bytes(model->frontend->features) + vector_bytes(bins_of(model));
}

nnsp_status nnsp_enhancer_init(nnsp_enhancer *enhancer, const nnsp_model *model, void *state,
                               size_t bytes)
{
    if (enhancer == NULL || model == NULL || model->frontend == NULL || model->network == NULL ||
        state == NULL) {
        return NNSP_ERR_ARGUMENT;
    }
    if (model->task != NNSP_ENHANCE) {
        return NNSP_ERR_TASK;
    }
    nnsp_status status = nnsp_frontend_init(&enhancer->frontend, model->frontend, state, bytes);
    if (status != NNSP_OK) {
        return status;
    }
    size_t used = nnsp_frontend_state_bytes(model->frontend);
    status = nnsp_net_init(&enhancer->net, model->network, (uint8_t *)state + used, bytes - used);
    if (status != NNSP_OK) {
        return status;
    }
    const nnsp_layer *first = model->network->layers, *last = last_layer(model);
    const size_t outputs = masks_bands(model) && model->frontend->feature_kind == NNSP_MEL
                               ? model->frontend->features
                               : bins_of(model);
    if (first->inputs != model->frontend->features || first->in_frac != 12 ||
        last->units != outputs || last->activation != NNSP_SIGMOID ||
        model->network->clip_frames != 0) {
        return NNSP_ERR_SHAPE;
    }
    enhancer->state_bytes = nnsp_enhancer_state_bytes(model);
    if (bytes < enhancer->state_bytes) {
        return NNSP_ERR_STATE;
    }
    used += nnsp_net_state_bytes(model->network);
    enhancer->model = model;
    enhancer->features = (int16_t *)((uint8_t *)state + used);
    enhancer->mask = enhancer->features + nnsp_padded(model->frontend->features);
    nnsp_enhancer_reset(enhancer);
    return NNSP_OK;
}

void nnsp_enhancer_reset(nnsp_enhancer *enhancer)
{
    nnsp_frontend_reset(&enhancer->frontend);
    nnsp_net_reset(&enhancer->net);
    memset(enhancer->features, 0, vector_bytes(enhancer->model->frontend->features));
    memset(enhancer->mask, 0, vector_bytes(bins_of(enhancer->model)));
}

void nnsp_enhancer_analyse(nnsp_enhancer *enhancer, const int16_t *in)
{
    nnsp_frontend_analyse(&enhancer->frontend, in);
}

nnsp_status nnsp_enhancer_finish(nnsp_enhancer *enhancer, int16_t *out)
{
    if (nnsp_frontend_silent(&enhancer->frontend)) {
        nnsp_net_reset(&enhancer->net);
        nnsp_enhancer_skip(enhancer, out);
        return NNSP_OK;
    }
    nnsp_frontend_features(&enhancer->frontend, enhancer->features);
    const int bands = masks_bands(enhancer->model);
    int16_t *outputs = bands ? enhancer->features : enhancer->mask;
    const nnsp_status status = nnsp_net_step(&enhancer->net, enhancer->features, outputs);
    if (status < NNSP_OK) {
        return status;
    }
    if (bands && status == NNSP_OK) {
        const nnsp_frontend_table *table = enhancer->model->frontend;
        nnsp_band_mask_s16(outputs, table->features, table->band_edge, table->rising,
                           enhancer->mask, (unsigned)bins_of(enhancer->model));
    }
    nnsp_frontend_synthesise(&enhancer->frontend, enhancer->mask, out);
    return NNSP_OK;
}

void nnsp_enhancer_skip(nnsp_enhancer *enhancer, int16_t *out)
{
    nnsp_frontend_turn_down(&enhancer->frontend, out);
}

nnsp_status nnsp_enhancer_process(nnsp_enhancer *enhancer, const int16_t *in, int16_t *out)
{
    nnsp_enhancer_analyse(enhancer, in);
    return nnsp_enhancer_finish(enhancer, out);
}
