/* SPDX-License-Identifier: BSD-3-Clause */
/* From a classifier's scores to decisions: smoothing, threshold, hold. */
#ifndef NNSP_DETECTOR_H
#define NNSP_DETECTOR_H

#include <stdint.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A copy of this and of the memory that it points to saves the stream. */
typedef struct nnsp_detector {
    const nnsp_detector_table *table;
    int32_t *smoothed; /* Q23 [labels] scores */
    uint16_t labels;
    uint16_t left; /* outputs for which a state still lasts, or no other event follows */
} nnsp_detector;

/*
 * Check a model's detector and start from scores of 0.
 *
 * smoothed: int32 [label_count], memory of the detector.
 *
 * Returns NNSP_OK; NNSP_ERR_ARGUMENT for a null pointer; NNSP_ERR_TASK for a model without a
 * detector; NNSP_ERR_TABLE where an entry of its table is out of range; NNSP_ERR_SHAPE for a state
 * of more than one label, or an event of fewer than two.
 */
nnsp_status nnsp_detector_init(nnsp_detector *detector, const nnsp_model *model, int32_t *smoothed);

/* Start from scores of 0 again. */
void nnsp_detector_reset(nnsp_detector *detector);

/*
 * Take the scores of one output, Q15 [label_count], and decide.
 *
 * A state: returns 1 while the smoothed score is at or above the threshold and for `hold` outputs
 * afterwards, otherwise 0.
 * An event: returns the label, 1 or more, of the largest smoothed score where that is at or above
 * the threshold; label 0, "none of these", never counts. Otherwise, and for `hold` outputs after an
 * event, 0.
 */
int nnsp_detector_step(nnsp_detector *detector, const int16_t *scores);

#ifdef __cplusplus
}
#endif

#endif
