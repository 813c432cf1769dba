/* A model only in name: with double_enhancer.c, what the app around an enhancer does can be tested alone. */
#ifndef DEF_NN0_DOUBLE_H
#define DEF_NN0_DOUBLE_H

#include "nnsp.h"

#define NN0_DOUBLE_STATE_BYTES 32
#define NN0_DOUBLE_HOP 160
#define NN0_DOUBLE_RATE 16000

extern const nnsp_model nn0_double;

#endif
