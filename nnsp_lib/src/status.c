/* SPDX-License-Identifier: BSD-3-Clause */
#include "nnsp_status.h"

const char *nnsp_status_text(nnsp_status status)
{
    switch (status) {
    case NNSP_OK:
        return "no error";
    case NNSP_NO_OUTPUT:
        return "no output for this frame: the network's strides or clips skip it";
    case NNSP_ERR_ARGUMENT:
        return "a pointer is null, or the state is not 8-byte aligned";
    case NNSP_ERR_VERSION:
        return "the tables are of another format version than this library: "
               "convert the model again";
    case NNSP_ERR_STATE:
        return "the state memory is smaller than the model needs";
    case NNSP_ERR_TABLE:
        return "a size, format or activation in the tables is out of range";
    case NNSP_ERR_SHAPE:
        return "the layers and the front end do not fit each other";
    case NNSP_ERR_CHECKSUM:
        return "the checksum of the tables is wrong: they are damaged or cut short";
    case NNSP_ERR_TASK:
        return "the model is for another task, or has no detector";
    }
    return "unknown status";
}
