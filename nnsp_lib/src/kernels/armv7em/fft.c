/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"
#include "../transform.h"
#include "fft_stage.h"

#ifdef NNSP_ARMV7EM

/*
 * A stage whose distances are beyond the reach of an immediate offset: the last of the longest
 * transforms.
 */
static void far_stage(int32_t *z, unsigned q, const int32_t *w)
{
    for (const int32_t *end = z + 2 * q; z < end; z += 2, w += 2) {
        nnsp_radix4(z, q, w);
    }
}

void nnsp_fft_stages(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    static nnsp_fft_stage *const even[] = {nnsp_fft_stage_4, nnsp_fft_stage_16, nnsp_fft_stage_64};
    static nnsp_fft_stage *const odd[] = {nnsp_fft_stage_2, nnsp_fft_stage_8, nnsp_fft_stage_32,
                                          nnsp_fft_stage_128};
    nnsp_fft_stage *const *stage = log2n % 2 == 0 ? even : odd;
    const unsigned n = 1u << log2n;
    unsigned q = nnsp_first_distance(log2n);
    for (; q < n && q <= 128; twiddle += 6 * q, q *= 4, stage++) {
        (*stage)(z, n, twiddle);
    }
    if (q < n) {
        far_stage(z, q, twiddle);
    }
}

void nnsp_fft_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    const unsigned n = 1u << log2n;
    if (log2n % 2 == 0) {
        nnsp_fft_quads(z, n);
    } else {
        nnsp_radix2_stage(z, n);
    }
    nnsp_fft_stages(z, log2n, twiddle);
}

#endif
