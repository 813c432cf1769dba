/* SPDX-License-Identifier: BSD-3-Clause */
/* fft_stage.S: stages over n points; w: the twiddles of this stage. */
#ifndef NNSP_FFT_STAGE_H
#define NNSP_FFT_STAGE_H

#include <stdint.h>

typedef void nnsp_fft_stage(int32_t *z, unsigned n, const int32_t *w);

nnsp_fft_stage nnsp_fft_stage_2, nnsp_fft_stage_4, nnsp_fft_stage_8, nnsp_fft_stage_16,
    nnsp_fft_stage_32, nnsp_fft_stage_64, nnsp_fft_stage_128;

/* The first stage where log2(n) is even: four points each, no twiddles. */
void nnsp_fft_quads(int32_t *z, unsigned n);

/* fft.c: all stages but the first. */
void nnsp_fft_stages(int32_t *z, unsigned log2n, const int32_t *twiddle);

#endif
