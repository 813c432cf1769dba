/* The board contract on a Linux process: the link is the socket on file descriptors 0 and 1. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "port.h"

static uint32_t calls;

const port_facts *port_init(void)
{
    static const port_facts facts = {
        .board = "host process", .reset_cause = "started", .receive_bytes = 4096, .unit = PORT_INSTRUCTIONS};
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
    return (size_t)count;
}

size_t port_write(const uint8_t *bytes, size_t count)
{
    struct pollfd ready = {1, POLLOUT, 0};
    if (count == 0 || poll(&ready, 1, 0) <= 0) {
        return 0;
    }
    const ssize_t sent = write(1, bytes, count < 512 ? count : 512);
    return sent < 0 ? 0 : (size_t)sent;
}

void port_wait(void)
{
    struct pollfd ready = {0, POLLIN, 0};
    (void)poll(&ready, 1, -1);
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

/* No microphone, lights or button here. */
bool port_microphone_start(void)
{
    return false;
}

void port_microphone_stop(void)
{
}

size_t port_microphone_read(int16_t *samples, size_t count)
{
    (void)samples;
    (void)count;
    return 0;
}

uint32_t port_microphone_lost(void)
{
    return 0;
}

void port_indicate(port_light light, bool on)
{
    (void)light;
    (void)on;
}

bool port_button(void)
{
    return false;
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
