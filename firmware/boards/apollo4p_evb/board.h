/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this board share. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

#define TICKS_PER_US 6u

/* An interrupt has brought something that the app may want: ends port_wait(). */
extern volatile bool event;

/*
 * Poll until the register shows this value under the mask; false when it does not within some
 * milliseconds.
 */
bool answers(const volatile uint32_t *from, uint32_t mask, uint32_t value);

/* Return the time in sixths of a microsecond. It runs in sleep and at any processor clock. */
uint32_t ticks(void);
void wait_us(uint32_t microseconds);

/* Set up one pad. */
void pad(uint32_t number, uint32_t word);

/* Between the two, nothing else runs. */
static inline uint32_t interrupts_mask(void)
{
    uint32_t before;
    __asm volatile("mrs %0, primask\ncpsid i" : "=r"(before)::"memory");
    return before;
}

static inline void interrupts_restore(uint32_t before)
{
    __asm volatile("msr primask, %0" ::"r"(before) : "memory");
}

/*
 * Write out and forget what lies in the buffers between processor and RAM, so that both see what
 * DMA and processor have written.
 */
void ram_synchronise(void);

#define UART_RING_BYTES 4096u

void uart_init(void);

/* Wait until all that was written has left the chip, for a limited time. */
void uart_flush(void);

void uart_interrupt(void);
void microphone_interrupt(void);

/* Power the memory of the microphone's DMA. Returns false if it does not report power. */
bool microphone_init(void);

/* Go to 192 MHz. NULL: done; otherwise why the processor stays at 96 MHz. */
const char *performance_raise(void);

#endif
