#include <string.h>

#include "layer.h"

/* A causal conv1d is an fc over its last kernel_size frames. State: phase [8 bytes], then the frames, oldest first. */
nnsp_status nnsp_conv1d_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out)
{
    uint32_t *phase = state;
    int16_t *frames = (int16_t *)((uint8_t *)state + 8);
    const size_t frame = layer->inputs, older = (layer->kernel_size - 1u) * frame;
    memmove(frames, frames + frame, older * sizeof *frames);
    memcpy(frames + older, in, frame * sizeof *frames);

    const uint32_t now = *phase;
    *phase = now + 1u < layer->strides ? now + 1u : 0u;
    if (now != 0) {
        return NNSP_NO_OUTPUT;
    }
    nnsp_fc_step(layer, frames, out);
    return NNSP_OK;
}
