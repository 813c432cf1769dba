#include "arithmetic.h"
#include "kernels.h"
#include "lookup.h"

/* |tanh| in Q16 of a Q12 input: linear interpolation between table entries. */
static int32_t tanh_magnitude(int32_t x)
{
    const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
    const uint32_t k = magnitude >> NNSP_TANH_STEP_BITS;
    const int32_t part = (int32_t)(magnitude & ((1u << NNSP_TANH_STEP_BITS) - 1));
    const int32_t low = nnsp_tanh_table[k], step = nnsp_tanh_table[k + 1] - low;
    return low + ((step * part + (1 << (NNSP_TANH_STEP_BITS - 1))) >> NNSP_TANH_STEP_BITS);
}

static int32_t tanh_q15(int32_t x)
{
    const int32_t y = (tanh_magnitude(x) + 1) >> 1;
    const int32_t limited = y > INT16_MAX ? INT16_MAX : y;
    return x < 0 ? -limited : limited;
}

void nnsp_tanh_s16(int16_t *x, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        x[i] = (int16_t)tanh_q15(x[i]);
    }
}

/* sigmoid(x) = (1 + tanh(x / 2)) / 2, and x / 2 in Q12 is the same integer as x in Q11. */
void nnsp_sigmoid_s16(int16_t *x, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const int32_t t = tanh_magnitude(x[i]);
        const int32_t y = (65536 + (x[i] < 0 ? -t : t) + 2) >> 2;
        x[i] = (int16_t)(y > INT16_MAX ? INT16_MAX : y);
    }
}

void nnsp_relu6_s16(int16_t *x, unsigned n)
{
    const int16_t six = 6 << 12;
    for (unsigned i = 0; i < n; i++) {
        x[i] = x[i] < 0 ? 0 : x[i] > six ? six : x[i];
    }
}

void nnsp_lstm_update_s16(const int16_t *gates, unsigned n, int32_t *c, int16_t *h)
{
    const int16_t *i = gates, *f = i + n, *g = f + n, *o = g + n;
    for (unsigned k = 0; k < n; k++) {
        const int64_t kept = (int64_t)c[k] * f[k], added = (int64_t)i[k] * g[k] * 256;
        c[k] = nnsp_saturate32(nnsp_round_shift(kept + added, 15));
        const int32_t t = tanh_q15(nnsp_saturate16(nnsp_round_shift(c[k], 11)));
        h[k] = (int16_t)nnsp_round_shift((int64_t)o[k] * t, 15);
    }
}
