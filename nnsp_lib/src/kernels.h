/*
 * The only architecture seam. arch/portable defines every function here, and with it the truth. A target's own file of the
 * same name in arch/<target> takes its place in the build, and is tested equal to the bit.
 *
 * Activation vectors that the network hands to a kernel lie in buffers of a multiple of NNSP_BLOCK_COLS; what is behind the
 * last element meets zero weights.
 */
#ifndef NNSP_KERNELS_H
#define NNSP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "nnsp_table.h"

/* Elements of an activation buffer of n values: kernels may read up to the end of a block. */
static inline size_t nnsp_padded(size_t n)
{
    return (n + NNSP_BLOCK_COLS - 1) / NNSP_BLOCK_COLS * NNSP_BLOCK_COLS;
}

/*
 * y[r] = saturate16(round((bias[r] + weights[r] . x) * multiplier[r] / 2^shift)), r < rows.
 * Source of the form: one scale per row, multiplier / 2^shift, taken exactly.
 */
void nnsp_matvec_s8_s16(const int8_t *weights, const int32_t *bias, const int16_t *multiplier, unsigned shift,
                        const int16_t *x, unsigned rows, unsigned cols, int16_t *y);

/* Two products in one rounding: (bias[r] + weights[r] . x) * multiplier[r] + (recurrent[r] . h) * recurrent_multiplier[r]. */
void nnsp_gates_s8_s16(const nnsp_layer *layer, const int16_t *x, const int16_t *h, int16_t *y);

/* In place over n values: Q12 -> Q15. */
void nnsp_tanh_s16(int16_t *x, unsigned n);

/* In place over n values: Q11 -> Q15. */
void nnsp_sigmoid_s16(int16_t *x, unsigned n);

/* In place over n values: Q12 -> Q12, 0..6. */
void nnsp_relu6_s16(int16_t *x, unsigned n);

/*
 * One LSTM time step after the activations: gates i, f, g, o Q15 [4n]; c Q23 [n] and h Q15 [n] are updated.
 * c = saturate32(round((f c + i g 2^8) / 2^15)), h = round(o tanh(saturate16(round(c / 2^11))) / 2^15)
 */
void nnsp_lstm_update_s16(const int16_t *gates, unsigned n, int32_t *c, int16_t *h);

/*
 * Complex transform of n = 2^log2n points z[n][2] in place, input in bit-reversed order; the twiddles are those of a transform of
 * 2n points. The result is divided by 2 for every radix-4 stage but a first one.
 */
void nnsp_fft_s32(int32_t *z, unsigned log2n, const int32_t *twiddle);

/* log2(x) in Q16, x >= 1; error below 2^-14. */
int32_t nnsp_log2_u64(uint64_t x);

#endif
