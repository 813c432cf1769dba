/* What every fallible call of the library returns. */
#ifndef NNSP_STATUS_H
#define NNSP_STATUS_H

typedef enum nnsp_status {
    NNSP_OK = 0,
    /* Not an error: a network with strides or clips gives an output only every few frames; `out` was left as it was. */
    NNSP_NO_OUTPUT = 1,
    NNSP_ERR_ARGUMENT = -1, /* a null pointer, or a state that is not 8-byte aligned */
    NNSP_ERR_VERSION = -2,  /* the tables are of another format version than the library */
    NNSP_ERR_STATE = -3,    /* the state memory is smaller than the tables ask for */
    NNSP_ERR_TABLE = -4,    /* a size, format or activation in the tables is out of range */
    NNSP_ERR_SHAPE = -5,    /* a layer's inputs are not what the layer before it, or the front end, gives */
    NNSP_ERR_CHECKSUM = -6, /* the tables are damaged or cut short */
    NNSP_ERR_TASK = -7      /* the model is for another task, or has no detector */
} nnsp_status;

/* One English sentence for a status; never NULL. */
const char *nnsp_status_text(nnsp_status status);

#endif
