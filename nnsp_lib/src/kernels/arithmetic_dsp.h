/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rounding rules in single instructions of Arm's DSP extension: compilers do
 * not find SMMULR and the like in 64-bit C, and they halve the work of a transform.
 */
#ifndef NNSP_ARITHMETIC_DSP_H
#define NNSP_ARITHMETIC_DSP_H

#include <stdint.h>

static inline int32_t nnsp_mulhr32(int32_t a, int32_t b)
{
    int32_t y;
    __asm("smmulr %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

/* sum + nnsp_mulhr32(a, b) */
static inline int32_t nnsp_add_mulhr32(int32_t sum, int32_t a, int32_t b)
{
    int32_t y;
    __asm("smmlar %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(sum));
    return y;
}

/* sum + nnsp_mulhr32(-a, b) */
static inline int32_t nnsp_sub_mulhr32(int32_t sum, int32_t a, int32_t b)
{
    int32_t y;
    __asm("smmlsr %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(sum));
    return y;
}

/* x * y / 2^16 of 16-bit y, rounded down. */
static inline int32_t nnsp_mulw32(int32_t x, int32_t y)
{
    int32_t product;
    __asm("smulwb %0, %1, %2" : "=r"(product) : "r"(x), "r"(y));
    return product;
}

/* sum + nnsp_mulw32(x, first of pair) */
static inline int32_t nnsp_add_mulw32(int32_t sum, int32_t x, uint32_t pair)
{
    int32_t all;
    __asm("smlawb %0, %1, %2, %3" : "=r"(all) : "r"(x), "r"(pair), "r"(sum));
    return all;
}

/* sum + nnsp_mulw32(x, second of pair) */
static inline int32_t nnsp_add_mulw32_second(int32_t sum, int32_t x, uint32_t pair)
{
    int32_t all;
    __asm("smlawt %0, %1, %2, %3" : "=r"(all) : "r"(x), "r"(pair), "r"(sum));
    return all;
}

/* x >> shift, where a compiler makes ten instructions of it. */
static inline uint64_t nnsp_shift_u64(uint64_t x, unsigned shift)
{
#ifdef __ARM_FEATURE_MVE
    __asm("lsll %Q0, %R0, %1" : "+r"(x) : "r"(-(int)shift));
    return x;
#else
    if (shift == 0 || shift >= 32) {
        return x >> shift;
    }
    const uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x >> shift | high << (32 - shift);
    return (uint64_t)(high >> shift) << 32 | low;
#endif
}

/* sum + x * y */
static inline uint64_t nnsp_add_product_u64(uint64_t sum, uint64_t x, uint32_t y)
{
    uint32_t low = (uint32_t)sum, high = (uint32_t)(sum >> 32) + (uint32_t)(x >> 32) * y;
    __asm("umlal %0, %1, %2, %3" : "+r"(low), "+r"(high) : "r"((uint32_t)x), "r"(y));
    return (uint64_t)high << 32 | low;
}

/* x / 2^shift to 16 bits, rounded half up, saturated; shift >= 1. */
static inline int16_t nnsp_narrow16(int32_t x, unsigned shift)
{
    const int32_t twice = (x >> (shift - 1)) + 1;
    int32_t y;
    __asm("ssat %0, #16, %1, asr #1" : "=r"(y) : "r"(twice));
    return (int16_t)y;
}

static inline unsigned nnsp_leading_zeros32(uint32_t x)
{
    unsigned zeros;
    __asm("clz %0, %1" : "=r"(zeros) : "r"(x));
    return zeros;
}

static inline unsigned nnsp_reverse_bits(unsigned k, unsigned bits)
{
    unsigned reversed;
    __asm("rbit %0, %1" : "=r"(reversed) : "r"(k));
    return reversed >> (32 - bits);
}

#endif
