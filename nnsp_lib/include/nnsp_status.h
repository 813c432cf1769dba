/* SPDX-License-Identifier: BSD-3-Clause */
/* What every fallible function of the library returns. */
#ifndef NNSP_STATUS_H
#define NNSP_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nnsp_status {
    NNSP_OK = 0,
    NNSP_NO_OUTPUT = 1,     /* no error: strides or clips skip this frame; out is unchanged */
    NNSP_ERR_ARGUMENT = -1, /* a null pointer, or a state that is not 8-byte aligned */
    NNSP_ERR_VERSION = -2,  /* the tables are of another format version than the library */
    NNSP_ERR_STATE = -3,    /* the state memory is smaller than the model needs */
    NNSP_ERR_TABLE = -4,    /* a size, format or activation in the tables is out of range */
    NNSP_ERR_SHAPE = -5,    /* layers, or layers and front end, do not fit each other */
    NNSP_ERR_CHECKSUM = -6, /* the tables are damaged, cut short, or compiled for other kernels */
    NNSP_ERR_TASK = -7      /* the model is for another task, or has no detector */
} nnsp_status;

/* Return one English sentence for a status; never NULL. */
const char *nnsp_status_text(nnsp_status status);

#ifdef __cplusplus
}
#endif

#endif
