/* Streams whose audio comes from the board's microphone: LIVE out, as fast as it is heard. */
#ifndef LIVE_H
#define LIVE_H

#include "session.h"

/*
 * Whether microphone and line can do what the present START asks for; then the microphone runs,
 * else an ERROR has been sent.
 */
bool live_start(session *s);

/* Take a hop from the microphone, where there is a whole one, through the networks to the host. */
void live_turn(session *s);

#endif
