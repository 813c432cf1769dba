#include "fft_stage.h"
#include "kernels.h"
#include "transform.h"

/* A stage whose distances are beyond the reach of an immediate offset: the last of the longest transforms. */
static void far_stage(int32_t *z, unsigned q, const int32_t *w)
{
    for (const int32_t *end = z + 2 * q; z < end; z += 2, w += 2) {
        const int32_t a[2] = {z[0] >> 1, z[1] >> 1};
        int32_t b[2], c[2], d[2];
        nnsp_rotate32(z + 2 * q, w + 2 * q, c);
        nnsp_rotate32(z + 4 * q, w, b);
        nnsp_rotate32(z + 6 * q, w + 4 * q, d);
        nnsp_butterfly4(z, q, a, c, b, d);
    }
}

void nnsp_fft_stages(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    static nnsp_fft_stage *const even[] = {nnsp_fft_stage_4, nnsp_fft_stage_16, nnsp_fft_stage_64};
    static nnsp_fft_stage *const odd[] = {nnsp_fft_stage_2, nnsp_fft_stage_8, nnsp_fft_stage_32, nnsp_fft_stage_128};
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
        for (int32_t *p = z; p < z + 2 * n; p += 4) {
            const int32_t a[2] = {p[0], p[1]}, b[2] = {p[2], p[3]};
            nnsp_butterfly2(p, a, b);
        }
    }
    nnsp_fft_stages(z, log2n, twiddle);
}
