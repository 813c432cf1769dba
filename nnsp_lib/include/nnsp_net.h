/* A streaming network: one frame of integers in, one frame out. */
#ifndef NNSP_NET_H
#define NNSP_NET_H

#include <stddef.h>
#include <stdint.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

/* The caller owns this and the state; any number of instances may run side by side. */
typedef struct nnsp_net {
    const nnsp_network *network;
    uint8_t *state;     /* histories of conv1d, h and c of LSTM, layer after layer */
    int16_t *buffer[2]; /* activations between layers */
    int16_t *scratch;   /* what the layer at work does not keep */
} nnsp_net;

/*
 * Bytes of state that a network needs, a multiple of 8.
 * The layers must have passed nnsp_net_init, or come from a generated file.
 */
size_t nnsp_net_state_bytes(const nnsp_network *network);

/*
 * Check every size, format and the checksum once, and start from silence.
 * state: 8-byte aligned; its first nnsp_net_state_bytes() bytes are the whole memory of the stream: a copy of them
 * saves it, and copied back restores it.
 * Returns NNSP_OK, NNSP_ERR_ARGUMENT, _VERSION, _TABLE, _SHAPE, _STATE or _CHECKSUM.
 */
nnsp_status nnsp_net_init(nnsp_net *net, const nnsp_network *network, void *state, size_t bytes);

/* Forget the past: histories, h and c become zero. */
void nnsp_net_reset(nnsp_net *net);

/*
 * One frame. in: inputs of the first layer, Q(in_frac); out: units of the last layer, Q(out_frac); out may be in.
 * Returns NNSP_OK, or NNSP_NO_OUTPUT where strides skip this frame. The first frame always gives an output.
 */
nnsp_status nnsp_net_step(nnsp_net *net, const int16_t *in, int16_t *out);

#endif
