#include "arithmetic.h"
#include "kernels.h"

static unsigned bit_reversed(unsigned k, unsigned bits)
{
    unsigned reversed = 0;
    for (unsigned i = 0; i < bits; i++, k >>= 1) {
        reversed = (reversed << 1) | (k & 1u);
    }
    return reversed;
}

void nnsp_window_s16(const int16_t *x, const int16_t *window, unsigned size, unsigned shift, int32_t *z, unsigned log2n)
{
    for (unsigned k = 0; k < 1u << log2n; k++) {
        int32_t *to = z + 2 * bit_reversed(k, log2n);
        for (unsigned i = 0; i < 2; i++) {
            const unsigned n = 2 * k + i;
            to[i] = n < size ? (x[n] * window[n]) >> shift : 0;
        }
    }
}

void nnsp_bit_reverse_s32(int32_t *z, unsigned log2n)
{
    for (unsigned k = 0; k < 1u << log2n; k++) {
        const unsigned other = bit_reversed(k, log2n);
        for (unsigned i = 0; k < other && i < 2; i++) {
            const int32_t swap = z[2 * k + i];
            z[2 * k + i] = z[2 * other + i];
            z[2 * other + i] = swap;
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

void nnsp_band_power_s32(const int32_t *z, const int16_t *rising, unsigned bins, unsigned shift, uint64_t sum[2])
{
    sum[0] = 0;
    sum[1] = 0;
    for (unsigned k = 0; k < bins; k++) {
        const int64_t re = z[2 * k], im = z[2 * k + 1];
        const uint64_t power = (uint64_t)(re * re + im * im) >> shift;
        sum[0] += power;
        sum[1] += power * (uint64_t)rising[k];
    }
}

void nnsp_mask_s32(int32_t *z, const int16_t *mask, unsigned bins, unsigned floor, unsigned shift)
{
    const int32_t least = (int32_t)floor;
    for (unsigned k = 0; k < bins; k++) {
        const int32_t gain = least + ((mask[k] * (32768 - least)) >> 15);
        z[2 * k] = nnsp_narrow32(((int64_t)z[2 * k] * gain) >> shift);
        z[2 * k + 1] = nnsp_narrow32(((int64_t)z[2 * k + 1] * gain) >> shift);
    }
}

void nnsp_overlap_add_s32(int32_t *sum, const int32_t *z, const int16_t *window, unsigned size, unsigned hop, unsigned shift,
                          int16_t *out)
{
    for (unsigned n = 0; n < size; n++) {
        const int32_t whole = nnsp_add32(sum[n], nnsp_narrow32(((int64_t)z[n ^ 1u] * window[n]) >> 16));
        if (n < hop) {
            out[n] = nnsp_saturate16(nnsp_round_shift(whole, shift));
        } else {
            sum[n - hop] = whole;
        }
    }
    for (unsigned n = size - hop; n < size; n++) {
        sum[n] = 0;
    }
}
