/*
 * Generated: change the network and convert it again, not this file.
 * Command: python py_tools/c_code_table_converter.py --nn_arch=nn_arch/def_se_bands.txt --net_id=3 --net_name=se --models_dir=models_shipped
 * Network: def_se_bands.txt, sha256 df165121608a964b
 * Weights: epoch_031.weights.h5, sha256 e833d1bbfac86cd7
 * Table format 5.
 */
#ifndef DEF_NN3_SE_H
#define DEF_NN3_SE_H

#include "nnsp_table.h"

#if NNSP_TABLE_VERSION != 5
#error "def_nn3_se is of table format 5, the library of another: convert the network again"
#endif

#define NN3_SE_ID 3
#define NN3_SE_NAME "se"
#define NN3_SE_ARCH "se_bands"
#define NN3_SE_RATE 16000
#define NN3_SE_HOP 160
#define NN3_SE_WINDOW 480
#define NN3_SE_FFT 512
#define NN3_SE_TASK NNSP_ENHANCE
#define NN3_SE_LABELS 0
#define NN3_SE_LABEL_BYTES 0
#define NN3_SE_STATE_BYTES 7728
#define NN3_SE_CHECKSUM 0xA5624FD5u

extern const nnsp_model nn3_se;

#endif
