/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that the app asks of a board, and all that a board asks of the app. A new board is this
 * file's functions, a startup and a linker script; it needs to know nothing of audio.
 */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum port_unit { PORT_INSTRUCTIONS = 0, PORT_CYCLES = 1 } port_unit;

typedef struct port_facts {
    const char *board;
    const char *reset_cause;
    uint32_t count_hz;      /* counts per second of the work counter; 0 where counts are not time */
    uint32_t receive_bytes; /* bytes the board keeps while the app is at work and does not read */
    uint32_t microphone_hz; /* samples per second of the microphone; 0 where there is none */
    uint32_t line_hz;       /* bits per second to the host, ten to a byte; 0 if it is no limit */
    port_unit unit;         /* what the work counter counts */
} port_facts;

/* Make everything below ready. Called once, before anything else. The facts stay valid. */
const port_facts *port_init(void);

/* Take what has come in, at most capacity bytes; 0 when there is nothing. Never waits. */
size_t port_read(uint8_t *bytes, size_t capacity);

/* Hand over what fits and return how much that was. Never waits, whatever the host does. */
size_t port_write(const uint8_t *bytes, size_t count);

/* Sleep until a byte or a sample may have come in; coming back early is allowed. */
void port_wait(void);

/* Bytes that came in and were lost since port_init(). */
uint32_t port_bytes_lost(void);

/* Count the work between the two calls, less the calls themselves as far as the board can tell. */
void port_count_begin(void);
uint32_t port_count_end(void);

/*
 * Microphone, 16-bit samples at microphone_hz. Start and stop may be called in any state; false:
 * there is none, or it does not start. Reading never waits: it gives `count` samples, oldest first,
 * or nothing and 0 while there are fewer. The board keeps at least two hops of 10 ms; what comes in
 * beyond is lost, oldest first, and counted since the start.
 */
bool port_microphone_start(void);
void port_microphone_stop(void);
size_t port_microphone_read(int16_t *samples, size_t count);
uint32_t port_microphone_lost(void);

/* Lights, where there are any: a stream runs; a hop came late or was lost. */
typedef enum port_light { PORT_LIGHT_STREAM = 0, PORT_LIGHT_LATE = 1 } port_light;
void port_indicate(port_light light, bool on);

/* Whether the button was pressed since the last call; false where there is none. */
bool port_button(void);

/* Size of the stack, and what of it no call has touched yet. */
uint32_t port_stack_bytes(void);
uint32_t port_stack_left(void);

/* End the program: an emulator exits with this status, hardware restarts. Does not return. */
void port_exit(int status);

/*
 * Given by the app, called by the board on a processor fault with interrupts off, on a stack that
 * still works. Reports the fault over the link and ends in port_exit().
 */
void app_fault(const char *what, uint32_t where, uint32_t status, uint32_t address);

#endif
