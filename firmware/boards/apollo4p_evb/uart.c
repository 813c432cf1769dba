/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link's line: UART0, which the debugger makes a serial port of. Interrupts fill one ring and
 * empty the other.
 */
#include "apollo4p.h"
#include "board.h"
#include "port.h"

/* The build gives UART_DIVISOR, in 64ths. */

#define POLLS_A_BYTE 1000000u /* more than a byte takes at any rate */

/* Counters run freely; their difference is what the ring holds. */
typedef struct ring {
    volatile uint32_t in;
    volatile uint32_t out;
    volatile uint8_t bytes[UART_RING_BYTES];
} ring;

static ring receiving;
static ring sending;
static volatile uint32_t bytes_lost;
static bool uart_on;

void uart_init(void)
{
    PWRCTRL_DEVPWREN |= DEVPWR_UART0;
    if (!answers(&PWRCTRL_DEVPWRSTATUS, DEVPWR_UART0, DEVPWR_UART0)) {
        return; /* there is no one to tell; touching the UART would be a fault */
    }
    pad(PAD_UART0_TX, PAD_UART0_TX_WORD);
    pad(PAD_UART0_RX, PAD_UART0_RX_WORD);
    UART0_CR = 0;
    UART0_CR = CR_24MHZ;
    UART0_IBRD = UART_DIVISOR / 64u;
    UART0_FBRD = UART_DIVISOR % 64u;
    UART0_LCRH = LCRH_8N1_FIFO; /* takes over the divisors */
    UART0_IFLS = IFLS_16_16;
    UART0_IEC = UART_INT_ALL;
    UART0_IER = UART_INT_RX | UART_INT_RX_TIMEOUT | UART_INT_TX | UART_INT_OVERRUN;
    UART0_CR = CR_24MHZ | CR_ON;
    NVIC_ENABLE(UART0_IRQ) = NVIC_BIT(UART0_IRQ);
    uart_on = true;
}

/*
 * With interrupts masked, or from the interrupt. The FIFO has to be filled to the brim: its
 * interrupt is the way down to half.
 */
static void transmit(void)
{
    while (sending.in != sending.out && !(UART0_FR & FR_TX_FULL)) {
        UART0_DR = sending.bytes[sending.out % UART_RING_BYTES];
        sending.out++;
    }
}

void uart_interrupt(void)
{
    UART0_IEC = UART0_MIS;
    while (!(UART0_FR & FR_RX_EMPTY)) {
        const uint32_t word = UART0_DR;
        if (word & DR_OVERRUN) {
            bytes_lost++; /* at least one in front of this */
        }
        if (word & DR_BREAK) {
            continue; /* the line was held, as by a host that opens it: no byte */
        }
        if (receiving.in - receiving.out < UART_RING_BYTES) {
            receiving.bytes[receiving.in % UART_RING_BYTES] = (uint8_t)word;
            receiving.in++;
        } else {
            bytes_lost++;
        }
    }
    transmit();
    event = true;
}

size_t port_read(uint8_t *bytes, size_t capacity)
{
    size_t count = 0;
    while (count < capacity && receiving.in != receiving.out) {
        bytes[count++] = receiving.bytes[receiving.out % UART_RING_BYTES];
        receiving.out++;
    }
    return count;
}

size_t port_write(const uint8_t *bytes, size_t count)
{
    if (!uart_on) {
        return count; /* into nothing, so that a fault before the UART is on ends in its reset */
    }
    size_t taken = 0;
    while (taken < count && sending.in - sending.out < UART_RING_BYTES) {
        sending.bytes[sending.in % UART_RING_BYTES] = bytes[taken++];
        sending.in++;
    }
    const uint32_t before = interrupts_mask();
    transmit();
    interrupts_restore(before);
    return taken;
}

uint32_t port_bytes_lost(void)
{
    return bytes_lost;
}

void uart_flush(void)
{
    if (!uart_on) {
        return;
    }
    uint32_t left = sending.in - sending.out + 1u;
    for (uint32_t polls = 0;
         polls < POLLS_A_BYTE && (left || (UART0_FR & (FR_BUSY | FR_TX_EMPTY)) != FR_TX_EMPTY);
         polls++) {
        transmit();
        if (sending.in - sending.out != left) {
            left = sending.in - sending.out;
            polls = 0;
        }
    }
}
