/*
 * Throws frames, broken in every way, and plain noise at the parser, and after each one a good frame that must be read.
 * Usage: fuzz_link COUNT SEED. Built with sanitizers; every buffer is exactly as large as the interface asks for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#define CAPACITY 400u

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 11) % below);
}

static uint8_t *draw_bytes(size_t count, uint32_t zeros_of_8)
{
    uint8_t *bytes = malloc(count ? count : 1);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = draw(8) < zeros_of_8 ? 0 : (uint8_t)draw(256);
    }
    return bytes;
}

static size_t mutate(uint8_t *wire, size_t count, size_t capacity)
{
    for (uint32_t times = 1 + draw(4); times > 0 && count > 0; times--) {
        const size_t at = draw((uint32_t)count);
        switch (draw(4)) {
        case 0: /* corrupt */
            wire[at] = (uint8_t)draw(256);
            break;
        case 1: /* lose */
            memmove(wire + at, wire + at + 1, count - at - 1);
            count--;
            break;
        case 2: /* double */
            if (count < capacity) {
                memmove(wire + at + 1, wire + at, count - at);
                count++;
            }
            break;
        default: /* cut */
            count = at;
            break;
        }
    }
    return count;
}

static void fail(const char *what, uint32_t round)
{
    fprintf(stderr, "round %u: %s\n", round, what);
    exit(1);
}

static void expect_good(link_parser *parser, uint32_t round)
{
    const size_t bytes = draw(CAPACITY - LINK_OVERHEAD_BYTES + 1);
    const uint8_t type = (uint8_t)draw(256);
    const uint32_t sequence = draw(0xFFFFFFFFu);
    uint8_t *payload = draw_bytes(bytes, draw(9));
    uint8_t *wire = malloc(LINK_WIRE_BYTES(bytes));
    const size_t count = link_encode((link_type)type, sequence, payload, bytes, wire, LINK_WIRE_BYTES(bytes));
    if (count == 0 || count > LINK_WIRE_BYTES(bytes)) {
        fail("encode gives a wrong size", round);
    }
    for (size_t i = 1; i + 1 < count; i++) {
        if (wire[i] == 0) {
            fail("a zero inside a frame", round);
        }
    }
    link_event event = LINK_NONE;
    for (size_t i = 0; i < count; i++) {
        event = link_parser_push(parser, wire[i]);
        if (i > 0 && i + 1 < count && event != LINK_NONE) {
            fail("an event inside a frame", round);
        }
    }
    if (event != LINK_FRAME || parser->type != type || parser->sequence != sequence || parser->payload_bytes != bytes ||
        memcmp(parser->payload, payload, bytes) != 0) {
        fail("a good frame was not read", round);
    }
    free(wire);
    free(payload);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    const uint32_t rounds = (uint32_t)strtoul(argv[1], NULL, 10);
    seed = strtoull(argv[2], NULL, 10) * 2654435761u + 1u;
    uint8_t *frame = malloc(CAPACITY);
    link_parser parser;
    link_parser_init(&parser, frame, CAPACITY);
    uint32_t events[LINK_OTHER_VERSION + 1] = {0};
    for (uint32_t round = 0; round < rounds; round++) {
        uint8_t *junk;
        size_t count;
        if (draw(4) == 0) {
            count = draw(2 * CAPACITY);
            junk = draw_bytes(count, draw(2));
        } else {
            const size_t bytes = draw(CAPACITY + 20); /* some are too long for the parser */
            const size_t capacity = LINK_WIRE_BYTES(bytes);
            uint8_t *payload = draw_bytes(bytes, draw(9));
            junk = malloc(capacity);
            count = link_encode((link_type)draw(12), draw(1000), payload, bytes, junk, capacity);
            free(payload);
            if (draw(8) != 0) {
                count = mutate(junk, count, capacity);
            }
        }
        for (size_t i = 0; i < count; i++) {
            events[link_parser_push(&parser, junk[i])]++;
        }
        free(junk);
        expect_good(&parser, round);
    }
    for (int event = LINK_NONE; event <= LINK_OTHER_VERSION; event++) {
        printf("%s: %u\n", link_event_text((link_event)event), events[event]);
    }
    free(frame);
    return 0;
}
