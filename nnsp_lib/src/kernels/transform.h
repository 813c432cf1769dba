/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps of the transforms that the kernels of several targets share. */
#ifndef NNSP_TRANSFORM_H
#define NNSP_TRANSFORM_H

#include "arithmetic.h"

/* Two-point transform of a and b. */
static inline void nnsp_butterfly2(int32_t *z, const int32_t a[2], const int32_t b[2])
{
    const int32_t re = nnsp_sub32(a[0], b[0]), im = nnsp_sub32(a[1], b[1]);
    z[0] = nnsp_add32(a[0], b[0]);
    z[1] = nnsp_add32(a[1], b[1]);
    z[2] = re;
    z[3] = im;
}

/*
 * Four-point transform of a, c, b, d (the order that bit reversal leaves) into z at 0, q, 2q, 3q.
 */
static inline void nnsp_butterfly4(int32_t *z, unsigned q, const int32_t a[2], const int32_t c[2],
                                   const int32_t b[2], const int32_t d[2])
{
    const int32_t s0[2] = {nnsp_add32(a[0], c[0]), nnsp_add32(a[1], c[1])};
    const int32_t s1[2] = {nnsp_sub32(a[0], c[0]), nnsp_sub32(a[1], c[1])};
    const int32_t s2[2] = {nnsp_add32(b[0], d[0]), nnsp_add32(b[1], d[1])};
    const int32_t s3[2] = {nnsp_sub32(b[0], d[0]), nnsp_sub32(b[1], d[1])};
    z[0] = nnsp_add32(s0[0], s2[0]);
    z[1] = nnsp_add32(s0[1], s2[1]);
    z[2 * q] = nnsp_add32(s1[0], s3[1]);
    z[2 * q + 1] = nnsp_sub32(s1[1], s3[0]);
    z[4 * q] = nnsp_sub32(s0[0], s2[0]);
    z[4 * q + 1] = nnsp_sub32(s0[1], s2[1]);
    z[6 * q] = nnsp_sub32(s1[0], s3[1]);
    z[6 * q + 1] = nnsp_add32(s1[1], s3[0]);
}

/* The first stage where log2(n) is odd: two points each. */
static inline void nnsp_radix2_stage(int32_t *z, unsigned n)
{
    for (const int32_t *end = z + 2 * n; z < end; z += 4) {
        const int32_t a[2] = {z[0], z[1]}, b[2] = {z[2], z[3]};
        nnsp_butterfly2(z, a, b);
    }
}

/* One butterfly of a radix-4 stage in place; w: its twiddle in the first of three runs of q. */
static inline void nnsp_radix4(int32_t *z, unsigned q, const int32_t *w)
{
    const int32_t a[2] = {z[0] >> 1, z[1] >> 1};
    int32_t b[2], c[2], d[2];
    nnsp_rotate32(z + 2 * q, w + 2 * q, c);
    nnsp_rotate32(z + 4 * q, w, b);
    nnsp_rotate32(z + 6 * q, w + 4 * q, d);
    nnsp_butterfly4(z, q, a, c, b, d);
}

/* Gain of a bin, Q15: floor where mask is 0. */
static inline int32_t nnsp_mask_gain(int32_t mask, int32_t floor)
{
    return floor + ((mask * (32768 - floor)) >> 15);
}

/* First twiddled stage's distance of points; every other is four times the one before. */
static inline unsigned nnsp_first_distance(unsigned log2n)
{
    return log2n % 2 == 0 ? 4 : 2;
}

/* Twiddles of the split, after those of the stages. */
static inline const int32_t *nnsp_split_twiddle(unsigned log2n, const int32_t *twiddle)
{
    return twiddle + 2 * ((1u << log2n) - nnsp_first_distance(log2n));
}

#endif
