/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw int16 from standard input through a compiled model to standard output. MODEL_* name the
 * model's generated files.
 */
#include <stdio.h>

#include "nnsp.h"

#include MODEL_HEADER

static uint64_t state[(MODEL_STATE_BYTES + 7) / 8];

int main(void)
{
    nnsp_enhancer enhancer;
    int16_t hop[MODEL_HOP];
    const nnsp_status status = nnsp_enhancer_init(&enhancer, &MODEL, state, MODEL_STATE_BYTES);
    if (status != NNSP_OK) {
        fprintf(stderr, "%s\n", nnsp_status_text(status));
        return 1;
    }
    while (fread(hop, sizeof hop, 1, stdin) == 1) {
        if (nnsp_enhancer_process(&enhancer, hop, hop) != NNSP_OK ||
            fwrite(hop, sizeof hop, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
