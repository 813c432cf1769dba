/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to the host. */
#ifndef REPLIES_H
#define REPLIES_H

#include "session.h"

void reply(session *s, link_type type, uint32_t sequence, const uint8_t *payload, size_t bytes);
void reply_hello(session *s, uint32_t sequence);
void reply_stats(session *s, link_type type);

/* ERROR: what is wrong with a frame of type `answered` (0: with none). */
void reply_error(session *s, link_error code, uint8_t answered, uint32_t sequence,
                 const char *words);

/* ERROR to the present frame, counted. */
void refuse(session *s, link_error code, const char *words);

#endif
