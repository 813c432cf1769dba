/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames on their way out, in memory until the line takes them. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "link.h"

typedef struct outbox {
    uint8_t *bytes;
    size_t capacity;
    size_t begin;
    size_t end;
    uint32_t unsent; /* frames for which there was no room */
} outbox;

/*
 * Queue one frame, leaving `reserve` bytes free; a frame without room is counted, never waited for.
 */
void outbox_send(outbox *o, link_type type, uint32_t sequence, const uint8_t *payload, size_t bytes,
                 size_t reserve);

/* Hand over what the line takes. */
void outbox_flush(outbox *o);

bool outbox_is_empty(const outbox *o);

/* Give up what has not left. */
void outbox_clear(outbox *o);

#endif
