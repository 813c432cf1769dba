/* SPDX-License-Identifier: BSD-3-Clause */
#include "../kernels.h"
#include "../level.h"

int32_t nnsp_log2_u64(uint64_t x)
{
    return nnsp_level_u64(x);
}
