/* Ambiq's Apollo4 Plus evaluation board: start-up of the chip, UART0 to the debugger's serial port, time, lights, button, sleep. */
#include "port.h"

#include <string.h>

#include "apollo4p.h"
#include "board.h"

/* The build gives UART_BAUD, its divisor in 64ths UART_DIVISOR, and HIGH_PERFORMANCE. */

#define POLLS 100000u
#define FLUSH_POLLS 1000u /* 32 lines are out long before; a frame of audio has no time for more */
#define POLLS_A_BYTE 1000000u /* more than a byte takes at any rate */
#define RING_BYTES 4096u
#define TEXT_BYTES 96u
#define PRESS_US 50000u /* a button chatters for less */

/* Counters run freely; their difference is what the ring holds. */
typedef struct ring {
    volatile uint32_t in;
    volatile uint32_t out;
    volatile uint8_t bytes[RING_BYTES];
} ring;

volatile bool event;

static ring receiving;
static ring sending;
static volatile uint32_t bytes_lost;
static bool uart_on;
static uint32_t count_from;
static uint32_t count_of_nothing;
static char board[TEXT_BYTES + 1u];
static char cause[TEXT_BYTES + 1u];

bool answers(const volatile uint32_t *from, uint32_t mask, uint32_t value)
{
    for (uint32_t polls = 0; polls < POLLS; polls++) {
        if ((*from & mask) == value) {
            return true;
        }
    }
    return false;
}

uint32_t ticks(void)
{
    /* The timer has a clock of its own, and a read in mid-change may be wrong: take one that agrees with the one before. */
    uint32_t before = STIMER_STTMR;
    uint32_t now = STIMER_STTMR;
    for (uint32_t tries = 0; now - before > 10u * TICKS_PER_US && tries < 8u; tries++) {
        before = now;
        now = STIMER_STTMR;
    }
    return now;
}

void wait_us(uint32_t microseconds)
{
    /* A poll takes more than ten cycles: the bound is for a timer that stands still. */
    const uint32_t begin = ticks();
    for (uint32_t polls = 0; polls < 40u * microseconds && ticks() - begin <= TICKS_PER_US * microseconds; polls++) {
    }
}

void pad(uint32_t number, uint32_t word)
{
    GPIO_PADKEY = PADKEY_OPEN;
    GPIO_PINCFG(number) = word;
    GPIO_PADKEY = 0;
}

void ram_synchronise(void)
{
    __asm volatile("dsb" ::: "memory");
    CPU_DAXICTRL = DAXICTRL_FLUSH;
    (void)SYNC_READ;
    for (uint32_t polls = 0; polls < FLUSH_POLLS && !(CPU_DAXICTRL & DAXICTRL_READY); polls++) {
    }
    CPU_DAXICTRL = DAXICTRL_INVALIDATE;
    (void)SYNC_READ;
}

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

static void uart_init(void)
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

/* With interrupts masked, or from the interrupt. The FIFO has to be filled to the brim: its interrupt is the way down to half. */
static void transmit(void)
{
    while (sending.in != sending.out && !(UART0_FR & FR_TX_FULL)) {
        UART0_DR = sending.bytes[sending.out % RING_BYTES];
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
        if (receiving.in - receiving.out < RING_BYTES) {
            receiving.bytes[receiving.in % RING_BYTES] = (uint8_t)word;
            receiving.in++;
        } else {
            bytes_lost++;
        }
    }
    transmit();
    event = true;
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
    GPIO_INTEN(PAD_BUTTON0) |= PAD_BIT(PAD_BUTTON0); /* its flag is polled, so the NVIC does not hear of it */
}

static void name_cause(uint32_t status)
{
    static const char *const names[] = {
        "external pin", "power on", "brown-out", "software", "power-on initialisation", "debugger", "watchdog",
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
    const char name[] = {(char)('A' - 1 + (char)(revision >> 4 & 15u)), (char)('0' + (char)(revision & 15u)), '\0'};
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
        .receive_bytes = RING_BYTES,
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
    const char *stays = !HIGH_PERFORMANCE ? NULL : timed ? performance_raise() : "192 needs the timer";
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

size_t port_read(uint8_t *bytes, size_t capacity)
{
    size_t count = 0;
    while (count < capacity && receiving.in != receiving.out) {
        bytes[count++] = receiving.bytes[receiving.out % RING_BYTES];
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
    while (taken < count && sending.in - sending.out < RING_BYTES) {
        sending.bytes[sending.in % RING_BYTES] = bytes[taken++];
        sending.in++;
    }
    const uint32_t before = interrupts_mask();
    transmit();
    interrupts_restore(before);
    return taken;
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

uint32_t port_bytes_lost(void)
{
    return bytes_lost;
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
    if (uart_on) {
        /* The last words have to leave the chip before the reset. */
        uint32_t left = sending.in - sending.out + 1u;
        for (uint32_t polls = 0; polls < POLLS_A_BYTE && (left || (UART0_FR & (FR_BUSY | FR_TX_EMPTY)) != FR_TX_EMPTY); polls++) {
            transmit();
            if (sending.in - sending.out != left) {
                left = sending.in - sending.out;
                polls = 0;
            }
        }
    }
    __asm volatile("dsb" ::: "memory");
    AIRCR = AIRCR_RESET;
    for (;;) {
    }
}
