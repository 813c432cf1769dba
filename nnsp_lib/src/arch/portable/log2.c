#include "arithmetic.h"
#include "kernels.h"
#include "lookup.h"

int32_t nnsp_log2_u64(uint64_t x)
{
    const uint32_t high = (uint32_t)(x >> 32);
    const unsigned zeros = high != 0 ? nnsp_leading_zeros32(high) : 32 + nnsp_leading_zeros32((uint32_t)x);
    const uint32_t part = (uint32_t)((x << zeros) >> 32) & 0x7FFFFFFFu; /* behind the leading one, Q31 */
    const uint32_t k = part >> (31 - NNSP_LOG2_STEP_BITS);
    const int32_t within = (int32_t)((part >> (15 - NNSP_LOG2_STEP_BITS)) & 0xFFFFu); /* Q16 of a step */
    const int32_t low = nnsp_log2_table[k], step = nnsp_log2_table[k + 1] - low;
    return (int32_t)(63 - zeros) * 65536 + low + ((step * within + 0x8000) >> 16);
}
