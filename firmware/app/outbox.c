/* SPDX-License-Identifier: BSD-3-Clause */
#include "outbox.h"

#include <string.h>

#include "port.h"

void outbox_send(outbox *o, link_type type, uint32_t sequence, const uint8_t *payload, size_t bytes,
                 size_t reserve)
{
    if (o->capacity - o->end < LINK_WIRE_BYTES(bytes) + reserve) {
        memmove(o->bytes, o->bytes + o->begin, o->end - o->begin);
        o->end -= o->begin;
        o->begin = 0;
    }
    const size_t room = o->capacity - o->end;
    if (room < LINK_WIRE_BYTES(bytes) + reserve) {
        o->unsent++;
        return;
    }
    o->end += link_encode(type, sequence, payload, bytes, o->bytes + o->end, room);
}

void outbox_flush(outbox *o)
{
    o->begin += port_write(o->bytes + o->begin, o->end - o->begin);
    if (o->begin == o->end) {
        outbox_clear(o);
    }
}

bool outbox_is_empty(const outbox *o)
{
    return o->begin == o->end;
}

void outbox_clear(outbox *o)
{
    o->begin = 0;
    o->end = 0;
}
