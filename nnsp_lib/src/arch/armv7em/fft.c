#include "arithmetic.h"
#include "kernels.h"

/* fft_stage.S: over n points */
typedef void fft_stage(int32_t *z, unsigned n, const int32_t *twiddle);
fft_stage nnsp_fft_stage_2, nnsp_fft_stage_4, nnsp_fft_stage_8, nnsp_fft_stage_16, nnsp_fft_stage_32, nnsp_fft_stage_64,
    nnsp_fft_stage_128;
void nnsp_fft_first(int32_t *z, unsigned n);

/* A stage whose distances are beyond the reach of an immediate offset: that of the longest transforms alone. */
static void far_stage(int32_t *z, unsigned n, unsigned q, const int32_t *twiddle)
{
    const unsigned step = n / (2 * q);
    for (unsigned j = 0; j < q; j++) {
        int32_t *p = z + 2 * j, *r = p + 2 * q, *s = r + 2 * q, *t = s + 2 * q;
        int32_t b[2], c[2], d[2];
        nnsp_rotate32(r, twiddle + 4 * j * step, c);
        nnsp_rotate32(s, twiddle + 2 * j * step, b);
        nnsp_rotate32(t, twiddle + 6 * j * step, d);
        const int32_t a[2] = {p[0] >> 1, p[1] >> 1};
        const int32_t s0[2] = {a[0] + c[0], a[1] + c[1]}, s1[2] = {a[0] - c[0], a[1] - c[1]};
        const int32_t s2[2] = {b[0] + d[0], b[1] + d[1]}, s3[2] = {b[0] - d[0], b[1] - d[1]};
        p[0] = s0[0] + s2[0];
        p[1] = s0[1] + s2[1];
        r[0] = s1[0] + s3[1];
        r[1] = s1[1] - s3[0];
        s[0] = s0[0] - s2[0];
        s[1] = s0[1] - s2[1];
        t[0] = s1[0] - s3[1];
        t[1] = s1[1] + s3[0];
    }
}

void nnsp_fft_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    static fft_stage *const even[] = {nnsp_fft_stage_4, nnsp_fft_stage_16, nnsp_fft_stage_64};
    static fft_stage *const odd[] = {nnsp_fft_stage_2, nnsp_fft_stage_8, nnsp_fft_stage_32, nnsp_fft_stage_128};
    const unsigned n = 1u << log2n;
    unsigned q = log2n % 2 == 0 ? 4 : 2;
    if (q == 4) {
        nnsp_fft_first(z, n);
    } else {
        for (int32_t *p = z; p < z + 2 * n; p += 4) {
            const int32_t re = p[0], im = p[1];
            p[0] = re + p[2];
            p[1] = im + p[3];
            p[2] = re - p[2];
            p[3] = im - p[3];
        }
    }
    fft_stage *const *stage = log2n % 2 == 0 ? even : odd;
    for (; q < n && q <= 128; q *= 4, stage++) {
        (*stage)(z, n, twiddle);
    }
    if (q < n) {
        far_stage(z, n, q, twiddle);
    }
}
