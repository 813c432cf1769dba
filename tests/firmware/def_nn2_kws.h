/* SPDX-License-Identifier: BSD-3-Clause */
/* A classifier only in name; double_classifiers.c has what it makes of a hop. */
#ifndef DEF_NN2_KWS_H
#define DEF_NN2_KWS_H

#include "nnsp.h"

#define NN2_KWS_ID 2
#define NN2_KWS_RATE 16000
#define NN2_KWS_HOP 160
#define NN2_KWS_WINDOW 480
#define NN2_KWS_FFT 512
#define NN2_KWS_TASK NNSP_CLASSIFY
#define NN2_KWS_LABELS 3
#define NN2_KWS_LABEL_BYTES 16
#define NN2_KWS_STATE_BYTES 48
#define NN2_KWS_SHARED_STATE_BYTES 32

extern const nnsp_model nn2_kws;

#endif
