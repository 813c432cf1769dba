#include "kernels/kernels.h"
#include "layer.h"

void nnsp_fc_step(const nnsp_layer *layer, const int16_t *in, int16_t *out)
{
    const unsigned cols = (unsigned)layer->kernel_size * layer->inputs;
    nnsp_matvec_s8_s16(layer->weights, layer->shift, in, layer->units, cols, out);
    switch ((nnsp_activation)layer->activation) {
    case NNSP_RELU6:
        nnsp_relu6_s16(out, layer->units);
        break;
    case NNSP_TANH:
        nnsp_tanh_s16(out, layer->units);
        break;
    case NNSP_SIGMOID:
        nnsp_sigmoid_s16(out, layer->units);
        break;
    case NNSP_SOFTMAX:
        nnsp_softmax_s16(out, layer->units);
        break;
    case NNSP_LINEAR:
        break;
    }
}
