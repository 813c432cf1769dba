/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The only architecture seam. portable/ is the reference implementation and defines every function
 * here. A processor's folder replaces some of its files (select.h); what they define must match the
 * reference bit for bit.
 *
 * Vectors that the network hands to a matrix are 4-byte aligned and lie in buffers of a multiple of
 * NNSP_BLOCK_COLS; what follows the last element meets zero weights. Other vectors of int16 may
 * lie on any even address and have any length.
 */
#ifndef NNSP_KERNELS_H
#define NNSP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "nnsp_table.h"
#include "select.h"

/* Elements of an activation buffer of n values: kernels may read up to the end of a block. */
static inline size_t nnsp_padded(size_t n)
{
    return (n + NNSP_BLOCK_COLS - 1) / NNSP_BLOCK_COLS * NNSP_BLOCK_COLS;
}

/*
 * Multiply a matrix and a vector, and requantise:
 *   y[r] = saturate16(round(acc[r] * multiplier[r] / 2^shift)), acc[r] = bias[r] + weights[r] . x
 * y has room for the rows rounded up to NNSP_BLOCK_COLS. shift: 1..46.
 */
void nnsp_matvec_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x, unsigned rows,
                        unsigned cols, int16_t *y);

/*
 * Add two such products before the one rounding, rows = 4 * units:
 *   acc[r] * multiplier[r] + (recurrent[r] . h) * recurrent_multiplier[r]
 */
void nnsp_gates_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x, unsigned cols,
                       const int16_t *h, unsigned units, int16_t *y);

/* The same in plain C for every layout of the weights: for kernels that do not take every shift. */
void nnsp_matvec_generic_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x,
                                unsigned rows, unsigned cols, int16_t *y);
void nnsp_gates_generic_s8_s16(const uint32_t *weights, unsigned shift, const int16_t *x,
                               unsigned cols, const int16_t *h, unsigned units, int16_t *y);

/* Return one weight of a block: row 0..3, col 0..7. */
static inline int8_t nnsp_weight(const uint32_t *block, unsigned row, unsigned col)
{
#ifdef NNSP_ROW_PAIRS
    const uint32_t word = block[col / 4 * 4 + row / 2 * 2 + col % 4 / 2];
    const int16_t lane = (int16_t)(word >> (col % 2 * 16));
    const int8_t even = (int8_t)lane;
    return row % 2 == 0 ? even : (int8_t)((lane - even) >> 8);
#else
    return ((const int8_t *)block)[NNSP_BLOCK_COLS * row + col];
#endif
}

/* Take tanh of n values in place: Q12 -> Q15. */
void nnsp_tanh_s16(int16_t *x, unsigned n);

/* Take the sigmoid of n values in place: Q11 -> Q15. */
void nnsp_sigmoid_s16(int16_t *x, unsigned n);

/* Limit n values to 0..6 in place: Q12 -> Q12. */
void nnsp_relu6_s16(int16_t *x, unsigned n);

/* Replace n values by each one's share of the sum of all exp(x): Q11 -> Q15; n: 1..16383. */
void nnsp_softmax_s16(int16_t *x, unsigned n);

/*
 * Finish one time step of an LSTM after the activations of its gates i, f, g, o, Q15 [4n]:
 *   c = saturate32(round((f c + i g 2^8) / 2^15))               Q23 [n]
 *   h = round(o tanh(saturate16(round(c / 2^11))) / 2^15)       Q15 [n]
 */
void nnsp_lstm_update_s16(const int16_t *gates, unsigned n, int32_t *c, int16_t *h);

/*
 * Transform 2n real samples, n = 2^log2n, under a window: x[size] times window[size] (Q15) >>
 * shift, then zeros. Bins 0..n of the result are in z[n + 1][2]. portable/ makes this and its
 * inverse of the functions below; a processor may make one of several.
 *
 * twiddle: Q31 (cos, -sin), for each radix-4 stage with a distance q of points, 2 or 4 and then
 * four times the one before, exp(-j 2 pi m i / 4q), i < q, for m = 1, 2, 3 in turn; then exp(-j 2
 * pi k / 2n), k = 0..n/2, for the split.
 */
void nnsp_rfft_s32(const int16_t *x, const int16_t *window, unsigned size, unsigned shift,
                   int32_t *z, unsigned log2n, const int32_t *twiddle);

/*
 * Mask z[n + 1][2] by mask[n + 1], as nnsp_mask_s32, and transform it back. The two
 * values of each pair of the result are exchanged.
 */
void nnsp_irfft_s32(int32_t *z, const int16_t *mask, unsigned floor, unsigned shift, unsigned log2n,
                    const int32_t *twiddle);

/*
 * Transform n = 2^log2n complex points z[n][2] in place; the input is in bit-reversed order. Every
 * radix-4 stage but a first one divides by 2.
 */
void nnsp_fft_s32(int32_t *z, unsigned log2n, const int32_t *twiddle);

/*
 * Window samples into the order that nnsp_fft_s32 takes, 2^log2n points with zeros after the
 * window:
 *   z[rev(k)] = x[2k] window[2k] + j x[2k+1] window[2k+1], each >> shift
 */
void nnsp_window_s16(const int16_t *x, const int16_t *window, unsigned size, unsigned shift,
                     int32_t *z, unsigned log2n);

/* Exchange z[k] and z[rev(k)]. */
void nnsp_bit_reverse_s32(int32_t *z, unsigned log2n);

/*
 * Turn the transform Z of z[k] = x[2k] + j x[2k+1] into that of x, in place, for bins 0..M,
 * M = 2^log2n:
 *   X[k] = E - j W^k D / 2, E = (Z[k] + conj Z[M-k]) / 2, D = Z[k] - conj Z[M-k]; its mirror X[M-k]
 * twiddle: those of the split alone.
 */
void nnsp_split_forward_s32(int32_t *z, unsigned log2n, const int32_t *twiddle);

/*
 * Turn it back: Z[k] = E + j conj(W^k) D / 2, real and imaginary parts exchanged so that a forward
 * transform inverts.
 */
void nnsp_split_inverse_s32(int32_t *z, unsigned log2n, const int32_t *twiddle);

/*
 * Spread masks of bands, 0..32767, over the bins, along the triangles of nnsp_features_s16:
 *   mask = band[j-1] + ((band[j] - band[j-1]) * rising >> 15) in segment j
 * Bins outside all bands take the nearest one. edge[count + 2]: first bin of each segment;
 * rising: Q15 [bins].
 */
void nnsp_band_mask_s16(const int16_t *band, unsigned count, const uint16_t *edge,
                        const int16_t *rising, int16_t *mask, unsigned bins);

/*
 * Multiply z[bins][2] by gain >> shift, gain = floor + (mask * (32768 - floor) >> 15).
 * mask: 0..32767; shift: 15..30.
 */
void nnsp_mask_s32(int32_t *z, const int16_t *mask, unsigned bins, unsigned floor, unsigned shift);

/*
 * Add z * window >> 16 to sum[size], z as nnsp_irfft_s32 leaves it; write the first hop of the sum
 * as out = saturate16(round(sum / 2^shift)), move the rest to the front and add zeros. shift:
 * 1..30.
 */
void nnsp_overlap_add_s32(int32_t *sum, const int32_t *z, const int16_t *window, unsigned size,
                          unsigned hop, unsigned shift, int16_t *out);

/* Compute normalised log2 energies of the bins z: Q12 [table->features]. */
void nnsp_features_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features);

/* Return log2(x) in Q16, x >= 1; the error is below 2^-14. */
int32_t nnsp_log2_u64(uint64_t x);

#endif
