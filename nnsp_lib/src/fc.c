/* SPDX-License-Identifier: BSD-3-Clause */
/* A fully connected layer. No state. */
#include "kernels/kernels.h"
#include "layer.h"

int nnsp_fc_is_valid(const nnsp_layer *layer, int last, int ended)
{
    (void)ended;
    return layer->kernel_size == 1 && layer->strides == 1 && !layer->returns_last &&
           (last || layer->activation != NNSP_SOFTMAX);
}

size_t nnsp_fc_state_bytes(const nnsp_layer *layer)
{
    (void)layer;
    return 0;
}

size_t nnsp_fc_scratch_bytes(const nnsp_layer *layer)
{
    (void)layer;
    return 0;
}

nnsp_weight_groups nnsp_fc_weights(const nnsp_layer *layer)
{
    return (nnsp_weight_groups){layer->units, nnsp_padded(layer->inputs), NNSP_ROWS_WORDS};
}

nnsp_status nnsp_fc_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out,
                         int16_t *scratch)
{
    (void)state;
    (void)scratch;
    nnsp_matvec_s8_s16(layer->weights, layer->shift, in, layer->units, layer->inputs, out);
    nnsp_activate(layer, out);
    return NNSP_OK;
}
