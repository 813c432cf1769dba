/* SPDX-License-Identifier: BSD-3-Clause */
#include "../feature.h"
#include "../kernels.h"

#ifndef NNSP_OWN_FEATURES

void nnsp_features_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    nnsp_features_generic(table, z, features);
}

#endif
