/* SPDX-License-Identifier: BSD-3-Clause */
/* A model only in name: with double_enhancer.c, what the app around an enhancer does can be tested alone. */
#ifndef DEF_NN0_DOUBLE_H
#define DEF_NN0_DOUBLE_H

#include "nnsp.h"

#define NN0_DOUBLE_ID 0
#define NN0_DOUBLE_RATE 16000
#define NN0_DOUBLE_HOP 160
#define NN0_DOUBLE_WINDOW 480
#define NN0_DOUBLE_FFT 512
#define NN0_DOUBLE_TASK NNSP_ENHANCE
#define NN0_DOUBLE_LABELS 0
#define NN0_DOUBLE_LABEL_BYTES 0
#define NN0_DOUBLE_STATE_BYTES 32

extern const nnsp_model nn0_double;

#endif
