/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two passes over memory fewer than the functions that these are made of elsewhere: a Cortex-M4
 * pays for each word.
 */
#include "../kernels.h"
#include "../transform.h"
#include "fft_stage.h"
#include "masked_split.h"

#ifdef NNSP_ARMV7EM

/* Windowed samples 2k and 2k + 1. */
static inline void windowed(const int16_t *x, const int16_t *window, unsigned shift, unsigned k,
                            int32_t z[2])
{
    const uint32_t pair = nnsp_pair(x + 2 * k), w = nnsp_pair(window + 2 * k);
    z[0] = (nnsp_first(pair) * nnsp_first(w)) >> shift;
    z[1] = (nnsp_second(pair) * nnsp_second(w)) >> shift;
}

/*
 * Window, bit reversal and first stage of n = 2^log2n points, log2n even. Bit reversal puts points
 * k, k + n/2, k + n/4, k + 3n/4 side by side. At most the last of the four may be after the
 * window.
 */
static void window_quads(const int16_t *x, const int16_t *window, unsigned size, unsigned shift,
                         int32_t *z, unsigned log2n)
{
    const unsigned quarter = 1u << (log2n - 2), last = size / 2 - 3 * quarter;
    int32_t a[2], b[2], c[2], d[2];
    unsigned k = 0;
    for (; k < last; k++) {
        windowed(x, window, shift, k, a);
        windowed(x, window, shift, k + 2 * quarter, c);
        windowed(x, window, shift, k + quarter, b);
        windowed(x, window, shift, k + 3 * quarter, d);
        nnsp_butterfly4(z + 2 * nnsp_reverse_bits(k, log2n), 1, a, c, b, d);
    }
    d[0] = 0;
    d[1] = 0;
    for (; k < quarter; k++) {
        windowed(x, window, shift, k, a);
        windowed(x, window, shift, k + 2 * quarter, c);
        windowed(x, window, shift, k + quarter, b);
        nnsp_butterfly4(z + 2 * nnsp_reverse_bits(k, log2n), 1, a, c, b, d);
    }
}

void nnsp_rfft_s32(const int16_t *x, const int16_t *window, unsigned size, unsigned shift,
                   int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    if (log2n % 2 == 0 && size / 2 >= 3u << (log2n - 2)) {
        window_quads(x, window, size, shift, z, log2n);
        nnsp_fft_stages(z, log2n, twiddle);
    } else {
        nnsp_window_s16(x, window, size, shift, z, log2n);
        nnsp_fft_s32(z, log2n, twiddle);
    }
    nnsp_split_forward_s32(z, log2n, nnsp_split_twiddle(log2n, twiddle));
}

/* One bin of nnsp_mask_s32 with a shift of 16. */
static inline void masked(const int32_t *z, int32_t mask, int32_t floor, int32_t y[2])
{
    const int32_t gain = nnsp_mask_gain(mask, floor);
    y[0] = nnsp_mulw32(z[0], gain);
    y[1] = nnsp_mulw32(z[1], gain);
}

/* nnsp_mask_s32 with a shift of 16, and nnsp_split_inverse_s32. */
static void masked_split(int32_t *z, const int16_t *mask, int32_t floor, unsigned n,
                         const int32_t *w)
{
    int32_t x[2], y[2];
    masked(z, mask[0], floor, x);
    masked(z + 2 * n, mask[n], floor, y);
    z[0] = (x[0] >> 1) - (y[0] >> 1);
    z[1] = (x[0] >> 1) + (y[0] >> 1);
    nnsp_masked_split(z + 2, z + 2 * n - 2, mask + 1, mask + n - 1, w + 2, floor);
}

void nnsp_irfft_s32(int32_t *z, const int16_t *mask, unsigned floor, unsigned shift, unsigned log2n,
                    const int32_t *twiddle)
{
    const unsigned n = 1u << log2n;
    const int32_t *w = nnsp_split_twiddle(log2n, twiddle);
    if (shift == 16) {
        masked_split(z, mask, (int32_t)floor, n, w);
    } else {
        nnsp_mask_s32(z, mask, n + 1, floor, shift);
        nnsp_split_inverse_s32(z, log2n, w);
    }
    nnsp_bit_reverse_s32(z, log2n);
    nnsp_fft_s32(z, log2n, twiddle);
}

#endif
