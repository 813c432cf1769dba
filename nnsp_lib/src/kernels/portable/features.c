#include "../feature.h"
#include "../kernels.h"

void nnsp_features_s16(const nnsp_frontend_table *table, const int32_t *z, int16_t *features)
{
    nnsp_features_any(table, z, features);
}
