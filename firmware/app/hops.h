/*
 * A hop of a stream, wherever it comes from: through the networks, counted, and what they decide is
 * sent.
 */
#ifndef HOPS_H
#define HOPS_H

#include "session.h"

/* Forget what was: counters, positions, the networks' past. */
void hops_begin(session *s);

/*
 * Hop number next_hop, which goes up. Sends SCORES and EVENTs of it; gives the work. out may be in.
 */
uint32_t hops_process(session *s, const int16_t *in, int16_t *out);

uint8_t *hops_put_samples(uint8_t *at, const int16_t *samples);

/* Light for a hop that was late or lost, and out again some time later. */
void hops_indicate_late(session *s, bool late);

#endif
