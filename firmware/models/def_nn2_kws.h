/*
 * Generated: change the network and convert it again, not this file.
 * Command: python py_tools/c_code_table_converter.py --nn_arch=nn_arch/def_kws.txt --net_id=2 --net_name=kws --models_dir=models_shipped
 * Network: def_kws.txt, sha256 99b58b27e0a90542
 * Weights: epoch_070.weights.h5, sha256 09ae00b54d84a26a
 * Table format 5.
 */
#ifndef DEF_NN2_KWS_H
#define DEF_NN2_KWS_H

#include "nnsp_table.h"

#if NNSP_TABLE_VERSION != 5
#error "def_nn2_kws is of table format 5, the library of another: convert the network again"
#endif

#define NN2_KWS_ID 2
#define NN2_KWS_NAME "kws"
#define NN2_KWS_ARCH "kws"
#define NN2_KWS_RATE 16000
#define NN2_KWS_HOP 160
#define NN2_KWS_WINDOW 480
#define NN2_KWS_FFT 512
#define NN2_KWS_TASK NNSP_CLASSIFY
#define NN2_KWS_LABELS 11
#define NN2_KWS_LABEL_BYTES 25
#define NN2_KWS_STATE_BYTES 4768
#define NN2_KWS_SHARED_STATE_BYTES 1752
#define NN2_KWS_CHECKSUM 0xFB6089CEu

extern const nnsp_model nn2_kws;

#endif
