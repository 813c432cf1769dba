/* From a classifier's scores to decisions: smoothing, threshold, hold. */
#ifndef NNSP_DETECTOR_H
#define NNSP_DETECTOR_H

#include <stdint.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

/* A copy of this and of the memory that it points into saves the stream. */
typedef struct nnsp_detector {
    const nnsp_detector_table *table;
    int32_t *smoothed; /* [labels] Q23 scores */
    uint16_t labels;
    uint16_t left; /* outputs that a state still lasts, or without another event */
} nnsp_detector;

/*
 * Check the model's detector and start from scores of 0. smoothed: room for label_count. Returns NNSP_OK, NNSP_ERR_ARGUMENT, NNSP_ERR_TASK
 * for a model without a detector, NNSP_ERR_TABLE, or NNSP_ERR_SHAPE: a state takes one label, an event two or more.
 */
nnsp_status nnsp_detector_init(nnsp_detector *detector, const nnsp_model *model, int32_t *smoothed);

void nnsp_detector_reset(nnsp_detector *detector);

/*
 * One output of scores, Q15. A state: 1 from a smoothed score at the threshold, and for `hold` outputs behind the last such one, else 0.
 * An event: the label, 1 or more, of the largest smoothed score behind label 0, "none of these", where it is at the threshold; then for `hold`
 * outputs, and wherever there is none, 0.
 */
int nnsp_detector_step(nnsp_detector *detector, const int16_t *scores);

#endif
