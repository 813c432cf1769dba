/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ambiq's Apollo4 Plus evaluation board: start-up of the chip, what it is, lights, button, sleep.
 */
#include "port.h"

#include <string.h>

#include "apollo4p.h"
#include "board.h"

/* The build gives UART_BAUD and HIGH_PERFORMANCE. */

#define TEXT_BYTES 96u
#define PRESS_US 50000u /* a button chatters for less */

static uint32_t count_from;
static uint32_t count_of_nothing;
static char board[TEXT_BYTES + 1u];
static char cause[TEXT_BYTES + 1u];

static void append(char *text, const char *more)
{
    const size_t used = strlen(text);
    const size_t bytes = strlen(more);
    memcpy(text + used, more, bytes <= TEXT_BYTES - used ? bytes + 1u : 0);
}

static void append_hex(char *text, uint32_t value)
{
    char digits[9];
    for (uint32_t i = 0; i < 8u; i++) {
        digits[i] = "0123456789ABCDEF"[value >> (28u - 4u * i) & 15u];
    }
    digits[8] = '\0';
    append(text, digits);
}

static void interrupts_init(void)
{
    /* What ran before may have left some. */
    for (uint32_t irq = 0; irq < INTERRUPTS; irq += 32u) {
        NVIC_DISABLE(irq) = 0xFFFFFFFFu;
        NVIC_UNPEND(irq) = 0xFFFFFFFFu;
    }
    SCR &= ~SCR_SLEEPDEEP;
    if (WDT_CFG & WDT_CFG_ENABLE) {
        WDT_CFG &= ~WDT_CFG_ENABLE;
    }
}

static bool cache_init(void)
{
    CPU_DAXICFG = DAXICFG_32_BUFFERS;
    CPU_CACHECFG &= ~CACHECFG_ID;
    CPU_CACHECFG = CACHECFG_64K;
    CPU_CACHECFG = CACHECFG_64K | CACHECFG_ENABLE;
    CPU_CACHECTRL = CACHECTRL_INVALIDATE;
    if (answers(&CPU_CACHECTRL, CACHECTRL_READY, CACHECTRL_READY)) {
        return true;
    }
    CPU_CACHECFG &= ~CACHECFG_ID;
    CPU_CACHECFG &= ~CACHECFG_ENABLE;
    return false;
}

static bool time_init(void)
{
    STIMER_STCFG = STCFG_CLEAR | STCFG_HFRC_6MHZ;
    STIMER_STCFG = STCFG_HFRC_6MHZ;
    DEMCR |= DEMCR_TRCENA;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    const uint32_t begin = ticks();
    wait_us(10);
    return ticks() != begin;
}

static void pads_init(void)
{
    const uint32_t lights[] = {PAD_LED0, PAD_LED1};
    for (uint32_t i = 0; i < 2u; i++) {
        GPIO_SET(lights[i]) = PAD_BIT(lights[i]); /* dark before it drives */
        pad(lights[i], PAD_LED_WORD);
        GPIO_ENABLE(lights[i]) = PAD_BIT(lights[i]);
    }
    pad(PAD_BUTTON0, PAD_BUTTON_WORD);
    GPIO_INTCLR(PAD_BUTTON0) = PAD_BIT(PAD_BUTTON0);
    /* The flag is polled; the interrupt stays off in the NVIC. */
    GPIO_INTEN(PAD_BUTTON0) |= PAD_BIT(PAD_BUTTON0);
}

static void name_cause(uint32_t status)
{
    static const char *const names[] = {
        "external pin", "power on", "brown-out", "software", "power-on initialisation",
        "debugger",     "watchdog",
    };
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (status >> i & 1u) {
            append(cause, *cause == '\0' ? "" : " and ");
            append(cause, names[i]);
        }
    }
    if (*cause == '\0') {
        append(cause, "status ");
        append_hex(cause, status);
    }
}

static void name_chip(void)
{
    const uint32_t revision = MCUCTRL_CHIPREV;
    const char name[] = {(char)('A' - 1 + (char)(revision >> 4 & 15u)),
                         (char)('0' + (char)(revision & 15u)), '\0'};
    append(board, "apollo4p_evb, chip ");
    append_hex(board, MCUCTRL_CHIPPN);
    append(board, " rev ");
    append(board, name);
    append(board, " id ");
    append_hex(board, MCUCTRL_CHIPID1);
    append_hex(board, MCUCTRL_CHIPID0);
}

const port_facts *port_init(void)
{
    static port_facts facts = {
        .board = board,
        .reset_cause = cause,
        .receive_bytes = UART_RING_BYTES,
        .line_hz = UART_BAUD,
        .unit = PORT_CYCLES,
    };
    name_cause(RSTGEN_STAT);
    name_chip();
    interrupts_init();
    const bool cached = cache_init();
    uart_init();
    const bool timed = time_init();
    pads_init();
    const bool remembers = microphone_init();
    facts.microphone_hz = timed && remembers ? 16000u : 0;
    const char *stays = !HIGH_PERFORMANCE ? NULL
                        : timed           ? performance_raise()
                                          : "192 needs the timer";
    const bool fast = MCUPERFREQ_STATUS(PWRCTRL_MCUPERFREQ) == MCUPERFREQ_HP;
    facts.count_hz = fast ? HIGH_PERFORMANCE_HZ : LOW_POWER_HZ;
    append(board, fast ? ", 192 MHz" : ", 96 MHz");
    if (stays != NULL) {
        append(board, ": ");
        append(board, stays);
    }
    append(board, cached ? "" : ", no cache");
    append(board, timed ? "" : ", no timer");
    append(board, remembers ? "" : ", no SSRAM");
    port_count_begin();
    count_of_nothing = port_count_end();
    __asm volatile("cpsie i" ::: "memory");
    return &facts;
}

void port_wait(void)
{
    /* An interrupt between the look and the sleep stays pending, and ends the sleep at once. */
    __asm volatile("cpsid i" ::: "memory");
    if (!event) {
        ram_synchronise();
        __asm volatile("dsb\nwfi\nisb" ::: "memory");
    }
    event = false;
    __asm volatile("cpsie i\nisb" ::: "memory");
}

void port_count_begin(void)
{
    count_from = DWT_CYCCNT;
}

uint32_t port_count_end(void)
{
    const uint32_t count = DWT_CYCCNT - count_from;
    return count > count_of_nothing ? count - count_of_nothing : 0;
}

void port_indicate(port_light light, bool on)
{
    const uint32_t number = light == PORT_LIGHT_STREAM ? PAD_LED0 : PAD_LED1;
    if (on) {
        GPIO_CLEAR(number) = PAD_BIT(number);
    } else {
        GPIO_SET(number) = PAD_BIT(number);
    }
}

bool port_button(void)
{
    static uint32_t last;
    static bool pressed;
    if (!(GPIO_INTSTAT(PAD_BUTTON0) & PAD_BIT(PAD_BUTTON0))) {
        return false;
    }
    GPIO_INTCLR(PAD_BUTTON0) = PAD_BIT(PAD_BUTTON0);
    const uint32_t now = ticks();
    if (pressed && now - last < PRESS_US * TICKS_PER_US) {
        return false;
    }
    pressed = true;
    last = now;
    return true;
}

void port_exit(int status)
{
    (void)status; /* nobody is there to take it */
    (void)interrupts_mask();
    uart_flush();
    __asm volatile("dsb" ::: "memory");
    AIRCR = AIRCR_RESET;
    for (;;) {
    }
}
