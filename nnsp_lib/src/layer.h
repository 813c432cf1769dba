/* One layer: its state and one step in time. */
#ifndef NNSP_LAYER_H
#define NNSP_LAYER_H

#include <stddef.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

/* Bytes of state, a multiple of 8: nothing for fc, phase and history for conv1d, c and h for an LSTM. */
size_t nnsp_layer_state_bytes(const nnsp_layer *layer);

/*
 * One frame. in and out are padded and do not overlap; gates has room for 4 * units.
 * Returns NNSP_OK, or NNSP_NO_OUTPUT where strides skip the frame.
 */
nnsp_status nnsp_layer_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out, int16_t *gates);

void nnsp_fc_step(const nnsp_layer *layer, const int16_t *in, int16_t *out);
nnsp_status nnsp_conv1d_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out);
/* What the last step of an LSTM gave. */
void nnsp_lstm_output(const nnsp_layer *layer, const void *state, int16_t *out);
void nnsp_lstm_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out, int16_t *gates);

#endif
