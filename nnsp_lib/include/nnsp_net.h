/* SPDX-License-Identifier: BSD-3-Clause */
/* A streaming network: one frame of integers in, one frame out. */
#ifndef NNSP_NET_H
#define NNSP_NET_H

#include <stddef.h>
#include <stdint.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The caller owns this and the state; any number may run side by side. */
typedef struct nnsp_net {
    const nnsp_network *network;
    uint8_t *state;     /* what the layers remember, layer after layer */
    int16_t *buffer[2]; /* activations between layers */
    int16_t *scratch;   /* what the layer at work does not keep */
} nnsp_net;

/*
 * Return the bytes of state that a network needs, a multiple of 8. The network must be a generated
 * one, or have passed nnsp_net_init.
 */
size_t nnsp_net_state_bytes(const nnsp_network *network);

/*
 * Check every size, every format and the checksum, and start from silence.
 *
 * state: 8-byte aligned, at least nnsp_net_state_bytes(); it is the whole memory of the stream: a
 * copy of it saves the stream, and copied back restores it.
 *
 * Returns NNSP_OK; NNSP_ERR_ARGUMENT for a null pointer or a state that is not aligned;
 * NNSP_ERR_VERSION for tables of another format; NNSP_ERR_TABLE where a layer is out of range;
 * NNSP_ERR_SHAPE where a layer does not take what the one before it returns; NNSP_ERR_CHECKSUM;
 * NNSP_ERR_STATE where bytes are too few.
 */
nnsp_status nnsp_net_init(nnsp_net *net, const nnsp_network *network, void *state, size_t bytes);

/* Start from silence again: everything that the layers remember becomes zero. */
void nnsp_net_reset(nnsp_net *net);

/*
 * Take one frame through the network.
 *
 * in: Q(in_frac) [inputs] of the first layer; out: Q(out_frac) [units] of the last layer; out may
 * be in.
 *
 * Returns NNSP_OK, or NNSP_NO_OUTPUT where strides or a clip give no output in this frame. Without
 * clips the first frame always has an output.
 */
nnsp_status nnsp_net_step(nnsp_net *net, const int16_t *in, int16_t *out);

#ifdef __cplusplus
}
#endif

#endif
