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

static size_t widest_lstm(const nnsp_network *network)
{
    size_t n = 0;
    for (unsigned i = 0; i < network->layer_count; i++) {
        const nnsp_layer *layer = &network->layers[i];
        n = layer->kind == NNSP_LSTM && layer->units > n ? layer->units : n;
    }
    return n;
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
    return stream_bytes(network) + sizeof(int16_t) * (2 * widest(network) + 4 * nnsp_padded(widest_lstm(network)));
}

static int output_format_is_right(const nnsp_layer *layer)
{
    switch ((nnsp_activation)layer->activation) {
    case NNSP_LINEAR:
        return layer->out_frac <= 15;
    case NNSP_RELU6:
        return layer->out_frac == 12;
    case NNSP_TANH:
    case NNSP_SIGMOID:
    case NNSP_SOFTMAX:
        return layer->out_frac == 15;
    }
    return 0;
}

/* last: nothing follows the layer; ended: an LSTM before it has returned the end of a clip. */
static nnsp_status check_layer(const nnsp_layer *layer, int last, int ended)
{
    const int fc = layer->kind == NNSP_FC, lstm = layer->kind == NNSP_LSTM, conv1d = layer->kind == NNSP_CONV1D;
    if (layer->weights == NULL || layer->kind > NNSP_CONV1D || layer->inputs == 0 || layer->units == 0 || layer->units > UINT16_MAX / 4 ||
        layer->kernel_size == 0 || layer->strides == 0 || layer->shift < 1 || layer->shift > 46 ||
        layer->in_frac > 15 || (uint32_t)layer->kernel_size * layer->inputs > UINT16_MAX ||
        (!conv1d && (layer->kernel_size != 1 || layer->strides != 1)) || (lstm && layer->activation != NNSP_TANH) ||
        (layer->activation == NNSP_SOFTMAX && (!fc || !last)) || layer->returns_last > lstm || (ended && !fc) ||
        !output_format_is_right(layer)) {
        return NNSP_ERR_TABLE;
    }
    return NNSP_OK;
}

/* Over clip_frames; then layer after layer sizes and formats as 16-bit words and the weights in plain order, whatever the order here. */
static uint32_t checksum(const nnsp_network *network)
{
    uint32_t crc = nnsp_crc32(0, &network->clip_frames, sizeof network->clip_frames);
    for (unsigned i = 0; i < network->layer_count; i++) {
        const nnsp_layer *layer = &network->layers[i];
        const uint16_t head[10] = {layer->kind,   layer->activation, layer->in_frac,     layer->out_frac, layer->shift,
                                   layer->inputs, layer->units,      layer->kernel_size, layer->strides,  layer->returns_last};
        const int lstm = layer->kind == NNSP_LSTM;
        const size_t rows = layer->units * (lstm ? (size_t)4 : (size_t)1);
        const size_t cols = nnsp_padded((size_t)layer->kernel_size * layer->inputs) + (lstm ? nnsp_padded(layer->units) : 0);
        const size_t words = lstm ? NNSP_GATES_WORDS : NNSP_ROWS_WORDS;
        const uint32_t *at = layer->weights;
        crc = nnsp_crc32(crc, head, sizeof head);
        for (size_t r = 0; r < rows; r += NNSP_GROUP_ROWS) {
            for (size_t c = 0; c < cols; c += NNSP_BLOCK_COLS, at += NNSP_BLOCK_WORDS) {
                int8_t plain[NNSP_GROUP_ROWS * NNSP_BLOCK_COLS];
                for (unsigned k = 0; k < sizeof plain; k++) {
                    plain[k] = nnsp_weight(at, k / NNSP_BLOCK_COLS, k % NNSP_BLOCK_COLS);
                }
                crc = nnsp_crc32(crc, plain, sizeof plain);
            }
            crc = nnsp_crc32(crc, at, words * sizeof *at);
            at += words;
        }
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
        const nnsp_status status = check_layer(layer, i + 1 == network->layer_count, ended);
        if (status != NNSP_OK) {
            return status;
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
    net->gates = net->buffer[1] + widest(network);
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
        int16_t *y = net->buffer[1 - i % 2];
        if (!skipped) {
            skipped = nnsp_layer_step(layer, state, net->buffer[i % 2], y, net->gates) == NNSP_NO_OUTPUT;
        }
        if (layer->returns_last && ends) {
            /* The last frame of a clip gives its output, even where strides skip it. */
            nnsp_lstm_output(layer, state, y);
            skipped = 0;
        } else if ((skipped && !ends) || layer->returns_last) {
            return NNSP_NO_OUTPUT;
        }
        state += nnsp_layer_state_bytes(layer);
    }
    memcpy(out, net->buffer[network->layer_count % 2], network->layers[network->layer_count - 1u].units * sizeof *out);
    if (ends) {
        nnsp_net_reset(net);
    }
    return NNSP_OK;
}
