/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"
#include "../transform.h"

#ifndef NNSP_OWN_SPECTRUM

void nnsp_window_s16(const int16_t *x, const int16_t *window, unsigned size, unsigned shift,
                     int32_t *z, unsigned log2n)
{
    unsigned k = 0;
    for (; k < size / 2; k++, x += 2, window += 2) {
        const uint32_t pair = nnsp_pair(x), w = nnsp_pair(window);
        int32_t *to = z + 2 * nnsp_reverse_bits(k, log2n);
        to[0] = (nnsp_first(pair) * nnsp_first(w)) >> shift;
        to[1] = (nnsp_second(pair) * nnsp_second(w)) >> shift;
    }
    for (; k < 1u << log2n; k++) {
        int32_t *to = z + 2 * nnsp_reverse_bits(k, log2n);
        to[0] = 0;
        to[1] = 0;
    }
}

static inline void swap(int32_t *a, int32_t *b)
{
    const int32_t a_re = a[0], a_im = a[1], b_re = b[0], b_im = b[1];
    a[0] = b_re;
    a[1] = b_im;
    b[0] = a_re;
    b[1] = a_im;
}

/*
 * For even k < n/2, rev(k) is even and below n/2 too; from it follow those of k + 1 and of k + n/2
 * + 1.
 */
void nnsp_bit_reverse_s32(int32_t *z, unsigned log2n)
{
    const unsigned half = 1u << (log2n - 1);
    for (unsigned k = 0; k < half; k += 2) {
        const unsigned other = nnsp_reverse_bits(k, log2n);
        swap(z + 2 * (k + 1), z + 2 * (other + half));
        if (k < other) {
            swap(z + 2 * k, z + 2 * other);
            swap(z + 2 * (k + half + 1), z + 2 * (other + half + 1));
        }
    }
}

void nnsp_split_forward_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    const unsigned m = 1u << log2n;
    const int32_t re = z[0], im = z[1];
    z[0] = nnsp_add32(re, im);
    z[1] = 0;
    z[2 * m] = nnsp_sub32(re, im);
    z[2 * m + 1] = 0;
    for (unsigned k = 1; k <= m / 2; k++) {
        int32_t *a = z + 2 * k, *b = z + 2 * (m - k);
        const int32_t e[2] = {nnsp_add32(a[0] >> 1, b[0] >> 1), nnsp_sub32(a[1] >> 1, b[1] >> 1)};
        const int32_t d[2] = {nnsp_sub32(a[0], b[0]), nnsp_add32(a[1], b[1])};
        int32_t t[2];
        nnsp_rotate32(d, twiddle + 2 * k, t);
        a[0] = nnsp_add32(e[0], t[1]);
        a[1] = nnsp_sub32(e[1], t[0]);
        b[0] = nnsp_sub32(e[0], t[1]);
        b[1] = nnsp_sub32(nnsp_sub32(0, e[1]), t[0]);
    }
}

void nnsp_split_inverse_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    const unsigned m = 1u << log2n;
    const int32_t first = z[0] >> 1, last = z[2 * m] >> 1;
    z[0] = nnsp_sub32(first, last);
    z[1] = nnsp_add32(first, last);
    for (unsigned k = 1; k <= m / 2; k++) {
        int32_t *a = z + 2 * k, *b = z + 2 * (m - k);
        const int32_t e[2] = {nnsp_add32(a[0] >> 1, b[0] >> 1), nnsp_sub32(a[1] >> 1, b[1] >> 1)};
        const int32_t d_conj[2] = {nnsp_sub32(a[0], b[0]), nnsp_sub32(nnsp_sub32(0, a[1]), b[1])};
        int32_t t_conj[2];
        nnsp_rotate32(d_conj, twiddle + 2 * k, t_conj);
        a[1] = nnsp_add32(e[0], t_conj[1]);
        a[0] = nnsp_add32(e[1], t_conj[0]);
        b[1] = nnsp_sub32(e[0], t_conj[1]);
        b[0] = nnsp_sub32(t_conj[0], e[1]);
    }
}

void nnsp_mask_s32(int32_t *z, const int16_t *mask, unsigned bins, unsigned floor, unsigned shift)
{
    if (shift == 16) { /* the usual one, and one instruction where there is a SMULWB */
        for (unsigned k = 0; k < bins; k++, z += 2) {
            const int32_t gain = nnsp_mask_gain(mask[k], (int32_t)floor), re = z[0], im = z[1];
            z[0] = nnsp_mulw32(re, gain);
            z[1] = nnsp_mulw32(im, gain);
        }
        return;
    }
    for (unsigned k = 0; k < bins; k++, z += 2) {
        const int32_t gain = nnsp_mask_gain(mask[k], (int32_t)floor);
        z[0] = nnsp_narrow32(((int64_t)z[0] * gain) >> shift);
        z[1] = nnsp_narrow32(((int64_t)z[1] * gain) >> shift);
    }
}

#endif
