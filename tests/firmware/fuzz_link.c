/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Throws frames, good, mutated and broken in every way, and plain noise at the parser and at the
 * whole app with its microphone; after each one the parser must read a good frame, and the app
 * answer a HELLO. Usage: fuzz_link COUNT SEED. Built with sanitizers and -Dmain=app_main for
 * main.c; every buffer is exactly as large as the interface asks for.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "port.h"

#define CAPACITY 400u
#define HOST_BYTES 4096u
#define HOP 160u
#define PATIENCE 2000u /* turns of the app's loop in which it has to answer */

#undef main
int app_main(void);

static uint64_t seed;
static uint32_t rounds, now;
static uint32_t events[LINK_OTHER_VERSION + 1];
static link_parser parser;

/* What the app said. */
static link_parser host;
static uint32_t said[256], exits, next_hop;

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

static void fail(const char *what)
{
    fprintf(stderr, "round %u: %s\n", now, what);
    exit(1);
}

static void expect_good(void)
{
    const size_t bytes = draw(CAPACITY - LINK_OVERHEAD_BYTES + 1);
    const uint8_t type = (uint8_t)draw(256);
    const uint32_t sequence = draw(0xFFFFFFFFu);
    uint8_t *payload = draw_bytes(bytes, draw(9));
    uint8_t *wire = malloc(LINK_WIRE_BYTES(bytes));
    const size_t count =
        link_encode((link_type)type, sequence, payload, bytes, wire, LINK_WIRE_BYTES(bytes));
    if (count == 0 || count > LINK_WIRE_BYTES(bytes)) {
        fail("encode gives a wrong size");
    }
    for (size_t i = 1; i + 1 < count; i++) {
        if (wire[i] == 0) {
            fail("a zero inside a frame");
        }
    }
    link_event event = LINK_NONE;
    for (size_t i = 0; i < count; i++) {
        event = link_parser_push(&parser, wire[i]);
        if (i > 0 && i + 1 < count && event != LINK_NONE) {
            fail("an event inside a frame");
        }
    }
    if (event != LINK_FRAME || parser.type != type || parser.sequence != sequence ||
        parser.payload_bytes != bytes || memcmp(parser.payload, payload, bytes) != 0) {
        fail("a good frame was not read");
    }
    free(wire);
    free(payload);
}

/* A frame that fits the state the app is in, more or less. */
static size_t sensible(uint8_t *payload, link_type *type, uint32_t *sequence)
{
    static const uint8_t types[] = {LINK_START, LINK_START, LINK_START, LINK_AUDIO, LINK_AUDIO,
                                    LINK_AUDIO, LINK_SET,   LINK_STATS, LINK_STOP,  LINK_RESET};
    *type = (link_type)types[draw(sizeof types)];
    *sequence = draw(4);
    if (draw(500) == 0) {
        *type = LINK_EXIT;
    }
    if (*type == LINK_START) {
        uint8_t *at = link_put_u16(link_put_u32(payload, 16000), HOP);
        *at++ = draw(20) != 0 ? draw(2) != 0 : 7;
        if (draw(3) == 0) {
            return 7;
        }
        *at++ = (uint8_t)draw(5);
        *at = (uint8_t)draw(3);
        return 9;
    }
    if (*type == LINK_SET) {
        uint8_t *at =
            link_put_u16(link_put_u16(payload, (uint16_t)draw(33000)), (uint16_t)draw(33000));
        *at++ = draw(20) != 0 ? draw(2) != 0 : 7;
        *at = draw(20) != 0 ? draw(2) != 0 : 7;
        return 6;
    }
    if (*type == LINK_AUDIO) {
        *sequence = next_hop + draw(3);
        for (size_t i = 0; i < 2 * HOP; i++) {
            payload[i] = (uint8_t)draw(256);
        }
        return 2 * HOP;
    }
    return 0;
}

static uint8_t *draw_junk(size_t *count)
{
    if (draw(4) == 0) {
        *count = draw(2 * CAPACITY);
        return draw_bytes(*count, draw(2));
    }
    const size_t most = CAPACITY + 20; /* some are too long for the parser */
    const bool fits = draw(3) != 0;
    size_t bytes = fits ? most : draw(most);
    uint8_t *payload = draw_bytes(bytes, draw(9));
    link_type type = (link_type)draw(16);
    uint32_t sequence = draw(1000);
    if (fits) {
        bytes = sensible(payload, &type, &sequence);
    }
    const size_t capacity = LINK_WIRE_BYTES(bytes);
    uint8_t *junk = malloc(capacity);
    *count = link_encode(type, sequence, payload, bytes, junk, capacity);
    free(payload);
    if (draw(8) != 0 && (!fits || draw(4) == 0)) {
        *count = mutate(junk, *count, capacity);
    }
    return junk;
}

/*
 * The board around the app: when it has taken all input of a round and answered, the next round
 * begins.
 */
typedef enum phase { JUNK, DRAIN, ASK } phase;
static phase at_phase = ASK;
static uint8_t *input;
static size_t input_bytes, input_at;
static uint32_t turns;
static bool answered = true;
static jmp_buf restart;
static bool microphone_runs;
static uint32_t microphone_samples, microphone_lost;

static void report(void)
{
    for (int event = LINK_NONE; event <= LINK_OTHER_VERSION; event++) {
        printf("%s: %u\n", link_event_text((link_event)event), events[event]);
    }
    printf("RESULT: %u\nLIVE: %u\nEVENT: %u\nSCORES: %u\nERROR: %u\nexits: %u\n", said[LINK_RESULT],
           said[LINK_LIVE], said[LINK_EVENT], said[LINK_SCORES], said[LINK_ERROR], exits);
}

static void next_phase(void)
{
    free(input);
    input = NULL;
    input_bytes = input_at = 0;
    turns = 0;
    if (at_phase == JUNK) {
        at_phase = DRAIN; /* a board that is full of what its host did not read cannot answer */
    } else if (at_phase == DRAIN) {
        at_phase = ASK;
        answered = false;
        input = malloc(LINK_WIRE_BYTES(0));
        input_bytes = link_encode(LINK_HELLO, now + 1000u, NULL, 0, input, LINK_WIRE_BYTES(0));
    } else {
        if (now == rounds) {
            report();
            exit(0);
        }
        at_phase = JUNK;
        now++;
        input = draw_junk(&input_bytes);
        for (size_t i = 0; i < input_bytes; i++) {
            events[link_parser_push(&parser, input[i])]++;
        }
        expect_good();
    }
}

size_t port_read(uint8_t *bytes, size_t capacity)
{
    const bool over = input_at == input_bytes;
    if (over && (at_phase == ASK ? answered : turns >= 3)) {
        next_phase();
    } else if (over && ++turns > PATIENCE) {
        fail("the app does not answer a HELLO");
    }
    size_t count = input_bytes - input_at;
    count = count > capacity ? capacity : count;
    count = count > 1 && draw(2) == 0 ? 1 + draw((uint32_t)count) : count;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = input[input_at++];
    }
    return count;
}

size_t port_write(const uint8_t *bytes, size_t count)
{
    const size_t taken = at_phase != JUNK || draw(2) == 0 ? count : draw((uint32_t)count + 1u);
    for (size_t i = 0; i < taken; i++) {
        const link_event event = link_parser_push(&host, bytes[i]);
        if (event == LINK_FRAME) {
            said[host.type]++;
            next_hop = host.type == LINK_RESULT  ? host.sequence + 1
                       : host.type == LINK_START ? 0
                                                 : next_hop;
            answered |= host.type == LINK_HELLO && host.sequence == now + 1000u;
        } else if (event != LINK_NONE) {
            fail("the app sent a broken frame");
        }
    }
    return taken;
}

const port_facts *port_init(void)
{
    static const port_facts facts = {.board = "fuzz",
                                     .reset_cause = "",
                                     .receive_bytes = 4096,
                                     .count_hz = 100000,
                                     .microphone_hz = 16000,
                                     .line_hz = 400000};
    return &facts;
}

void port_wait(void)
{
}

uint32_t port_bytes_lost(void)
{
    return draw(100);
}

void port_count_begin(void)
{
}

uint32_t port_count_end(void)
{
    return draw(2000);
}

bool port_microphone_start(void)
{
    microphone_runs = draw(8) != 0;
    microphone_samples = 0;
    microphone_lost = 0;
    return microphone_runs;
}

void port_microphone_stop(void)
{
    microphone_runs = false;
}

size_t port_microphone_read(int16_t *samples, size_t count)
{
    if (!microphone_runs || count == 0 || microphone_samples < count) {
        microphone_samples += draw(200);
        return 0;
    }
    microphone_samples -= (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        samples[i] = (int16_t)(draw(65536) - 32768u);
    }
    return count;
}

uint32_t port_microphone_lost(void)
{
    return microphone_lost += draw(16) == 0 ? draw(2000) : 0;
}

void port_indicate(port_light light, bool on)
{
    (void)light;
    (void)on;
}

bool port_button(void)
{
    return draw(50) == 0;
}

uint32_t port_stack_bytes(void)
{
    return 0;
}

uint32_t port_stack_left(void)
{
    return 0;
}

void port_exit(int status)
{
    (void)status;
    longjmp(restart, 1);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    rounds = (uint32_t)strtoul(argv[1], NULL, 10);
    seed = strtoull(argv[2], NULL, 10) * 2654435761u + 1u;
    link_parser_init(&parser, malloc(CAPACITY), CAPACITY);
    /* A program that ended is started again, and goes on with the rest of the input. */
    if (setjmp(restart) != 0) {
        exits++;
        input_at = at_phase == ASK ? 0 : input_at; /* some of it was read: the host asks again */
    }
    static uint8_t host_frame[HOST_BYTES];
    link_parser_init(&host, host_frame, sizeof host_frame);
    return app_main();
}
