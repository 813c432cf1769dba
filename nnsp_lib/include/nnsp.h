/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nnsp: streaming speech networks with int8 weights and int16 activations. Includes everything
 * public.
 *
 * A model is a generated def_nn<id>_<name>.c, compiled beside your own sources, and its header. The
 * caller owns all memory: the library allocates none and has no globals.
 *
 * Take the noise out of speech, a hop of 16-bit samples at a time:
 *
 *     #include "def_nn3_se.h"
 *     #include "nnsp.h"
 *
 *     static uint64_t enhancer_state[(NN3_SE_STATE_BYTES + 7) / 8]; // 8-byte aligned
 *     static nnsp_enhancer enhancer;
 *
 *     // Once, and before another recording. Returns NULL, or what is wrong.
 *     const char *enhance_begin(void)
 *     {
 *         const nnsp_status status =
 *             nnsp_enhancer_init(&enhancer, &nn3_se, enhancer_state, sizeof enhancer_state);
 *         return status == NNSP_OK ? NULL : nnsp_status_text(status);
 *     }
 *
 *     // In place, NN3_SE_WINDOW - NN3_SE_HOP samples late. Returns NULL, or what is wrong.
 *     const char *enhance_hop(int16_t samples[NN3_SE_HOP])
 *     {
 *         const nnsp_status status = nnsp_enhancer_process(&enhancer, samples, samples);
 *         return status == NNSP_OK ? NULL : nnsp_status_text(status);
 *     }
 *
 * Spot words: a classifier scores each hop, a detector decides:
 *
 *     #include "def_nn2_kws.h"
 *
 *     static uint64_t listener_state[(NN2_KWS_STATE_BYTES + 7) / 8];
 *     static int32_t smoothed[NN2_KWS_LABELS];
 *     static nnsp_classifier listener;
 *     static nnsp_detector detector;
 *
 *     nnsp_status listen_begin(void)
 *     {
 *         const nnsp_status status =
 *             nnsp_classifier_init(&listener, &nn2_kws, listener_state, sizeof listener_state);
 *         return status == NNSP_OK ? nnsp_detector_init(&detector, &nn2_kws, smoothed) : status;
 *     }
 *
 *     // Returns the word that ends here, or NULL.
 *     const char *listen_hop(const int16_t samples[NN2_KWS_HOP])
 *     {
 *         int16_t scores[NN2_KWS_LABELS];
 *         if (nnsp_classifier_process(&listener, samples, scores) != NNSP_OK) {
 *             return NULL; // NNSP_NO_OUTPUT: this network gives no scores in every hop
 *         }
 *         const int label = nnsp_detector_step(&detector, scores);
 *         return label > 0 ? nn2_kws.labels[label] : NULL;
 *     }
 */
#ifndef NNSP_H
#define NNSP_H

#define NNSP_VERSION_STRING "0.1.0"

#include "nnsp_classifier.h"
#include "nnsp_detector.h"
#include "nnsp_enhancer.h"
#include "nnsp_frontend.h"
#include "nnsp_net.h"
#include "nnsp_status.h"
#include "nnsp_table.h"

#endif
