/*
 * Arm MPS2 with the AN386 image (Cortex-M4F), as QEMU emulates it under -icount shift=6. CMSDK peripherals; the sections are
 * of the Cortex-M System Design Kit's reference manual (Arm DDI 0479).
 */
#include "port.h"

#include "board.h"

#define REG(address) (*(volatile uint32_t *)(address))

/* UART0, section 4.3 */
#define UART_DATA REG(0x40004000u)
#define UART_STATE REG(0x40004004u)
#define UART_CTRL REG(0x40004008u)
#define UART_INTCLEAR REG(0x4000400Cu)
#define UART_BAUDDIV REG(0x40004010u)
#define STATE_TX_FULL 1u
#define STATE_RX_FULL 2u
#define STATE_RX_OVERRUN 8u
#define CTRL_TX 1u
#define CTRL_RX 2u
#define CTRL_RX_INTERRUPT 8u
#define INT_RX 2u

/* TIMER0, section 4.1: counts down at 25 MHz */
#define TIMER_CTRL REG(0x40000000u)
#define TIMER_VALUE REG(0x40000004u)
#define TIMER_RELOAD REG(0x40000008u)

#define NVIC_ENABLE REG(0xE000E100u)
#define NVIC_UNPEND REG(0xE000E280u)
#define UART0_RX_IRQ (1u << 0)

#define EXIT_POLLS 300000u

static uint32_t bytes_lost;
static uint32_t count_from;
static uint32_t count_of_nothing; /* instructions of a begin and an end alone */

const port_facts *port_init(void)
{
    static const port_facts facts = {
        .board = "qemu_m4 (mps2-an386)",
        .reset_cause = "power on",
        .count_hz = 0,
        .receive_bytes = 1u << 16, /* QEMU keeps back what the UART has no room for */
        .unit = PORT_INSTRUCTIONS,
    };
    UART_BAUDDIV = 16;
    UART_CTRL = CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT;
    NVIC_ENABLE = UART0_RX_IRQ;
    TIMER_RELOAD = 0xFFFFFFFFu;
    TIMER_VALUE = 0xFFFFFFFFu;
    TIMER_CTRL = 1;
    port_count_begin();
    count_of_nothing = port_count_end();
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
    /* A pending interrupt ends WFI although PRIMASK keeps it from being taken. */
    __asm volatile("dsb\nwfi" ::: "memory");
    UART_INTCLEAR = INT_RX;
    NVIC_UNPEND = UART0_RX_IRQ;
}

uint32_t port_bytes_lost(void)
{
    return bytes_lost;
}

void port_count_begin(void)
{
    count_from = TIMER_VALUE;
}

uint32_t port_count_end(void)
{
    /* With shift=6 an instruction takes 64 ns of QEMU's time, a tick of the timer 40 ns. */
    const uint32_t ticks = count_from - TIMER_VALUE;
    const uint32_t count = (uint32_t)(((uint64_t)ticks * 40u + 32u) / 64u);
    return count > count_of_nothing ? count - count_of_nothing : 0;
}

uint32_t port_stack_bytes(void)
{
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom);
}

uint32_t port_stack_left(void)
{
    const uint32_t *at = stack_bottom;
    while (at < stack_top && *at == STACK_PAINT) {
        at++;
    }
    return (uint32_t)((uintptr_t)at - (uintptr_t)stack_bottom);
}

void port_exit(int status)
{
    /*
     * A socket that closes on unread input throws away what it has not sent yet: read for about a tenth of a second what still
     * comes in, so that the last words arrive.
     */
    for (uint32_t polls = 0; polls < EXIT_POLLS; polls++) {
        if (UART_STATE & STATE_RX_FULL) {
            (void)UART_DATA;
        }
    }
    /* Semihosting SYS_EXIT_EXTENDED: QEMU ends with the status. */
    const uint32_t block[2] = {0x20026u, (uint32_t)status};
    register uint32_t operation __asm("r0") = 0x20;
    register const uint32_t *argument __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(operation) : "r"(argument) : "memory");
    for (;;) {
        __asm volatile("wfi");
    }
}
