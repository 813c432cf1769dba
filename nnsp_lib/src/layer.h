/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One layer: its entry in the tables, its state, its weights, one step in time. A kind of layer is
 * a file that defines the functions of NNSP_LAYER_FUNCTIONS, and a row of NNSP_LAYERS; all others
 * know it through nnsp_layer_* alone.
 */
#ifndef NNSP_LAYER_H
#define NNSP_LAYER_H

#include <stddef.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

/* A row for each kind: its nnsp_kind, and its name in nnsp_<name>_step and the like. */
#define NNSP_LAYERS(ROW) \
    ROW(NNSP_FC, fc) \
    ROW(NNSP_LSTM, lstm) \
    ROW(NNSP_CONV1D, conv1d)

/* How the weights lie: each group of four rows is blocks over all columns, then further words. */
typedef struct nnsp_weight_groups {
    size_t rows;
    size_t cols;  /* a multiple of NNSP_BLOCK_COLS */
    size_t words; /* biases and multipliers: NNSP_ROWS_WORDS or NNSP_GATES_WORDS */
} nnsp_weight_groups;

/*
 * Check an entry of the tables; the other functions take layers that have passed. last: no layer
 * follows; ended: a layer before it returns the end of a clip alone. Returns 1, or 0 where a size,
 * a format or the activation is out of range.
 */
int nnsp_layer_is_valid(const nnsp_layer *layer, int last, int ended);

/* Return the bytes of state, a multiple of 8. */
size_t nnsp_layer_state_bytes(const nnsp_layer *layer);

/* Return the bytes of memory that a step needs and does not keep, a multiple of 8. */
size_t nnsp_layer_scratch_bytes(const nnsp_layer *layer);

/* Continue a CRC-32 over sizes and formats, and weights in plain order, whatever the order here. */
uint32_t nnsp_layer_checksum(uint32_t crc, const nnsp_layer *layer);

/*
 * Take one frame. in and out are padded and do not overlap; scratch: nnsp_layer_scratch_bytes().
 * in NULL, for a layer with returns_last: there is no frame; return the output of the last one
 * again. Returns NNSP_OK, or NNSP_NO_OUTPUT where strides skip the frame.
 */
nnsp_status nnsp_layer_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out,
                            int16_t *scratch);

/*
 * What layers share: whether out_frac is the format of the activation, and the activation of units.
 */
int nnsp_activation_is_valid(const nnsp_layer *layer);
void nnsp_activate(const nnsp_layer *layer, int16_t *x);

/* is_valid: what nnsp_layer_is_valid does not check for all kinds. The others are as above. */
#define NNSP_LAYER_FUNCTIONS(number, name) \
    int nnsp_##name##_is_valid(const nnsp_layer *layer, int last, int ended); \
    size_t nnsp_##name##_state_bytes(const nnsp_layer *layer); \
    size_t nnsp_##name##_scratch_bytes(const nnsp_layer *layer); \
    nnsp_weight_groups nnsp_##name##_weights(const nnsp_layer *layer); \
    nnsp_status nnsp_##name##_step(const nnsp_layer *layer, void *state, const int16_t *in, \
                                   int16_t *out, int16_t *scratch);
NNSP_LAYERS(NNSP_LAYER_FUNCTIONS)

#endif
