/* SPDX-License-Identifier: BSD-3-Clause */
/* Live streams: audio from the board's microphone, a LIVE to the host for each hop. */
#ifndef LIVE_H
#define LIVE_H

#include "session.h"

/*
 * Start the microphone for the present START. Returns false, with an ERROR sent, if there is no
 * microphone that fits or the line is too slow.
 */
bool live_start(session *s);

/* Take a hop from the microphone, where there is a whole one, through the networks to the host. */
void live_turn(session *s);

#endif
