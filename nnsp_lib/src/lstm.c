/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An LSTM. State: c Q23 [padded units] int32, then h Q15 [padded units]. Scratch: the four gates.
 */
#include <string.h>

#include "kernels/kernels.h"
#include "layer.h"

int nnsp_lstm_is_valid(const nnsp_layer *layer, int last, int ended)
{
    (void)last;
    return layer->kernel_size == 1 && layer->strides == 1 && layer->activation == NNSP_TANH &&
           layer->returns_last <= 1 && !ended;
}

size_t nnsp_lstm_state_bytes(const nnsp_layer *layer)
{
    return (sizeof(int32_t) + sizeof(int16_t)) * nnsp_padded(layer->units);
}

size_t nnsp_lstm_scratch_bytes(const nnsp_layer *layer)
{
    return 4 * sizeof(int16_t) * nnsp_padded(layer->units);
}

nnsp_weight_groups nnsp_lstm_weights(const nnsp_layer *layer)
{
    return (nnsp_weight_groups){(size_t)4 * layer->units,
                                nnsp_padded(layer->inputs) + nnsp_padded(layer->units),
                                NNSP_GATES_WORDS};
}

nnsp_status nnsp_lstm_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out,
                           int16_t *scratch)
{
    const unsigned n = layer->units;
    int32_t *c = state;
    int16_t *h = (int16_t *)(c + nnsp_padded(n)), *gates = scratch;
    if (in != NULL) {
        nnsp_gates_s8_s16(layer->weights, layer->shift, in, layer->inputs, h, n, gates);
        nnsp_sigmoid_s16(gates, 2 * n);
        nnsp_tanh_s16(gates + 2 * n, n);
        nnsp_sigmoid_s16(gates + 3 * n, n);
        nnsp_lstm_update_s16(gates, n, c, h);
    }
    memcpy(out, h, n * sizeof *out);
    return NNSP_OK;
}
