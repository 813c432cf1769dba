#include "layer.h"

#include "kernels/kernels.h"

size_t nnsp_layer_state_bytes(const nnsp_layer *layer)
{
    switch ((nnsp_kind)layer->kind) {
    case NNSP_CONV1D:
        return 8 + sizeof(int16_t) * nnsp_padded((size_t)layer->kernel_size * layer->inputs);
    case NNSP_LSTM:
        return (sizeof(int32_t) + sizeof(int16_t)) * nnsp_padded(layer->units);
    case NNSP_FC:
        break;
    }
    return 0;
}

nnsp_status nnsp_layer_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out, int16_t *gates)
{
    switch ((nnsp_kind)layer->kind) {
    case NNSP_CONV1D:
        return nnsp_conv1d_step(layer, state, in, out);
    case NNSP_LSTM:
        nnsp_lstm_step(layer, state, in, out, gates);
        break;
    case NNSP_FC:
        nnsp_fc_step(layer, in, out);
        break;
    }
    return NNSP_OK;
}
