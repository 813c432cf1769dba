/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"
#include "../lookup.h"

#define LOG2_E 47274u /* Q15 */

/* Q16 of exp(-x), x Q11. */
static uint32_t exp_q16(uint32_t x)
{
    const uint32_t t = (x * LOG2_E + (1u << 9)) >> 10; /* octaves, Q16 */
    const uint32_t octaves = t >> 16, part = t & 1023u;
    const uint16_t *entry = nnsp_exp2_table + ((t & 0xFFFFu) >> (16 - NNSP_EXP2_STEP_BITS));
    const uint32_t e =
        65536u - (entry[0] + (((uint32_t)(entry[1] - entry[0]) * part + 512u) >> 10));
    return octaves < 32 ? (e + ((1u << octaves) >> 1)) >> octaves : 0;
}

/* Less the largest, the inputs span 16 bits and every sum here stays below 2^32. */
void nnsp_softmax_s16(int16_t *x, unsigned n)
{
    int32_t most = x[0];
    for (unsigned i = 1; i < n; i++) {
        most = x[i] > most ? x[i] : most;
    }
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += exp_q16((uint32_t)(most - x[i]));
    }
    for (unsigned i = 0; i < n; i++) {
        const uint32_t p = (exp_q16((uint32_t)(most - x[i])) * 32768u + sum / 2) / sum;
        x[i] = (int16_t)(p > INT16_MAX ? INT16_MAX : p);
    }
}
