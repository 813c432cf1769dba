/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process a hop of a stream, from host or microphone: run the networks, count the work, send what
 * the classifiers decide.
 */
#ifndef HOPS_H
#define HOPS_H

#include "session.h"

/* Begin a stream: reset counters, positions and the state of all networks. */
void hops_begin(session *s);

/*
 * Run the networks on hop next_hop, send its SCORES and EVENTs, and increment next_hop. out may be
 * in. Returns the work counted.
 */
uint32_t hops_process(session *s, const int16_t *in, int16_t *out);

uint8_t *hops_put_samples(uint8_t *at, const int16_t *samples);

/* Switch the light on for a late or lost hop, and off again some time later. */
void hops_indicate_late(session *s, bool late);

#endif
