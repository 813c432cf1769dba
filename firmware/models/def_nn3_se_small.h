/*
 * Generated: change the network and convert it again, not this file.
 * Command: python py_tools/c_code_table_converter.py --nn_arch=nn_arch/def_se_bands_small.txt --net_id=3 --net_name=se_small --models_dir=models_shipped
 * Network: def_se_bands_small.txt, sha256 90a2e80ab0ebce23
 * Weights: epoch_028.weights.h5, sha256 60e4be741728e021
 * Table format 5.
 */
#ifndef DEF_NN3_SE_SMALL_H
#define DEF_NN3_SE_SMALL_H

#include "nnsp_table.h"

#if NNSP_TABLE_VERSION != 5
#error "def_nn3_se_small is of table format 5, the library of another: convert the network again"
#endif

#define NN3_SE_SMALL_ID 3
#define NN3_SE_SMALL_NAME "se_small"
#define NN3_SE_SMALL_ARCH "se_bands_small"
#define NN3_SE_SMALL_RATE 16000
#define NN3_SE_SMALL_HOP 160
#define NN3_SE_SMALL_WINDOW 480
#define NN3_SE_SMALL_FFT 512
#define NN3_SE_SMALL_TASK NNSP_ENHANCE
#define NN3_SE_SMALL_LABELS 0
#define NN3_SE_SMALL_LABEL_BYTES 0
#define NN3_SE_SMALL_STATE_BYTES 7152
#define NN3_SE_SMALL_CHECKSUM 0x176EF37Cu

extern const nnsp_model nn3_se_small;

#endif
