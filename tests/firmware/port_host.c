/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board contract on a Linux process: the link is the socket on file descriptors 0 and 1.
 * MICROPHONE_HZ gives it a microphone that counts, and gives a hop every HOP_MS; LINE_HZ is the
 * rate of its line and COUNT_HZ that of its counter by its own words, BUTTON_AT the hop at which
 * its button is pressed. Its line takes nothing before DEAF_UNTIL bytes have come in.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "port.h"

#ifndef MICROPHONE_HZ
#define MICROPHONE_HZ 0
#endif
#ifndef LINE_HZ
#define LINE_HZ 0
#endif
#ifndef BUTTON_AT
#define BUTTON_AT 0xFFFFFFFFu
#endif
#ifndef HOP_MS
#define HOP_MS 1
#endif
#ifndef DEAF_UNTIL
#define DEAF_UNTIL 0
#endif
#ifndef COUNT_HZ
#define COUNT_HZ 0
#endif
#define HOP 160u
#define KEPT (2u * HOP)

static uint32_t calls, came_in;
static bool running, pressed;
static int64_t started;
static uint32_t taken, lost;

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const port_facts *port_init(void)
{
    static const port_facts facts = {.board = "host process",
                                     .reset_cause = "started",
                                     .receive_bytes = 4096,
                                     .unit = PORT_INSTRUCTIONS,
                                     .microphone_hz = MICROPHONE_HZ,
                                     .line_hz = LINE_HZ,
                                     .count_hz = COUNT_HZ};
    return &facts;
}

size_t port_read(uint8_t *bytes, size_t capacity)
{
    struct pollfd ready = {0, POLLIN, 0};
    if (poll(&ready, 1, 0) <= 0) {
        return 0;
    }
    const ssize_t count = read(0, bytes, capacity);
    if (count <= 0) {
        exit(3); /* the test has closed its end */
    }
    came_in += (uint32_t)count;
    return (size_t)count;
}

size_t port_write(const uint8_t *bytes, size_t count)
{
    struct pollfd ready = {1, POLLOUT, 0};
    const bool deaf = came_in + 1u <= DEAF_UNTIL;
    if (count == 0 || deaf || poll(&ready, 1, 0) <= 0) {
        return 0;
    }
    const ssize_t sent = write(1, bytes, count < 512 ? count : 512);
    return sent < 0 ? 0 : (size_t)sent;
}

void port_wait(void)
{
    struct pollfd ready = {0, POLLIN, 0};
    (void)poll(&ready, 1, running ? HOP_MS : -1);
}

uint32_t port_bytes_lost(void)
{
    return 0;
}

void port_count_begin(void)
{
}

/* Not work but the number of the call: what the host makes of the counts can be foretold. */
uint32_t port_count_end(void)
{
    return ++calls;
}

static uint32_t heard(void)
{
    const uint32_t samples = (uint32_t)((milliseconds() - started) / HOP_MS) * HOP;
    if (samples - taken > KEPT) {
        lost += samples - taken - KEPT;
        taken = samples - KEPT;
    }
    return samples;
}

bool port_microphone_start(void)
{
    running = MICROPHONE_HZ != 0;
    started = milliseconds();
    taken = lost = 0;
    return running;
}

void port_microphone_stop(void)
{
    running = false;
}

size_t port_microphone_read(int16_t *samples, size_t count)
{
    if (!running || heard() - taken < count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        samples[i] = (int16_t)(taken++ & 0x7FFFu);
    }
    return count;
}

uint32_t port_microphone_lost(void)
{
    (void)heard();
    return lost;
}

void port_indicate(port_light light, bool on)
{
    (void)light;
    (void)on;
}

bool port_button(void)
{
    const bool now = !pressed && running && taken >= BUTTON_AT * HOP;
    pressed = pressed || now;
    return now;
}

uint32_t port_stack_bytes(void)
{
    return 8192;
}

uint32_t port_stack_left(void)
{
    return 4096;
}

void port_exit(int status)
{
    exit(status);
}
