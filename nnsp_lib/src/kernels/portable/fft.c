/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"
#include "../transform.h"

#ifndef NNSP_OWN_FFT

void nnsp_fft_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    const unsigned n = 1u << log2n;
    if (log2n % 2 == 1) {
        nnsp_radix2_stage(z, n);
    } else {
        for (int32_t *p = z; p < z + 2 * n; p += 8) {
            const int32_t a[2] = {p[0], p[1]}, c[2] = {p[2], p[3]}, b[2] = {p[4], p[5]},
                          d[2] = {p[6], p[7]};
            nnsp_butterfly4(p, 1, a, c, b, d);
        }
    }
    for (unsigned q = nnsp_first_distance(log2n); q < n; twiddle += 6 * q, q *= 4) {
        for (unsigned base = 0; base < n; base += 4 * q) {
            for (unsigned j = 0; j < q; j++) {
                nnsp_radix4(z + 2 * (base + j), q, twiddle + 2 * j);
            }
        }
    }
}

#endif
