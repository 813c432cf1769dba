#include "arithmetic.h"
#include "kernels.h"

/* Adds weights . x of two rows to sum. The tables prove that no order of these additions overflows. */
static void row_pair(const int8_t *block, const int16_t *x, unsigned cols, int32_t sum[2])
{
    for (unsigned c = 0; c < cols; c += NNSP_BLOCK_COLS, block += NNSP_BLOCK_ROWS * NNSP_BLOCK_COLS) {
        int32_t a = 0, b = 0;
        for (unsigned i = 0; i < NNSP_BLOCK_COLS; i++) {
            a += block[i] * x[c + i];
            b += block[NNSP_BLOCK_COLS + i] * x[c + i];
        }
        sum[0] = nnsp_add32(sum[0], a);
        sum[1] = nnsp_add32(sum[1], b);
    }
}

static unsigned pair_bytes(unsigned cols)
{
    return (cols + NNSP_BLOCK_COLS - 1) / NNSP_BLOCK_COLS * NNSP_BLOCK_COLS * NNSP_BLOCK_ROWS;
}

void nnsp_matvec_s8_s16(const int8_t *weights, const int32_t *bias, const int16_t *multiplier, unsigned shift,
                        const int16_t *x, unsigned rows, unsigned cols, int16_t *y)
{
    for (unsigned r = 0; r < rows; r += 2, weights += pair_bytes(cols)) {
        const unsigned last = r + 1 < rows;
        int32_t sum[2] = {bias[r], last ? bias[r + 1] : 0};
        row_pair(weights, x, cols, sum);
        for (unsigned i = 0; i <= last; i++) {
            y[r + i] = nnsp_saturate16(nnsp_round_shift((int64_t)sum[i] * multiplier[r + i], shift));
        }
    }
}

void nnsp_gates_s8_s16(const nnsp_layer *layer, const int16_t *x, const int16_t *h, int16_t *y)
{
    const int8_t *weights = layer->weights, *recurrent = layer->recurrent;
    const unsigned rows = 4u * layer->units;
    for (unsigned r = 0; r < rows; r += 2) {
        int32_t sum_x[2] = {layer->bias[r], layer->bias[r + 1]}, sum_h[2] = {0, 0};
        row_pair(weights, x, layer->inputs, sum_x);
        row_pair(recurrent, h, layer->units, sum_h);
        for (unsigned i = 0; i < 2; i++) {
            const int64_t product = (int64_t)sum_x[i] * layer->multiplier[r + i] +
                                    (int64_t)sum_h[i] * layer->recurrent_multiplier[r + i];
            y[r + i] = nnsp_saturate16(nnsp_round_shift(product, layer->shift));
        }
        weights += pair_bytes(layer->inputs);
        recurrent += pair_bytes(layer->units);
    }
}
