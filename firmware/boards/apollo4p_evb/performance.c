/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 192 MHz. The processor then needs the SIMO buck converter, and the boot loader leaves it on
 * linear regulators. The order of steps is that of two public drivers; for this very chip nobody is
 * known to have run it, so it is a build option, every step is checked, and a step that fails
 * leaves the processor at 96 MHz, which it never stopped using.
 */
#include "apollo4p.h"
#include "board.h"

#define TRYING 0x48504F4Eu
#define BUCK_US 1000u
#define OLDEST_TRIM 3u    /* parts before need trims that are not known well enough */
#define NEWEST_TRIM 0xFFu /* beyond, the word is no revision */
#define LOW_VOLTAGE_TRIM 6u

static bool buck_active(void)
{
    return VRSTATUS_SIMOBUCK(PWRCTRL_VRSTATUS) == SIMOBUCK_ACTIVE;
}

static bool buck_start(uint32_t trim)
{
    /* On-times in low power: 10 for VDDC, 15 for VDDF, high and low. */
    MCUCTRL_SIMOBUCK3 = (MCUCTRL_SIMOBUCK3 & ~(15u << 26 | 15u << 13)) | 10u << 26 | 10u << 13;
    MCUCTRL_SIMOBUCK8 = (MCUCTRL_SIMOBUCK8 & ~(15u << 22 | 15u << 9)) | 15u << 22 | 15u << 9;
    /* VDDF and VDDS joined; without it the converter does not become active. */
    MCUCTRL_PWRSW1 |= 1u << 31;
    MCUCTRL_PWRSW1 |= 1u << 30;
    MCUCTRL_SIMOBUCK13 &= ~SIMOBUCK13_ACTTRIMVDDS;
    if (trim >= LOW_VOLTAGE_TRIM) {
        MCUCTRL_SIMOBUCK0 = 0xFu;
        MCUCTRL_D2ASPARE &= ~D2ASPARE_VDDC_LV;
    } else {
        MCUCTRL_SIMOBUCK0 = 0x7u;
    }
    PWRCTRL_VRCTRL |= VRCTRL_SIMOBUCKEN;
    MCUCTRL_SIMOBUCK15 |= SIMOBUCK15_TRIMLATCHOVER;
    /*
     * The converter forced on, then both linear regulators in parallel; each group's override comes
     * last.
     */
    MCUCTRL_VRCTRL |= 1u << 17;
    MCUCTRL_VRCTRL |= 1u << 18;
    MCUCTRL_VRCTRL |= 1u << 19;
    MCUCTRL_VRCTRL |= 1u << 16;
    MCUCTRL_VRCTRL &= ~(1u << 4);
    MCUCTRL_VRCTRL |= 7u << 1;
    MCUCTRL_VRCTRL |= 1u << 0;
    MCUCTRL_VRCTRL &= ~(1u << 9);
    MCUCTRL_VRCTRL |= 7u << 6;
    MCUCTRL_VRCTRL |= 1u << 5;
    for (uint32_t waited = 0; waited < BUCK_US && !buck_active(); waited++) {
        wait_us(1);
    }
    return buck_active();
}

static bool request(uint32_t mode)
{
    PWRCTRL_MCUPERFREQ = mode;
    return answers(&PWRCTRL_MCUPERFREQ, MCUPERFREQ_ACK, MCUPERFREQ_ACK) &&
           MCUPERFREQ_STATUS(PWRCTRL_MCUPERFREQ) == mode;
}

/* Cycles of a millisecond by the system timer, whose clock does not change. */
static uint32_t cycles_a_ms(void)
{
    const uint32_t begin = ticks();
    const uint32_t from = DWT_CYCCNT;
    uint32_t now = begin;
    for (uint32_t polls = 0; polls < 100000u && now - begin < 1000u * TICKS_PER_US; polls++) {
        now = ticks();
    }
    const uint32_t cycles = DWT_CYCCNT - from;
    return now == begin ? 0 : (uint32_t)((uint64_t)cycles * 1000u * TICKS_PER_US / (now - begin));
}

const char *performance_raise(void)
{
    if (!(MCUCTRL_SKU & SKU_TURBOSPOT)) {
        return "192 not on this part";
    }
    const uint32_t trim = INFO1_TRIM_REV;
    if (trim < OLDEST_TRIM || trim > NEWEST_TRIM) {
        return "192 not with these trims";
    }
    /* A try that hung, or that failed half-way, has ended in a reset: do not try a second time. */
    if (MCUCTRL_SCRATCH1 == TRYING) {
        MCUCTRL_SCRATCH1 = 0;
        return "192 hung before the reset";
    }
    MCUCTRL_SCRATCH1 = TRYING;
    if (!buck_active() && !buck_start(trim)) {
        MCUCTRL_SCRATCH1 = 0;
        return "buck not active";
    }
    if (!request(MCUPERFREQ_HP)) {
        /* The state of the clock is unknown: reset; the next start stays at 96 MHz. */
        (void)SYNC_READ;
        AIRCR = AIRCR_RESET;
        for (;;) {
        }
    }
    MCUCTRL_SCRATCH1 = 0;
    const uint32_t cycles = cycles_a_ms();
    if (cycles < HIGH_PERFORMANCE_HZ / 1000u / 20u * 19u ||
        cycles > HIGH_PERFORMANCE_HZ / 1000u / 20u * 21u) {
        (void)request(MCUPERFREQ_LP);
        return "192 measured as another rate";
    }
    return 0;
}
