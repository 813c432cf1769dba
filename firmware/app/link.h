/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames between host and board; docs/link.md is the specification, py_tools/nnsp/device/wire.py
 * the twin.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_VERSION 3u
#define LINK_HEADER_BYTES 6u /* version, type, sequence */
#define LINK_CRC_BYTES 4u
#define LINK_OVERHEAD_BYTES (LINK_HEADER_BYTES + LINK_CRC_BYTES)

/*
 * Largest size of a frame with this payload on the wire: with the COBS codes and a zero at each
 * end.
 */
#define LINK_WIRE_BYTES(payload) \
    ((payload) + LINK_OVERHEAD_BYTES + ((payload) + LINK_OVERHEAD_BYTES) / 254u + 1u + 2u)

typedef enum link_type {
    LINK_HELLO = 1,
    LINK_START = 2,
    LINK_STOP = 3,
    LINK_RESET = 4,
    LINK_AUDIO = 5,
    LINK_RESULT = 6,
    LINK_STATS = 7,
    LINK_EXIT = 8,
    LINK_ERROR = 9,
    LINK_SET = 10,
    LINK_LIVE = 11,
    LINK_EVENT = 12,
    LINK_SCORES = 13
} link_type;

typedef enum link_error {
    LINK_ERROR_BROKEN = 1,      /* a frame that could not be read */
    LINK_ERROR_TYPE = 2,        /* a type that the receiver does not know */
    LINK_ERROR_LENGTH = 3,      /* a payload of a size that the type does not have */
    LINK_ERROR_STARTED = 4,     /* START while a stream runs */
    LINK_ERROR_NOT_STARTED = 5, /* STOP or AUDIO without a stream */
    LINK_ERROR_FORMAT = 6,      /* another rate or hop than the model's */
    LINK_ERROR_SEQUENCE = 7,    /* an AUDIO further ahead than the credits allow */
    LINK_ERROR_MODEL = 8,       /* the library refuses the model */
    LINK_ERROR_FAULT = 9,       /* the processor stopped at a fault */
    LINK_ERROR_MICROPHONE = 10, /* no microphone that fits, or it does not start */
    LINK_ERROR_LINE = 11,       /* the line is too slow for what was asked */
    LINK_ERROR_RANGE = 12       /* a setting outside of its range */
} link_error;

/* What START asks for of a live stream, and how LIVE carries it. */
#define LINK_STREAM_RAW 1u
#define LINK_STREAM_ENHANCED 2u
typedef enum link_packing { LINK_PCM16 = 0, LINK_ADPCM4 = 1 } link_packing;

/* Flags of LIVE. */
#define LINK_LIVE_BYPASS 1u
#define LINK_LIVE_LATE 2u
#define LINK_LIVE_CLIPPED_IN 4u
#define LINK_LIVE_CLIPPED_OUT 8u

typedef enum link_event {
    LINK_NONE = 0, /* no frame has ended with this byte */
    /* A good frame: type, sequence, payload and payload_bytes hold until the next byte. */
    LINK_FRAME,
    LINK_TRUNCATED,
    LINK_TOO_LONG,
    LINK_BAD_CRC,
    LINK_OTHER_VERSION
} link_event;

/* Reads frames byte by byte into the caller's memory. */
typedef struct link_parser {
    uint8_t *frame;
    size_t capacity;
    size_t count;      /* decoded bytes of the present frame */
    uint32_t sequence; /* of the last good frame */
    const uint8_t *payload;
    size_t payload_bytes;
    uint8_t type;
    uint8_t remaining; /* bytes until the next COBS code */
    bool zero_due;     /* the present block ends in a zero, if another block follows */
    bool started;      /* a code has been seen since the last zero */
    bool too_long;
} link_parser;

/* CRC-32 of IEEE 802.3 (reflected, 0xEDB88320), as zlib's. */
uint32_t link_crc32(const uint8_t *bytes, size_t count);

/*
 * Write one frame to wire. Returns its bytes, or 0 where capacity <
 * LINK_WIRE_BYTES(payload_bytes).
 */
size_t link_encode(link_type type, uint32_t sequence, const uint8_t *payload, size_t payload_bytes,
                   uint8_t *wire, size_t capacity);

/* frame: the memory for one decoded frame, LINK_OVERHEAD_BYTES more than the largest payload. */
void link_parser_init(link_parser *parser, uint8_t *frame, size_t capacity);

/* Take one byte, any byte. After anything broken, the next good frame is read. */
link_event link_parser_push(link_parser *parser, uint8_t byte);

/* One English phrase for an event; never NULL. */
const char *link_event_text(link_event event);

uint8_t *link_put_u16(uint8_t *at, uint16_t value);
uint8_t *link_put_u32(uint8_t *at, uint32_t value);
uint16_t link_get_u16(const uint8_t *at);
uint32_t link_get_u32(const uint8_t *at);

#endif
