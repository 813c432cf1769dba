/* SPDX-License-Identifier: BSD-3-Clause */
#include "nnsp_net.h"

#include <string.h>

#include "crc32.h"
#include "kernels/kernels.h"
#include "layer.h"

static size_t widest(const nnsp_network *network)
{
    size_t n = network->layers[0].inputs;
    for (unsigned i = 0; i < network->layer_count; i++) {
        n = network->layers[i].units > n ? network->layers[i].units : n;
    }
    return nnsp_padded(n);
}

static size_t scratch_bytes(const nnsp_network *network)
{
    size_t most = 0;
    for (unsigned i = 0; i < network->layer_count; i++) {
        const size_t bytes = nnsp_layer_scratch_bytes(&network->layers[i]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* How many frames of a clip have come, in 8 bytes, then what the layers remember. */
static size_t stream_bytes(const nnsp_network *network)
{
    size_t bytes = network->clip_frames != 0 ? 8 : 0;
    for (unsigned i = 0; i < network->layer_count; i++) {
        bytes += nnsp_layer_state_bytes(&network->layers[i]);
    }
    return bytes;
}

size_t nnsp_net_state_bytes(const nnsp_network *network)
{
    return stream_bytes(network) + 2 * sizeof(int16_t) * widest(network) + scratch_bytes(network);
}

/* Over clip_frames, then layer after layer. */
static uint32_t checksum(const nnsp_network *network)
{
    uint32_t crc = nnsp_crc32(0, &network->clip_frames, sizeof network->clip_frames);
    for (unsigned i = 0; i < network->layer_count; i++) {
        crc = nnsp_layer_checksum(crc, &network->layers[i]);
    }
    return crc;
}

nnsp_status nnsp_net_init(nnsp_net *net, const nnsp_network *network, void *state, size_t bytes)
{
    if (net == NULL || network == NULL || state == NULL || (uintptr_t)state % 8 != 0) {
        return NNSP_ERR_ARGUMENT;
    }
    if (network->version != NNSP_TABLE_VERSION) {
        return NNSP_ERR_VERSION;
    }
    if (network->layers == NULL || network->layer_count == 0) {
        return NNSP_ERR_TABLE;
    }
    int ended = 0;
    for (unsigned i = 0; i < network->layer_count; i++) {
        const nnsp_layer *layer = &network->layers[i];
        if (!nnsp_layer_is_valid(layer, i + 1 == network->layer_count, ended)) {
            return NNSP_ERR_TABLE;
        }
        ended = ended || layer->returns_last;
        if (i > 0 && (layer->inputs != layer[-1].units || layer->in_frac != layer[-1].out_frac)) {
            return NNSP_ERR_SHAPE;
        }
    }
    if (ended != (network->clip_frames != 0)) {
        return NNSP_ERR_TABLE;
    }
    if (checksum(network) != network->checksum) {
        return NNSP_ERR_CHECKSUM;
    }
    if (bytes < nnsp_net_state_bytes(network)) {
        return NNSP_ERR_STATE;
    }
    net->network = network;
    net->state = state;
    net->buffer[0] = (int16_t *)(net->state + stream_bytes(network));
    net->buffer[1] = net->buffer[0] + widest(network);
    net->scratch = net->buffer[1] + widest(network);
    nnsp_net_reset(net);
    return NNSP_OK;
}

void nnsp_net_reset(nnsp_net *net)
{
    memset(net->state, 0, nnsp_net_state_bytes(net->network));
}

nnsp_status nnsp_net_step(nnsp_net *net, const int16_t *in, int16_t *out)
{
    const nnsp_network *network = net->network;
    uint8_t *state = net->state;
    int ends = 0, skipped = 0;
    if (network->clip_frames != 0) {
        uint32_t *frames = (uint32_t *)state;
        ends = ++*frames == network->clip_frames;
        state += 8;
    }
    /* The caller's frame need not be padded, a kernel's must be. */
    memcpy(net->buffer[0], in, network->layers[0].inputs * sizeof *in);
    for (unsigned i = 0; i < network->layer_count; i++) {
        const nnsp_layer *layer = &network->layers[i];
        const int16_t *x = skipped ? NULL : net->buffer[i % 2];
        /* The last frame of a clip has an output, even where strides skip it. */
        if (!skipped || layer->returns_last) {
            skipped = nnsp_layer_step(layer, state, x, net->buffer[1 - i % 2], net->scratch) ==
                      NNSP_NO_OUTPUT;
        }
        if ((skipped || layer->returns_last) && !ends) {
            return NNSP_NO_OUTPUT;
        }
        state += nnsp_layer_state_bytes(layer);
    }
    memcpy(out, net->buffer[network->layer_count % 2],
           network->layers[network->layer_count - 1u].units * sizeof *out);
    if (ends) {
        nnsp_net_reset(net);
    }
    return NNSP_OK;
}
