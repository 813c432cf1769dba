/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams whose audio comes from the host: AUDIO in, RESULT out, every hop in its place. */
#ifndef EVALUATION_H
#define EVALUATION_H

#include "session.h"

/* The present frame is an AUDIO. */
void evaluation_take(session *s);

#endif
