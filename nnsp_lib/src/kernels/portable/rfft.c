/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"
#include "../transform.h"

#ifndef NNSP_OWN_RFFT

void nnsp_rfft_s32(const int16_t *x, const int16_t *window, unsigned size, unsigned shift,
                   int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    nnsp_window_s16(x, window, size, shift, z, log2n);
    nnsp_fft_s32(z, log2n, twiddle);
    nnsp_split_forward_s32(z, log2n, nnsp_split_twiddle(log2n, twiddle));
}

void nnsp_irfft_s32(int32_t *z, const int16_t *mask, unsigned floor, unsigned shift, unsigned log2n,
                    const int32_t *twiddle)
{
    nnsp_mask_s32(z, mask, (1u << log2n) + 1, floor, shift);
    nnsp_split_inverse_s32(z, log2n, nnsp_split_twiddle(log2n, twiddle));
    nnsp_bit_reverse_s32(z, log2n);
    nnsp_fft_s32(z, log2n, twiddle);
}

#endif
