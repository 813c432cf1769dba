/* SPDX-License-Identifier: BSD-3-Clause */
#include "../arithmetic.h"
#include "../kernels.h"

#ifndef NNSP_OWN_OVERLAP_ADD

/* Two windowed samples on top of what is there. */
static inline void overlapped(const int32_t *sum, const int32_t *z, const int16_t *window,
                              int32_t both[2])
{
    const uint32_t w = nnsp_pair(window);
    const int32_t im = z[0], re = z[1], first = sum[0], second = sum[1];
    both[0] = nnsp_add_mulw32(first, re, w);
    both[1] = nnsp_add_mulw32_second(second, im, w);
}

void nnsp_overlap_add_s32(int32_t *sum, const int32_t *z, const int16_t *window, unsigned size,
                          unsigned hop, unsigned shift, int16_t *out)
{
    const int32_t *from = sum, *end = sum + size;
    int32_t *rest = sum, both[2];
    for (; from + 1 < sum + hop; from += 2, z += 2, window += 2, out += 2) {
        overlapped(from, z, window, both);
        out[0] = nnsp_narrow16(both[0], shift);
        out[1] = nnsp_narrow16(both[1], shift);
    }
    if (hop % 2 != 0) {
        overlapped(from, z, window, both);
        out[0] = nnsp_narrow16(both[0], shift);
        *rest++ = both[1];
        from += 2, z += 2, window += 2;
    }
    for (; from < end; from += 2, z += 2, window += 2, rest += 2) {
        overlapped(from, z, window, both);
        rest[0] = both[0];
        rest[1] = both[1];
    }
    while (rest < end) {
        *rest++ = 0;
    }
}

#endif
