/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernels/kernels.h"
#include "layer.h"

int nnsp_activation_is_valid(const nnsp_layer *layer)
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

void nnsp_activate(const nnsp_layer *layer, int16_t *x)
{
    switch ((nnsp_activation)layer->activation) {
    case NNSP_RELU6:
        nnsp_relu6_s16(x, layer->units);
        break;
    case NNSP_TANH:
        nnsp_tanh_s16(x, layer->units);
        break;
    case NNSP_SIGMOID:
        nnsp_sigmoid_s16(x, layer->units);
        break;
    case NNSP_SOFTMAX:
        nnsp_softmax_s16(x, layer->units);
        break;
    case NNSP_LINEAR:
        break;
    }
}
