#include "arithmetic.h"
#include "kernels.h"

/* Four-point transform of a, c, b, d (the order that bit reversal leaves) into z at 0, q, 2q, 3q. */
static void butterfly(int32_t *z, unsigned q, const int32_t *a, const int32_t *c, const int32_t *b, const int32_t *d)
{
    int32_t s0[2], s1[2], s2[2], s3[2];
    for (unsigned i = 0; i < 2; i++) {
        s0[i] = nnsp_add32(a[i], c[i]);
        s1[i] = nnsp_sub32(a[i], c[i]);
        s2[i] = nnsp_add32(b[i], d[i]);
        s3[i] = nnsp_sub32(b[i], d[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        z[i] = nnsp_add32(s0[i], s2[i]);
        z[4 * q + i] = nnsp_sub32(s0[i], s2[i]);
    }
    z[2 * q] = nnsp_add32(s1[0], s3[1]);
    z[2 * q + 1] = nnsp_sub32(s1[1], s3[0]);
    z[6 * q] = nnsp_sub32(s1[0], s3[1]);
    z[6 * q + 1] = nnsp_add32(s1[1], s3[0]);
}

void nnsp_fft_s32(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    const unsigned n = 1u << log2n;
    unsigned size;
    if (log2n % 2 == 1) {
        size = 2;
        for (unsigned k = 0; k < n; k += 2) {
            for (unsigned i = 0; i < 2; i++) {
                const int32_t a = z[2 * k + i], b = z[2 * k + 2 + i];
                z[2 * k + i] = nnsp_add32(a, b);
                z[2 * k + 2 + i] = nnsp_sub32(a, b);
            }
        }
    } else {
        size = 4;
        for (unsigned k = 0; k < n; k += 4) {
            int32_t *p = z + 2 * k;
            const int32_t a[2] = {p[0], p[1]}, c[2] = {p[2], p[3]}, b[2] = {p[4], p[5]}, d[2] = {p[6], p[7]};
            butterfly(p, 1, a, c, b, d);
        }
    }
    while (size < n) {
        const unsigned q = size;
        size *= 4;
        const unsigned step = 2 * n / size; /* between the twiddles of a transform of 2n points */
        for (unsigned base = 0; base < n; base += size) {
            for (unsigned j = 0; j < q; j++) {
                int32_t *p = z + 2 * (base + j);
                int32_t b[2], c[2], d[2];
                const int32_t a[2] = {p[0] >> 1, p[1] >> 1};
                nnsp_rotate32(p + 2 * q, twiddle + 2 * (2 * j * step), c);
                nnsp_rotate32(p + 4 * q, twiddle + 2 * (j * step), b);
                nnsp_rotate32(p + 6 * q, twiddle + 2 * (3 * j * step), d);
                butterfly(p, q, a, c, b, d);
            }
        }
    }
}
