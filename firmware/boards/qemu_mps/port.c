/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arm's MPS2 and MPS3 boards as QEMU emulates them under -icount shift=6; board.h has what they
 * differ in. The UART is CMSDK's: section 4.3 of the Cortex-M System Design Kit's reference manual
 * (Arm DDI 0479).
 */
#include "port.h"

#include "board.h"
#include "microphone.h"
#include "semihosting.h"

#define UART_DATA REG(UART0)
#define UART_STATE REG(UART0 + 0x4u)
#define UART_CTRL REG(UART0 + 0x8u)
#define UART_INTCLEAR REG(UART0 + 0xCu)
#define UART_BAUDDIV REG(UART0 + 0x10u)
#define STATE_TX_FULL 1u
#define STATE_RX_FULL 2u
#define STATE_RX_OVERRUN 8u
#define CTRL_TX 1u
#define CTRL_RX 2u
#define CTRL_RX_INTERRUPT 8u
#define INT_RX 2u

/*
 * The word of an interrupt in the NVIC's set-enable and clear-pending registers, and its bit there.
 */
#define NVIC_ENABLE(irq) REG(0xE000E100u + (irq) / 32u * 4u)
#define NVIC_UNPEND(irq) REG(0xE000E280u + (irq) / 32u * 4u)
#define NVIC_BIT(irq) (1u << (irq) % 32u)

#define INSTRUCTION_NS 64u /* of QEMU's time, with shift=6 */

#define EXIT_POLLS 300000u

static uint32_t bytes_lost;
static uint32_t count_from;
static uint32_t count_of_nothing; /* instructions of a begin and an end alone */

const port_facts *port_init(void)
{
    static port_facts facts = {
        .board = BOARD_NAME,
        .reset_cause = "power on",
        .count_hz = 0,
        .receive_bytes = 1u << 16, /* QEMU keeps back what the UART has no room for */
        .unit = PORT_INSTRUCTIONS,
    };
    UART_BAUDDIV = 16;
    UART_CTRL = CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT;
    NVIC_ENABLE(UART0_RX_IRQ) = NVIC_BIT(UART0_RX_IRQ);
    ticks_start();
    port_count_begin();
    count_of_nothing = port_count_end();
    facts.microphone_hz = microphone_open();
    return &facts;
}

size_t port_read(uint8_t *bytes, size_t capacity)
{
    size_t count = 0;
    while (count < capacity && (UART_STATE & STATE_RX_FULL)) {
        if (UART_STATE & STATE_RX_OVERRUN) {
            UART_STATE = STATE_RX_OVERRUN;
            bytes_lost++;
        }
        bytes[count++] = (uint8_t)UART_DATA;
    }
    return count;
}

size_t port_write(const uint8_t *bytes, size_t count)
{
    size_t sent = 0;
    while (sent < count && !(UART_STATE & STATE_TX_FULL)) {
        UART_DATA = bytes[sent++];
    }
    return sent;
}

void port_wait(void)
{
    if (!microphone_alarm()) {
        return;
    }
    /* A pending interrupt ends WFI although PRIMASK keeps it from being taken. */
    __asm volatile("dsb\nwfi" ::: "memory");
    microphone_awake();
    UART_INTCLEAR = INT_RX;
    NVIC_UNPEND(UART0_RX_IRQ) = NVIC_BIT(UART0_RX_IRQ);
}

uint32_t port_bytes_lost(void)
{
    return bytes_lost;
}

void port_count_begin(void)
{
    count_from = ticks();
}

uint32_t port_count_end(void)
{
    const uint64_t nanoseconds = (uint64_t)(ticks() - count_from) * TICK_NS;
    const uint32_t count = (uint32_t)((nanoseconds + INSTRUCTION_NS / 2u) / INSTRUCTION_NS);
    return count > count_of_nothing ? count - count_of_nothing : 0;
}

/* No lights or button here. */
void port_indicate(port_light light, bool on)
{
    (void)light;
    (void)on;
}

bool port_button(void)
{
    return false;
}

void port_exit(int status)
{
    /*
     * A socket that closes on unread input throws away what it has not sent yet: read for about a
     * tenth of a second what still comes in, so that the last words arrive.
     */
    for (uint32_t polls = 0; polls < EXIT_POLLS; polls++) {
        if (UART_STATE & STATE_RX_FULL) {
            (void)UART_DATA;
        }
    }
    /* QEMU ends with the status. */
    const uint32_t block[2] = {0x20026u, (uint32_t)status};
    (void)semihosting(SYS_EXIT_EXTENDED, block);
    for (;;) {
        __asm volatile("wfi");
    }
}
