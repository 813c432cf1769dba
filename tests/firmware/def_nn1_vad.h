/* SPDX-License-Identifier: BSD-3-Clause */
/* A classifier only in name; double_classifiers.c has what it makes of a hop. */
#ifndef DEF_NN1_VAD_H
#define DEF_NN1_VAD_H

#include "nnsp.h"

#define NN1_VAD_ID 1
#define NN1_VAD_RATE 16000
#define NN1_VAD_HOP 160
#define NN1_VAD_WINDOW 480
#define NN1_VAD_FFT 512
#define NN1_VAD_TASK NNSP_CLASSIFY
#define NN1_VAD_LABELS 1
#define NN1_VAD_LABEL_BYTES 7
#define NN1_VAD_STATE_BYTES 40
#define NN1_VAD_SHARED_STATE_BYTES 24

extern const nnsp_model nn1_vad;

#endif
