/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rounding rules, each in one place (docs/numerics.md; their twins are in
 * py_tools/nnsp/arithmetic.py). Right shifts of negative numbers are arithmetic, as on every
 * compiler that we build with. Built with NNSP_CHECKED, every result that does not fit is counted
 * instead of passing unseen.
 */
#ifndef NNSP_ARITHMETIC_H
#define NNSP_ARITHMETIC_H

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "select.h"

#if UINT_MAX < 0xFFFFFFFFu
#error "int must have 32 bits: products of 16-bit samples are taken in it"
#endif

#ifdef NNSP_CHECKED
/* For tests alone, and so the one place where the library keeps a global. */
typedef struct nnsp_checked_counts {
    uint64_t overflows;   /* results that the proofs in the tables rule out */
    uint64_t saturations; /* legitimate, but worth knowing */
} nnsp_checked_counts;
extern nnsp_checked_counts nnsp_checked;
#define NNSP_COUNT(field, condition) ((void)((condition) ? nnsp_checked.field++ : 0u))
#else
#define NNSP_COUNT(field, condition) ((void)0)
#endif

static inline int32_t nnsp_narrow32(int64_t x)
{
    NNSP_COUNT(overflows, x < INT32_MIN || x > INT32_MAX);
#ifdef NNSP_CHECKED
    return (int32_t)(uint32_t)x;
#else
    return (int32_t)x;
#endif
}

static inline int32_t nnsp_add32(int32_t a, int32_t b)
{
    return nnsp_narrow32((int64_t)a + b);
}

static inline int32_t nnsp_sub32(int32_t a, int32_t b)
{
    return nnsp_narrow32((int64_t)a - b);
}

/* x / 2^shift, rounded half up; shift >= 1. */
static inline int64_t nnsp_round_shift(int64_t x, unsigned shift)
{
    const int64_t half = (int64_t)1 << (shift - 1);
    NNSP_COUNT(overflows, x > INT64_MAX - half);
    return (x + half) >> shift;
}

static inline int16_t nnsp_saturate16(int64_t x)
{
    NNSP_COUNT(saturations, x < INT16_MIN || x > INT16_MAX);
    return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

static inline int32_t nnsp_saturate32(int64_t x)
{
    NNSP_COUNT(saturations, x < INT32_MIN || x > INT32_MAX);
    return (int32_t)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
}

/* Two neighbours in one word, where the processor loads and multiplies them as such. */
static inline uint32_t nnsp_pair(const int16_t *x)
{
#ifdef __ARM_FEATURE_UNALIGNED
    uint32_t pair;
    memcpy(&pair, x, sizeof pair);
    return pair;
#else
    return (uint32_t)(uint16_t)x[0] | (uint32_t)(uint16_t)x[1] << 16;
#endif
}

static inline int16_t nnsp_first(uint32_t pair)
{
    return (int16_t)pair;
}

static inline int16_t nnsp_second(uint32_t pair)
{
    return (int16_t)(pair >> 16);
}

#if defined(NNSP_ARMV7EM) || defined(NNSP_MVE)
#include "arithmetic_dsp.h"
#else

/* a * b / 2^32, rounded half up. */
static inline int32_t nnsp_mulhr32(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
}

/* sum + nnsp_mulhr32(a, b) */
static inline int32_t nnsp_add_mulhr32(int32_t sum, int32_t a, int32_t b)
{
    return nnsp_add32(sum, nnsp_mulhr32(a, b));
}

/* sum + nnsp_mulhr32(-a, b) */
static inline int32_t nnsp_sub_mulhr32(int32_t sum, int32_t a, int32_t b)
{
    return nnsp_add32(sum, nnsp_mulhr32(nnsp_sub32(0, a), b));
}

/* x * y / 2^16 of 16-bit y, rounded down. */
static inline int32_t nnsp_mulw32(int32_t x, int32_t y)
{
    return (int32_t)(((int64_t)x * y) >> 16);
}

/* sum + nnsp_mulw32(x, first of pair) */
static inline int32_t nnsp_add_mulw32(int32_t sum, int32_t x, uint32_t pair)
{
    return nnsp_add32(sum, nnsp_mulw32(x, nnsp_first(pair)));
}

/* sum + nnsp_mulw32(x, second of pair) */
static inline int32_t nnsp_add_mulw32_second(int32_t sum, int32_t x, uint32_t pair)
{
    return nnsp_add32(sum, nnsp_mulw32(x, nnsp_second(pair)));
}

static inline uint64_t nnsp_shift_u64(uint64_t x, unsigned shift)
{
    return x >> shift;
}

/* sum + x * y */
static inline uint64_t nnsp_add_product_u64(uint64_t sum, uint64_t x, uint32_t y)
{
    return sum + x * y;
}

/* x / 2^shift to 16 bits, rounded half up, saturated; shift >= 1. */
static inline int16_t nnsp_narrow16(int32_t x, unsigned shift)
{
    return nnsp_saturate16(nnsp_round_shift(x, shift));
}

/* x != 0. */
static inline unsigned nnsp_leading_zeros32(uint32_t x)
{
    unsigned zeros = 0;
    for (; !(x >> 31); x <<= 1) {
        zeros++;
    }
    return zeros;
}

static inline unsigned nnsp_reverse_bits(unsigned k, unsigned bits)
{
    unsigned reversed = 0;
    for (unsigned i = 0; i < bits; i++, k >>= 1) {
        reversed = (reversed << 1) | (k & 1u);
    }
    return reversed;
}

#endif

/*
 * y = x * w / 2 of complex x and w = Q31: each partial product is rounded on its own, so that order
 * does not matter.
 */
static inline void nnsp_rotate32(const int32_t x[2], const int32_t w[2], int32_t y[2])
{
    y[0] = nnsp_sub_mulhr32(nnsp_mulhr32(x[0], w[0]), x[1], w[1]);
    y[1] = nnsp_add_mulhr32(nnsp_mulhr32(x[0], w[1]), x[1], w[0]);
}

#endif
