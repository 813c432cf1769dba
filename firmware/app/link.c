/* SPDX-License-Identifier: BSD-3-Clause */
#include "link.h"

/* CRC of every low nibble: sixteen words instead of 1 kB, two steps a byte. */
static const uint32_t crc_nibble[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
    0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
    0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

static uint32_t crc_step(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    crc = (crc >> 4) ^ crc_nibble[crc & 15u];
    return (crc >> 4) ^ crc_nibble[crc & 15u];
}

uint32_t link_crc32(const uint8_t *bytes, size_t count)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < count; i++) {
        crc = crc_step(crc, bytes[i]);
    }
    return ~crc;
}

uint8_t *link_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value & 0xFFu);
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

uint8_t *link_put_u32(uint8_t *at, uint32_t value)
{
    at = link_put_u16(at, (uint16_t)(value & 0xFFFFu));
    return link_put_u16(at, (uint16_t)(value >> 16));
}

uint16_t link_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (uint16_t)(at[1] << 8));
}

uint32_t link_get_u32(const uint8_t *at)
{
    return link_get_u16(at) | (uint32_t)link_get_u16(at + 2) << 16;
}

/* COBS on the way out: the code of the open block is filled in when the block closes. */
typedef struct cobs_writer {
    uint8_t *wire;
    size_t count;
    size_t code_at;
    uint8_t code;
} cobs_writer;

static void cobs_open(cobs_writer *writer)
{
    writer->code_at = writer->count++;
    writer->code = 1;
}

static void cobs_put(cobs_writer *writer, uint8_t byte)
{
    if (writer->code == 0xFFu) {
        writer->wire[writer->code_at] = writer->code;
        cobs_open(writer);
    }
    if (byte == 0) {
        writer->wire[writer->code_at] = writer->code;
        cobs_open(writer);
    } else {
        writer->wire[writer->count++] = byte;
        writer->code++;
    }
}

size_t link_encode(link_type type, uint32_t sequence, const uint8_t *payload, size_t payload_bytes,
                   uint8_t *wire, size_t capacity)
{
    if (capacity < LINK_WIRE_BYTES(payload_bytes)) {
        return 0;
    }
    uint8_t header[LINK_HEADER_BYTES] = {LINK_VERSION, (uint8_t)type};
    link_put_u32(header + 2, sequence);
    cobs_writer writer = {wire, 0, 0, 1};
    wire[writer.count++] = 0; /* whatever noise the line had before ends here */
    cobs_open(&writer);
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < sizeof header; i++) {
        crc = crc_step(crc, header[i]);
        cobs_put(&writer, header[i]);
    }
    for (size_t i = 0; i < payload_bytes; i++) {
        crc = crc_step(crc, payload[i]);
        cobs_put(&writer, payload[i]);
    }
    uint8_t tail[LINK_CRC_BYTES];
    link_put_u32(tail, ~crc);
    for (size_t i = 0; i < sizeof tail; i++) {
        cobs_put(&writer, tail[i]);
    }
    wire[writer.code_at] = writer.code;
    wire[writer.count++] = 0;
    return writer.count;
}

static void begin_frame(link_parser *parser)
{
    parser->count = 0;
    parser->remaining = 0;
    parser->zero_due = false;
    parser->started = false;
    parser->too_long = false;
}

void link_parser_init(link_parser *parser, uint8_t *frame, size_t capacity)
{
    parser->frame = frame;
    parser->capacity = capacity;
    parser->sequence = 0;
    parser->payload = frame;
    parser->payload_bytes = 0;
    parser->type = 0;
    begin_frame(parser);
}

static void append(link_parser *parser, uint8_t byte)
{
    if (parser->count < parser->capacity) {
        parser->frame[parser->count++] = byte;
    } else {
        parser->too_long = true;
    }
}

static link_event end_frame(link_parser *parser)
{
    if (!parser->started) {
        return LINK_NONE;
    }
    if (parser->too_long) {
        return LINK_TOO_LONG;
    }
    if (parser->remaining != 0 || parser->count < LINK_OVERHEAD_BYTES) {
        return LINK_TRUNCATED;
    }
    const size_t covered = parser->count - LINK_CRC_BYTES;
    if (link_crc32(parser->frame, covered) != link_get_u32(parser->frame + covered)) {
        return LINK_BAD_CRC;
    }
    if (parser->frame[0] != LINK_VERSION) {
        return LINK_OTHER_VERSION;
    }
    parser->type = parser->frame[1];
    parser->sequence = link_get_u32(parser->frame + 2);
    parser->payload = parser->frame + LINK_HEADER_BYTES;
    parser->payload_bytes = covered - LINK_HEADER_BYTES;
    return LINK_FRAME;
}

link_event link_parser_push(link_parser *parser, uint8_t byte)
{
    if (byte == 0) {
        const link_event event = end_frame(parser);
        begin_frame(parser);
        return event;
    }
    parser->started = true;
    if (parser->remaining == 0) {
        if (parser->zero_due) {
            append(parser, 0);
        }
        parser->remaining = (uint8_t)(byte - 1u);
        parser->zero_due = byte != 0xFFu;
    } else {
        append(parser, byte);
        parser->remaining--;
    }
    return LINK_NONE;
}

const char *link_event_text(link_event event)
{
    switch (event) {
    case LINK_NONE:
        return "no frame";
    case LINK_FRAME:
        return "good frame";
    case LINK_TRUNCATED:
        return "truncated frame";
    case LINK_TOO_LONG:
        return "frame longer than the limit";
    case LINK_BAD_CRC:
        return "frame with a wrong checksum";
    case LINK_OTHER_VERSION:
        return "frame of another protocol version";
    }
    return "unknown event";
}
