#include <string.h>

#include "kernels/kernels.h"
#include "layer.h"

/* State: c Q23 [padded units] int32, then h Q15 [padded units]. */
void nnsp_lstm_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out, int16_t *gates)
{
    const unsigned n = layer->units;
    int32_t *c = state;
    int16_t *h = (int16_t *)(c + nnsp_padded(n));
    nnsp_gates_s8_s16(layer->weights, layer->shift, in, layer->inputs, h, n, gates);
    nnsp_sigmoid_s16(gates, 2 * n);
    nnsp_tanh_s16(gates + 2 * n, n);
    nnsp_sigmoid_s16(gates + 3 * n, n);
    nnsp_lstm_update_s16(gates, n, c, h);
    nnsp_lstm_output(layer, state, out);
}

void nnsp_lstm_output(const nnsp_layer *layer, const void *state, int16_t *out)
{
    const int32_t *c = state;
    memcpy(out, c + nnsp_padded(layer->units), layer->units * sizeof *out);
}
