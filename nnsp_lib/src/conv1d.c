/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A causal convolution over time: a matrix over the last kernel_size frames, every so many frames.
 * State: frames until the next output [8 bytes], then the frames, oldest first.
 */
#include <string.h>

#include "kernels/kernels.h"
#include "layer.h"

static size_t columns(const nnsp_layer *layer)
{
    return (size_t)layer->kernel_size * layer->inputs;
}

int nnsp_conv1d_is_valid(const nnsp_layer *layer, int last, int ended)
{
    (void)last;
    return !ended && !layer->returns_last && layer->activation != NNSP_SOFTMAX;
}

size_t nnsp_conv1d_state_bytes(const nnsp_layer *layer)
{
    return 8 + sizeof(int16_t) * nnsp_padded(columns(layer));
}

size_t nnsp_conv1d_scratch_bytes(const nnsp_layer *layer)
{
    (void)layer;
    return 0;
}

nnsp_weight_groups nnsp_conv1d_weights(const nnsp_layer *layer)
{
    return (nnsp_weight_groups){layer->units, nnsp_padded(columns(layer)), NNSP_ROWS_WORDS};
}

nnsp_status nnsp_conv1d_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out,
                             int16_t *scratch)
{
    (void)scratch;
    uint32_t *phase = state;
    int16_t *frames = (int16_t *)((uint8_t *)state + 8);
    const size_t frame = layer->inputs, older = columns(layer) - frame;
    memmove(frames, frames + frame, older * sizeof *frames);
    memcpy(frames + older, in, frame * sizeof *frames);

    const uint32_t now = *phase;
    *phase = now + 1u < layer->strides ? now + 1u : 0u;
    if (now != 0) {
        return NNSP_NO_OUTPUT;
    }
    nnsp_matvec_s8_s16(layer->weights, layer->shift, frames, layer->units, (unsigned)columns(layer),
                       out);
    nnsp_activate(layer, out);
    return NNSP_OK;
}
