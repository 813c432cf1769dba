/*
 * Generated: change the network and convert it again, not this file.
 * Command: python py_tools/c_code_table_converter.py --nn_arch=nn_arch/def_vad.txt --net_id=1 --net_name=vad --models_dir=models_shipped
 * Network: def_vad.txt, sha256 48156a6a4c5c2a2c
 * Weights: epoch_130.weights.h5, sha256 4b0b5a66625c1e32
 * Table format 5.
 */
#ifndef DEF_NN1_VAD_H
#define DEF_NN1_VAD_H

#include "nnsp_table.h"

#if NNSP_TABLE_VERSION != 5
#error "def_nn1_vad is of table format 5, the library of another: convert the network again"
#endif

#define NN1_VAD_ID 1
#define NN1_VAD_NAME "vad"
#define NN1_VAD_ARCH "vad"
#define NN1_VAD_RATE 16000
#define NN1_VAD_HOP 160
#define NN1_VAD_WINDOW 480
#define NN1_VAD_FFT 512
#define NN1_VAD_TASK NNSP_CLASSIFY
#define NN1_VAD_LABELS 1
#define NN1_VAD_LABEL_BYTES 7
#define NN1_VAD_STATE_BYTES 3856
#define NN1_VAD_SHARED_STATE_BYTES 840
#define NN1_VAD_CHECKSUM 0x3B6AEA53u

extern const nnsp_model nn1_vad;

#endif
