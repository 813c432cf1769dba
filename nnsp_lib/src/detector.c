/* SPDX-License-Identifier: BSD-3-Clause */
#include "nnsp_detector.h"

#include <stddef.h>
#include <string.h>

#include "kernels/arithmetic.h"

#define SMOOTHED_FRAC 8 /* fraction bits below the Q15 of the scores */

nnsp_status nnsp_detector_init(nnsp_detector *detector, const nnsp_model *model, int32_t *smoothed)
{
    if (detector == NULL || model == NULL || smoothed == NULL) {
        return NNSP_ERR_ARGUMENT;
    }
    const nnsp_detector_table *table = model->detector;
    if (table == NULL) {
        return NNSP_ERR_TASK;
    }
    if (table->kind > NNSP_DETECT_EVENT || table->smoothing > 7 || table->threshold < 0) {
        return NNSP_ERR_TABLE;
    }
    if (table->kind == NNSP_DETECT_STATE ? model->label_count != 1 : model->label_count < 2) {
        return NNSP_ERR_SHAPE;
    }
    detector->table = table;
    detector->smoothed = smoothed;
    detector->labels = model->label_count;
    nnsp_detector_reset(detector);
    return NNSP_OK;
}

void nnsp_detector_reset(nnsp_detector *detector)
{
    memset(detector->smoothed, 0, detector->labels * sizeof *detector->smoothed);
    detector->left = 0;
}

int nnsp_detector_step(nnsp_detector *detector, const int16_t *scores)
{
    const nnsp_detector_table *table = detector->table;
    const int event = table->kind == NNSP_DETECT_EVENT;
    int32_t *s = detector->smoothed;
    int label = event;
    for (int i = 0; i < detector->labels; i++) {
        const int32_t way = scores[i] * (1 << SMOOTHED_FRAC) - s[i];
        s[i] += table->smoothing == 0 ? way : (int32_t)nnsp_round_shift(way, table->smoothing);
        label = i > label && s[i] > s[label] ? i : label;
    }
    if (event && detector->left > 0) {
        detector->left--;
        return 0;
    }
    if (s[label] >= table->threshold * (1 << SMOOTHED_FRAC)) {
        detector->left = table->hold;
        return event ? label : 1;
    }
    if (detector->left == 0) {
        return 0;
    }
    detector->left--;
    return 1;
}
